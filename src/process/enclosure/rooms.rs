//! Directories for temporary files that belong to an enclosure alone: others
//! are mounted over them in a mount namespace of its own (see
//! `mount_namespaces(7)`), and what has to stay visible is mounted back.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use nix::sched::{CloneFlags, unshare};
use rustix::fs::CWD;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};

use super::Rooms;
use super::control::{EnclosureStep, Refused};

/// What programs take for temporary files whatever TMPDIR says.
const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];

/// Makes a mount namespace with rooms of its own, for this process and those
/// that enter it.
pub(super) fn make(rooms: Rooms<'_>) -> Result<(), Refused> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(Refused::at(EnclosureStep::MakeRooms))?;
    furnish(rooms).map_err(Refused::at(EnclosureStep::MakeRooms))
}

fn furnish(rooms: Rooms<'_>) -> io::Result<()> {
    // Before anything is mounted: nothing of it may come to be seen outside.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    // All in hand before anything is covered.
    let mut mounts = Vec::new();
    for (place, what) in plan(rooms.hide, rooms.keep) {
        let tree = match what {
            What::Covered => {
                let name = place.as_str().trim_start_matches('/').replace('/', "-");
                let room = rooms.tmp.join(name);
                crate::fs::create_private_dir(&room)?;
                tree(&room)?
            }
            What::Kept => tree(&place)?,
        };
        mounts.push((tree, place));
    }
    for (tree, place) in mounts {
        make_place(&place, &tree)?;
        mount(&tree, &place)?;
    }
    Ok(())
}

/// What becomes of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// An empty directory is mounted over it.
    Covered,
    /// It is mounted back.
    Kept,
}

/// What has to be mounted, outer paths first: only where it differs from what is
/// around it. To keep the whole of what is covered would be to cover nothing, so
/// there covering wins; and the root of the file system is never covered.
fn plan(hide: &[Utf8PathBuf], keep: &[Utf8PathBuf]) -> Vec<(Utf8PathBuf, What)> {
    let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
    let shared = SHARED.iter().map(|name| Utf8Path::new(*name));
    let hidden = shared.chain(hide.iter().map(Utf8PathBuf::as_path)).filter_map(real);
    let covered = hidden.filter(|path| path.is_dir() && path.parent().is_some());
    let kept = keep.iter().filter(|path| path.exists());
    // Each as it is given and as it really is.
    let kept = kept.flat_map(|path| [Some(path.clone()), real(path)]).flatten();
    let mut all: Vec<_> = covered.map(|path| (path, What::Covered)).collect();
    all.extend(kept.map(|path| (path, What::Kept)));
    all.sort();
    let mut plan: Vec<(Utf8PathBuf, What)> = Vec::new();
    for (path, what) in all {
        let around = plan.iter().rev().find(|(outer, _)| path.starts_with(outer));
        let differs = match around {
            Some((outer, around)) => *around != what && *outer != path,
            None => what == What::Covered,
        };
        if differs {
            plan.push((path, what));
        }
    }
    plan
}

/// A copy of the mounts at a path, mounted nowhere yet.
fn tree(path: &Utf8Path) -> io::Result<OwnedFd> {
    // Without the mounts below it the system refuses a tree that came from outside.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path.as_str(), flags)?)
}

fn mount(tree: &OwnedFd, place: &Utf8Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    Ok(move_mount(tree, "", CWD, place.as_str(), flags)?)
}

/// Something to mount on: a file for a file, a directory for the rest.
fn make_place(place: &Utf8Path, tree: &OwnedFd) -> io::Result<()> {
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(tree.as_fd())?.st_mode);
    if kind.is_dir() {
        return fs::create_dir_all(place);
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::File::create(place).map(drop)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn only_what_differs_from_what_is_around_it_is_mounted() {
        let directory = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let (home, other) = (base.join("home"), base.join("other"));
        for made in ["a/b", "a/secret/again", "real", "plain"] {
            fs::create_dir_all(home.join(made)).unwrap();
        }
        fs::create_dir_all(&other).unwrap();
        fs::os::unix::fs::symlink(home.join("real"), other.join("link")).unwrap();
        let keep = [
            base.clone(),
            home.join("a/b"),
            home.join("a"),
            home.join("a/secret/again"),
            home.clone(),
            other.join("link"),
            home.join("nowhere"),
            "/usr".into(),
        ];
        let hide = [home.clone(), home.join("a/secret"), "/".into(), home.join("nowhere")];
        let mounted: Vec<_> = plan(&hide, &keep)
            .into_iter()
            .filter_map(|(path, what)| Some((path.strip_prefix(&base).ok()?.to_string(), what)))
            .filter(|(path, _)| !path.is_empty())
            .collect();
        let expected = [
            ("home", What::Covered),
            ("home/a", What::Kept),
            ("home/a/secret", What::Covered),
            ("home/a/secret/again", What::Kept),
            ("home/real", What::Kept),
        ];
        assert_eq!(mounted, expected.map(|(path, what)| (path.to_owned(), what)));
    }
}
