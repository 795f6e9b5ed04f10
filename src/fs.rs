//! Files that another codexpin, or a power cut, may touch at the same time:
//! atomic writes, private directories and locks.

pub mod foreign;
mod removal;

use std::fs::{File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use zeroize::Zeroizing;

use crate::explain::{Class, Explain};

/// Writes a whole file so that a reader, or a restart, sees the old or the new
/// content and nothing between: temporary file beside it, fsync, rename, fsync
/// of the directory.
pub fn write_atomic(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    // The mode of any new file, less the umask.
    write_atomic_with(path, content, 0o666)
}

/// The same; a new file is readable by its owner only.
pub fn write_atomic_private(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    write_atomic_with(path, content, 0o600)
}

fn write_atomic_with(path: &Utf8Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = parent(path);
    fs::create_dir_all(directory)?;
    let mut file = tempfile::Builder::new()
        .prefix(".codexpin-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(directory)
        .map_err(|e| named(directory, &e))?;
    file.write_all(content).map_err(|e| named(path, &e))?;
    // A file that is replaced keeps its mode: a private one stays private.
    if let Ok(old) = fs::metadata(path) {
        file.as_file().set_permissions(old.permissions()).map_err(|e| named(path, &e))?;
    }
    // The content is on disk before the name: a rename may outlive a power cut that the
    // data does not.
    file.as_file().sync_all().map_err(|e| named(path, &e))?;
    file.persist(path).map_err(|e| named(path, &e.error))?;
    sync_directory(directory)
}

/// Whether [`write_atomic`] could write here now; nothing stays behind but the
/// directory.
pub fn try_writing_beside(path: &Utf8Path) -> io::Result<()> {
    let directory = parent(path);
    fs::create_dir_all(directory)?;
    let file = tempfile::Builder::new().prefix(".codexpin-").tempfile_in(directory);
    file.map(drop).map_err(|e| named(directory, &e))
}

/// Whether this user may make and replace files in a directory.
pub fn is_writable(directory: &Utf8Path) -> bool {
    rustix::fs::access(directory.as_std_path(), rustix::fs::Access::WRITE_OK).is_ok()
}

/// Makes the entries of a directory (a rename, a new file) last.
pub fn sync_directory(directory: &Utf8Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// Creates a directory, and what is missing above it, that only its owner can read.
pub fn create_private_dir(path: &Utf8Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|e| named(path, &e))
}

/// Writes a new file that only its owner can read.
pub fn write_private(path: &Utf8Path, content: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| named(path, &e))?;
    file.write_all(content).map_err(|e| named(path, &e))
}

/// Reads a whole file that may hold secrets, into memory that is overwritten when it
/// is freed.
pub fn read_private(path: &Utf8Path) -> io::Result<Zeroizing<Vec<u8>>> {
    foreign::read_named(path, foreign::TEXT).map(Zeroizing::new)
}

/// Lets its owner run a file.
pub fn make_executable(path: &Utf8Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))
}

/// Removes a file or a whole directory; that it is gone already is no error.
pub fn remove(path: &Utf8Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => {
            removal::remove_directory(path).map_err(|e| named(path, &e))
        }
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn parent(path: &Utf8Path) -> &Utf8Path {
    match path.parent() {
        Some(directory) if !directory.as_str().is_empty() => directory,
        _ => Utf8Path::new("."),
    }
}

fn named(path: &Utf8Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{path}: {error}"))
}

/// Waits for every other codexpin that changes a file in this directory, for as long as
/// the result is held; it is made where it is missing. The directory itself is locked, so no file is left in it: it may
/// be a team's repository. A file system without locks gives none.
pub fn take_turns_in(directory: &Utf8Path) -> io::Result<File> {
    fs::create_dir_all(directory)?;
    let held = File::open(directory).map_err(|e| named(directory, &e))?;
    match held.lock() {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => take_turns_in(directory),
        _ => Ok(held),
    }
}

/// How often a lock that is held is tried again.
const POLL: std::time::Duration = std::time::Duration::from_millis(100);

/// An advisory lock, held until it is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another codexpin{} is using {path}", holder.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    Held {
        /// The lock file.
        path: Utf8PathBuf,
        /// The process that holds it, where it left its number.
        holder: Option<u32>,
    },
    /// The lock file itself cannot be used.
    #[error("cannot lock {path}: {source}")]
    Io {
        /// The lock file.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Explain for LockError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Held { .. } => Some("wait until it has ended, or end it".to_owned()),
            Self::Io { .. } => None,
        }
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

impl Lock {
    /// Takes the lock now; the error says which process holds it.
    pub fn try_take(path: &Utf8Path) -> Result<Self, LockError> {
        let (mut file, text) = Self::open(path)?;
        match file.try_lock() {
            Ok(()) => {
                Self::sign(&mut file, path)?;
                Ok(Self { file })
            }
            Err(TryLockError::WouldBlock) => {
                Err(LockError::Held { path: path.to_owned(), holder: text.trim().parse().ok() })
            }
            Err(TryLockError::Error(source)) => {
                Err(LockError::Io { path: path.to_owned(), source })
            }
        }
    }

    /// Takes the lock as soon as it is free.
    pub async fn wait(path: &Utf8Path) -> Result<Self, LockError> {
        loop {
            match Self::try_take(path) {
                Err(LockError::Held { .. }) => tokio::time::sleep(POLL).await,
                other => return other,
            }
        }
    }

    /// Shares the lock with others who only read what it guards.
    pub fn try_share(path: &Utf8Path) -> Result<Self, LockError> {
        let (file, text) = Self::open(path)?;
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => {
                Err(LockError::Held { path: path.to_owned(), holder: text.trim().parse().ok() })
            }
            Err(TryLockError::Error(source)) => {
                Err(LockError::Io { path: path.to_owned(), source })
            }
        }
    }

    fn open(path: &Utf8Path) -> Result<(File, String), LockError> {
        let io = |source| LockError::Io { path: path.to_owned(), source };
        fs::create_dir_all(parent(path)).map_err(io)?;
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        let text = io::read_to_string(&file).unwrap_or_default();
        Ok((file, text))
    }

    fn sign(file: &mut File, path: &Utf8Path) -> Result<(), LockError> {
        use std::io::Seek as _;
        let signed = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        signed.map_err(|source| LockError::Io { path: path.to_owned(), source })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file releases the lock in any case. Emptying it only keeps the next
        // reader from naming a process that is long gone.
        let _ = self.file.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().to_owned()).unwrap();
        (directory, path)
    }

    #[test]
    fn an_atomic_write_replaces_the_file_and_leaves_nothing_beside_it() {
        let (_guard, path) = directory();
        let file = path.join("deep/known-good.toml");
        write_atomic(&file, b"one").unwrap();
        write_atomic(&file, b"two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_second_taker_of_a_lock_is_told_who_has_it() {
        let (_guard, path) = directory();
        let file = path.join("session.lock");
        let first = Lock::try_take(&file).unwrap();
        let error = Lock::try_take(&file).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        Lock::try_take(&file).unwrap();
    }

    #[test]
    fn private_files_and_directories_are_closed_to_others() {
        let (_guard, path) = directory();
        create_private_dir(&path.join("home")).unwrap();
        write_private(&path.join("home/auth.json"), b"{}").unwrap();
        let mode = |name: &str| fs::metadata(path.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("home"), mode("home/auth.json")), (0o700, 0o600));
    }

    #[test]
    fn removing_what_is_gone_is_no_error() {
        let (_guard, path) = directory();
        remove(&path.join("never-was")).unwrap();
    }
}
