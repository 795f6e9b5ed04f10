//! Temporary directories of an enclosure's own, and hidden ones: empty directories
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

use super::MountPlan;
use super::control::{EnclosureStep, StepFailure};

/// What programs take for temporary files whatever TMPDIR says.
const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];

/// Makes a mount namespace for this process and those that enter it.
pub(super) fn make(plan: MountPlan<'_>) -> Result<(), StepFailure> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(StepFailure::at(EnclosureStep::MakeMounts))?;
    mount_all(plan).map_err(StepFailure::at(EnclosureStep::MakeMounts))
}

fn mount_all(plan: MountPlan<'_>) -> io::Result<()> {
    // Before anything is mounted: nothing of it may come to be seen outside.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    // Every tree is opened before the first is mounted: afterwards some lie hidden.
    let mut mounts = Vec::new();
    for (place, kind) in mounts_of(plan.hide, plan.keep) {
        let tree = match kind {
            MountKind::Empty => {
                let name = place.as_str().trim_start_matches('/').replace('/', "-");
                let empty = plan.tmp.join(name);
                crate::fs::create_private_dir(&empty)?;
                tree(&empty)?
            }
            MountKind::Visible => tree(&place)?,
        };
        mounts.push((tree, place));
    }
    for (tree, place) in mounts {
        make_place(&place, &tree)?;
        mount(&tree, &place)?;
    }
    Ok(())
}

/// What is mounted at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum MountKind {
    /// An empty directory.
    Empty,
    /// What is there outside.
    Visible,
}

/// What has to be mounted, outer paths first: only where it differs from what is
/// around it. To keep the whole of what is covered would be to cover nothing, so
/// there covering wins; and the root of the file system is never covered.
fn mounts_of(hide: &[Utf8PathBuf], keep: &[Utf8PathBuf]) -> Vec<(Utf8PathBuf, MountKind)> {
    let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
    let shared = SHARED.iter().map(|name| Utf8Path::new(*name));
    let hidden = shared.chain(hide.iter().map(Utf8PathBuf::as_path)).filter_map(real);
    let covered = hidden.filter(|path| path.is_dir() && path.parent().is_some());
    let kept = keep.iter().filter(|path| path.exists());
    // Each as it is given and as it really is.
    let kept = kept.flat_map(|path| [Some(path.clone()), real(path)]).flatten();
    let mut all: Vec<_> = covered.map(|path| (path, MountKind::Empty)).collect();
    all.extend(kept.map(|path| (path, MountKind::Visible)));
    all.sort();
    let mut mounts: Vec<(Utf8PathBuf, MountKind)> = Vec::new();
    for (path, kind) in all {
        let around = mounts.iter().rev().find(|(outer, _)| path.starts_with(outer));
        let differs = match around {
            Some((outer, around)) => *around != kind && *outer != path,
            None => kind == MountKind::Empty,
        };
        if differs {
            mounts.push((path, kind));
        }
    }
    mounts
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
        let mounted: Vec<_> = mounts_of(&hide, &keep)
            .into_iter()
            .filter_map(|(path, kind)| Some((path.strip_prefix(&base).ok()?.to_string(), kind)))
            .filter(|(path, _)| !path.is_empty())
            .collect();
        let expected = [
            ("home", MountKind::Empty),
            ("home/a", MountKind::Visible),
            ("home/a/secret", MountKind::Empty),
            ("home/a/secret/again", MountKind::Visible),
            ("home/real", MountKind::Visible),
        ];
        assert_eq!(mounted, expected.map(|(path, kind)| (path.to_owned(), kind)));
    }
}
