//! Trees of files: shared file by file, and looked at for what was written to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use camino::Utf8Path;
use fs_err as fs;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

/// Makes `to` a tree of the same files as `from`, by links where the file system lets it.
pub(super) fn link(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let relative = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        let target = to.as_std_path().join(relative);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else if let Err(error) = std::fs::hard_link(entry.path(), &target) {
            // What is there already is an error of the tree, not of the file system.
            if error.kind() == io::ErrorKind::AlreadyExists {
                return Err(error);
            }
            fs::copy(entry.path(), &target)?;
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
    Ok(format!("{:x}", hash.finalize()))
}

/// What is in files, by the file on the disk: one with many names is read once.
#[derive(Default)]
pub(super) struct ContentHashes {
    known: HashMap<FileId, [u8; 32]>,
}

/// Device and inode.
type FileId = (u64, u64);

struct HashedFile {
    relative: PathBuf,
    path: PathBuf,
    bytes: u64,
    id: FileId,
}

impl ContentHashes {
    /// A hash over the path, the size and the content of every file of some trees. The
    /// fingerprint is cheaper, and says nothing of a file that was written in place and given
    /// its time again.
    pub(super) fn of_trees(&mut self, trees: &[&Utf8Path]) -> io::Result<String> {
        let mut files = Vec::new();
        for tree in trees {
            for entry in WalkDir::new(tree).sort_by_file_name() {
                let entry = entry?;
                if !entry.file_type().is_file() {
                    continue;
                }
                let relative = entry.path().strip_prefix(tree).map_err(io::Error::other)?;
                let (relative, metadata) = (relative.to_owned(), entry.metadata()?);
                let (bytes, id) = (metadata.len(), (metadata.dev(), metadata.ino()));
                files.push(HashedFile { relative, path: entry.into_path(), bytes, id });
            }
        }
        let unknown: BTreeMap<FileId, &Path> = files
            .iter()
            .filter(|file| !self.known.contains_key(&file.id))
            .map(|file| (file.id, file.path.as_path()))
            .collect();
        let read: Vec<(FileId, [u8; 32])> = unknown
            .into_par_iter()
            .map(|(id, path)| {
                let mut hash = Sha256::new();
                io::copy(&mut fs::File::open(path)?, &mut hash)?;
                Ok((id, hash.finalize().into()))
            })
            .collect::<io::Result<_>>()?;
        self.known.extend(read);
        let mut hash = Sha256::new();
        for file in &files {
            hash.update(format!("{} {}\n", file.relative.display(), file.bytes));
            if let Some(content) = self.known.get(&file.id) {
                hash.update(content);
            }
        }
        Ok(format!("{:x}", hash.finalize()))
    }
}

/// Bytes on disk: each file once, however many names it has.
pub(super) fn disk_use(tree: &Utf8Path, seen: &mut BTreeSet<u64>) -> io::Result<u64> {
    bytes_of(tree, |file| file.nlink() == 1 || seen.insert(file.ino()))
}

/// Bytes on disk of the files that have no more than so many names.
pub(super) fn own_use(tree: &Utf8Path, names: u64) -> io::Result<u64> {
    bytes_of(tree, |file| file.nlink() <= names)
}

fn bytes_of(tree: &Utf8Path, mut counts: impl FnMut(&Metadata) -> bool) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in WalkDir::new(tree) {
        let entry = match entry {
            Ok(entry) => entry,
            // Another codexpin may be removing it at this moment.
            Err(e) if e.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) => continue,
            Err(error) => return Err(error.into()),
        };
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() || counts(&metadata) {
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
        fs::write(root.join("from/index.js"), "{}").unwrap();
        (directory, root)
    }

    #[test]
    fn a_linked_tree_shares_its_files() {
        let (_guard, root) = tree();
        link(&root.join("from"), &root.join("to")).unwrap();
        let inode = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
        assert_eq!(inode("from/dep/deep/index.js"), inode("to/dep/deep/index.js"));
        let again = link(&root.join("from"), &root.join("to")).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
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
    fn a_content_hash_sees_what_a_fingerprint_does_not_and_reads_a_shared_file_once() {
        let (_guard, root) = tree();
        let (from, file) = (root.join("from"), root.join("from/index.js"));
        let of = |tree: &Utf8Path| ContentHashes::default().of_trees(&[tree]).unwrap();
        let (content, print) = (of(&from), fingerprint(&[&from]).unwrap());
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "[]").unwrap();
        fs::File::options().append(true).open(&file).unwrap().set_modified(time).unwrap();
        assert_eq!(fingerprint(&[&from]).unwrap(), print);
        assert_ne!(of(&from), content);

        link(&from, &root.join("to")).unwrap();
        let mut hashes = ContentHashes::default();
        assert_eq!(hashes.of_trees(&[&from]).unwrap(), of(&from));
        let known = hashes.known.len();
        assert_eq!(hashes.of_trees(&[&root.join("to")]).unwrap(), of(&from));
        assert_eq!(hashes.known.len(), known);
    }

    #[test]
    fn shared_files_are_counted_once() {
        let (_guard, root) = tree();
        let alone = disk_use(&root.join("from"), &mut BTreeSet::new()).unwrap();
        link(&root.join("from"), &root.join("to")).unwrap();
        let both = disk_use(&root, &mut BTreeSet::new()).unwrap();
        let directories = 4096 * 8;
        assert!(both < alone + directories, "{both} of {alone}");
        let own = own_use(&root.join("to"), 1).unwrap();
        assert!(own < alone, "{own} of {alone}");
        assert_eq!(own_use(&root.join("to"), 2).unwrap(), alone);
    }
}
