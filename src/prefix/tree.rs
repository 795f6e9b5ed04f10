//! A finished `node_modules`, looked at and shared file by file.
//!
//! Two neighbouring releases have most of their dependencies in common, so a
//! new prefix begins as hard links to a finished one and npm replaces what
//! differs. A file written in place would change both; the fingerprint
//! shows it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use fs_err as fs;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

/// npm writes this one in place, so it is never shared. Without it, npm looks
/// at what is really there.
const HIDDEN_LOCK: &str = ".package-lock.json";

/// Makes `to` a tree of hard links to the files of `from`.
pub(super) fn link(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let relative = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        let target = to.as_std_path().join(relative);
        let kind = entry.file_type();
        if kind.is_dir() {
            fs::create_dir_all(&target)?;
        } else if kind.is_symlink() {
            fs_err::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else if entry.file_name() != HIDDEN_LOCK {
            fs::hard_link(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// A hash over every file's path, size and modification time (seconds and
/// nanoseconds), and every link's target.
pub(super) fn fingerprint(trees: &[&Utf8Path]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for tree in trees {
        for entry in WalkDir::new(tree).sort_by_file_name() {
            let entry = entry?;
            let relative = entry.path().strip_prefix(tree).map_err(io::Error::other)?;
            let kind = entry.file_type();
            let line = if kind.is_symlink() {
                format!("{} -> {}", relative.display(), fs::read_link(entry.path())?.display())
            } else if kind.is_file() {
                let metadata = entry.metadata()?;
                let (seconds, nanos) = (metadata.mtime(), metadata.mtime_nsec());
                format!("{} {} {seconds}.{nanos}", relative.display(), metadata.len())
            } else {
                continue;
            };
            hash.update(line.as_bytes());
            hash.update(b"\n");
        }
    }
    Ok(hexadecimal(hash))
}

fn hexadecimal(hash: Sha256) -> String {
    let mut text = String::with_capacity(64);
    for byte in hash.finalize() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A hash over what is in every file. It costs a second or two for a release: the
/// fingerprint is asked first, and says nothing of a file that was written in place and
/// given its time again.
pub(super) fn content(trees: &[&Utf8Path]) -> io::Result<String> {
    let mut hash = Sha256::new();
    for tree in trees {
        for entry in WalkDir::new(tree).sort_by_file_name() {
            let entry = entry?;
            if !entry.file_type().is_file() {
                continue;
            }
            let relative = entry.path().strip_prefix(tree).map_err(io::Error::other)?;
            let mut file = fs::File::open(entry.path())?;
            let length = file.metadata()?.len();
            hash.update(format!("{} {length}\n", relative.display()));
            io::copy(&mut file, &mut hash)?;
        }
    }
    Ok(hexadecimal(hash))
}

/// Bytes on disk: each file once, however many names it has. With `own`, only
/// files that have no name elsewhere.
pub(super) fn disk_use(tree: &Utf8Path, own: bool, seen: &mut BTreeSet<u64>) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in WalkDir::new(tree) {
        let entry = match entry {
            Ok(entry) => entry,
            // Another codexpin may be removing it at this moment.
            Err(e) if e.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        let Ok(metadata) = entry.metadata() else { continue };
        let counts = if metadata.is_dir() || metadata.nlink() == 1 {
            true
        } else {
            !own && seen.insert(metadata.ino())
        };
        if counts {
            bytes += metadata.blocks() * 512;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    fn tree() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        fs::create_dir_all(root.join("from/dep/deep")).unwrap();
        fs::write(root.join("from/dep/deep/index.js"), "1").unwrap();
        fs::write(root.join("from/.package-lock.json"), "{}").unwrap();
        std::os::unix::fs::symlink("dep/deep/index.js", root.join("from/bin")).unwrap();
        (directory, root)
    }

    #[test]
    fn a_linked_tree_shares_its_files_but_not_npms_hidden_lock() {
        let (_guard, root) = tree();
        link(&root.join("from"), &root.join("to")).unwrap();
        let inode = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
        assert_eq!(inode("from/dep/deep/index.js"), inode("to/dep/deep/index.js"));
        assert_eq!(fs::read_to_string(root.join("to/bin")).unwrap(), "1");
        assert!(!root.join("to/.package-lock.json").exists());
    }

    #[test]
    fn a_write_through_a_shared_link_shows_in_the_other_tree_and_a_replaced_file_does_not() {
        let (_guard, root) = tree();
        let (from, to) = (root.join("from"), root.join("to"));
        link(&from, &to).unwrap();
        let before = fingerprint(&[&from]).unwrap();
        fs::remove_file(to.join("dep/deep/index.js")).unwrap();
        fs::write(to.join("dep/deep/index.js"), "22").unwrap();
        assert_eq!(fingerprint(&[&from]).unwrap(), before);

        let again = root.join("again");
        link(&from, &again).unwrap();
        fs::write(again.join("dep/deep/index.js"), "333").unwrap();
        assert_ne!(fingerprint(&[&from]).unwrap(), before);
    }

    #[test]
    fn a_fingerprint_changes_with_any_file() {
        let (_guard, root) = tree();
        let from = root.join("from");
        let before = fingerprint(&[&from]).unwrap();
        assert_eq!(fingerprint(&[&from]).unwrap(), before);
        fs::write(from.join("dep/deep/index.js"), "22").unwrap();
        assert_ne!(fingerprint(&[&from]).unwrap(), before);
    }

    #[test]
    fn shared_files_are_counted_once() {
        let (_guard, root) = tree();
        let alone = disk_use(&root.join("from"), false, &mut BTreeSet::new()).unwrap();
        link(&root.join("from"), &root.join("to")).unwrap();
        let both = disk_use(&root, false, &mut BTreeSet::new()).unwrap();
        let directories = 4096 * 8;
        assert!(both < alone + directories, "{both} of {alone}");
        let own = disk_use(&root.join("to"), true, &mut BTreeSet::new()).unwrap();
        assert!(own < alone, "{own} of {alone}");
    }
}
