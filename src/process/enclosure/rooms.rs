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
use super::control::{Refused, Step};

/// What programs take for temporary files whatever TMPDIR says.
const SHARED: [&str; 2] = ["/tmp", "/var/tmp"];

/// Makes a mount namespace with rooms of its own, for this process and those
/// that enter it.
pub(super) fn make(rooms: Rooms<'_>) -> Result<(), Refused> {
    unshare(CloneFlags::CLONE_NEWNS).map_err(Refused::at(Step::MakeRooms))?;
    furnish(rooms).map_err(Refused::at(Step::MakeRooms))
}

fn furnish(rooms: Rooms<'_>) -> io::Result<()> {
    // Before anything is mounted: nothing of it may come to be seen outside.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let mut shared: Vec<_> =
        SHARED.iter().filter_map(|name| Utf8Path::new(name).canonicalize_utf8().ok()).collect();
    shared.dedup();
    let kept = places(rooms.keep, &shared);
    // All in hand before anything is covered.
    let mut covers = Vec::new();
    for place in shared {
        let room = rooms.tmp.join(place.as_str().trim_start_matches('/').replace('/', "-"));
        crate::fs::create_private_dir(&room)?;
        covers.push((tree(&room)?, place));
    }
    let mut back = Vec::new();
    for place in kept {
        back.push((tree(&place)?, place));
    }
    for (tree, place) in covers {
        mount(&tree, &place)?;
    }
    for (tree, place) in back {
        make_place(&place, &tree)?;
        mount(&tree, &place)?;
    }
    Ok(())
}

/// Where something has to be mounted back: each path as it is given and as it
/// really is, without what another of them holds already. The outermost comes first.
fn places(keep: &[Utf8PathBuf], shared: &[Utf8PathBuf]) -> Vec<Utf8PathBuf> {
    let real = keep.iter().filter_map(|path| path.canonicalize_utf8().ok());
    let mut wanted: Vec<_> = keep.iter().cloned().chain(real).collect();
    // To keep the whole of what is shared would be to have no room at all.
    wanted.retain(|path| {
        path.exists() && shared.iter().any(|room| path.starts_with(room) && path != room)
    });
    wanted.sort();
    let mut places: Vec<Utf8PathBuf> = Vec::new();
    for path in wanted {
        if !places.iter().any(|outer| path.starts_with(outer)) {
            places.push(path);
        }
    }
    places
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
    fn only_what_is_in_a_room_is_mounted_back_and_nothing_twice() {
        let directory = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let (room, other) = (base.join("room"), base.join("other"));
        fs::create_dir_all(room.join("a/b")).unwrap();
        fs::create_dir_all(room.join("real")).unwrap();
        fs::create_dir_all(&other).unwrap();
        fs::os::unix::fs::symlink(room.join("real"), other.join("link")).unwrap();
        let keep = [
            room.join("a/b"),
            room.join("a"),
            room.clone(),
            other.join("link"),
            room.join("nowhere"),
            "/usr".into(),
        ];
        assert_eq!(places(&keep, std::slice::from_ref(&room)), [room.join("a"), room.join("real")]);
    }
}
