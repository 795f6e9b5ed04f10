//! Removing a directory with all that is in it, whoever made it: as deep as it is, with
//! paths longer than the system takes, without permissions. Never through a link.
//!
//! A directory that is not empty is emptied into the topmost one first. So two
//! directories are open at a time, and nothing here grows with the depth.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, chmodat, fchmod, openat, renameat, unlinkat};
use rustix::io::Errno;

/// Removes the directory at `path`.
pub(super) fn remove_directory(path: &Utf8Path) -> io::Result<()> {
    let root = open(CWD, path.as_str())?;
    let mut moved = 0_u64;
    while let Some(names) = some_of(names(&root)?) {
        for name in names {
            if !remove_plain(&root, &name)? {
                let inner = open(&root, &name)?;
                flatten(&inner, &root, &mut moved)?;
                drop(inner);
                gone(unlinkat(&root, name.as_c_str(), AtFlags::REMOVEDIR))?;
            }
        }
    }
    gone(unlinkat(CWD, path.as_str(), AtFlags::REMOVEDIR))
}

type Name = std::ffi::CString;

fn some_of(names: Vec<Name>) -> Option<Vec<Name>> {
    Some(names).filter(|names| !names.is_empty())
}

/// Empties `inner`: what is a directory with something in it moves to `root`.
fn flatten(inner: &OwnedFd, root: &OwnedFd, moved: &mut u64) -> io::Result<()> {
    for name in names(inner)? {
        if remove_plain(inner, &name)? {
            continue;
        }
        loop {
            *moved += 1;
            let to = format!(".codexpin-removed-{moved}");
            match renameat(inner, name.as_c_str(), root, to.as_str()) {
                Ok(()) => break,
                // There is one of that name, or it may not be given another parent.
                Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOTDIR) => {}
                Err(Errno::ACCESS) => chmodat(inner, &name, Mode::RWXU, AtFlags::empty())?,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Removes a file or an empty directory; false where it is one that is not empty.
fn remove_plain(from: &OwnedFd, name: &Name) -> io::Result<bool> {
    match unlinkat(from, name.as_c_str(), AtFlags::empty()) {
        // What unlink(2) says of a directory, on Linux and elsewhere.
        Err(Errno::ISDIR | Errno::PERM) => {}
        other => return gone(other).map(|()| true),
    }
    match unlinkat(from, name.as_c_str(), AtFlags::REMOVEDIR) {
        Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
        other => gone(other).map(|()| true),
    }
}

/// That somebody else was faster is no error.
fn gone(removed: rustix::io::Result<()>) -> io::Result<()> {
    match removed {
        Err(Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

/// Opens a directory so that it can be read and emptied.
fn open(at: impl AsFd, name: impl rustix::path::Arg + Copy) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = match openat(&at, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(&at, name, Mode::RWXU, AtFlags::empty())?;
            openat(&at, name, flags, Mode::empty())?
        }
        other => other?,
    };
    // Somebody else's directory can be emptied all the same where its group may.
    let _ = fchmod(&opened, Mode::RWXU);
    Ok(opened)
}

fn names(directory: &OwnedFd) -> io::Result<Vec<Name>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_owned();
        if name.as_c_str() != c"." && name.as_c_str() != c".." {
            names.push(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use camino::Utf8PathBuf;
    use fs_err as fs;
    use rustix::fs::mkdirat;

    use super::*;

    fn root() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        (guard, root)
    }

    #[test]
    fn a_tree_deeper_than_any_path_is_removed() {
        let (_guard, root) = root();
        let tree = root.join("tree");
        fs::create_dir(&tree).unwrap();
        let mut at = open(CWD, tree.as_str()).unwrap();
        for _ in 0..20_000 {
            mkdirat(&at, "directory", Mode::RWXU).unwrap();
            at = open(&at, "directory").unwrap();
        }
        drop(at);
        fs::write(tree.join("file"), "").unwrap();
        remove_directory(&tree).unwrap();
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }

    #[test]
    fn what_has_no_permissions_goes_and_what_a_link_leads_to_stays() {
        let (_guard, root) = root();
        let tree = root.join("tree");
        for directory in ["tree/closed/inner/innermost", "tree/.codexpin-removed-1/x", "outside"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        fs::write(root.join("outside/file"), "").unwrap();
        fs::write(tree.join("closed/inner/file"), "").unwrap();
        std::os::unix::fs::symlink("../outside", tree.join("link")).unwrap();
        std::os::unix::fs::symlink("../../../outside", tree.join("closed/inner/link")).unwrap();
        for closed in ["closed/inner", "closed"] {
            fs::set_permissions(tree.join(closed), PermissionsExt::from_mode(0o000)).unwrap();
        }
        remove_directory(&tree).unwrap();
        assert!(!tree.exists());
        assert!(root.join("outside/file").exists());
    }
}
