//! Files that somebody else wrote: a candidate, a registry, whoever made a pin.
//!
//! Such a file may be a link out of its directory, a FIFO that nobody writes to, a
//! device without end, or larger than memory. Only a regular file of a limited size
//! is read; everything else is an error that names it.

use std::fs::{File, Permissions};
use std::io::{self, Read as _};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path};

use camino::Utf8Path;
use rustix::fs::{CWD, FileType, Mode, OFlags};

/// How much of a text is read: a config, a manifest, a lock file, a pin. Bytes.
pub const TEXT: u64 = 32 << 20;
/// How much of any other file is read. Bytes; the largest in a published package has
/// a tenth of it.
pub const ANY: u64 = 256 << 20;

/// Reads a file whose path codexpin made and whose last part somebody else may have
/// replaced: by a link, for one.
pub fn read(path: &Utf8Path, limit: u64) -> io::Result<Vec<u8>> {
    let opened = open_at(CWD, path.as_std_path(), OFlags::NOFOLLOW);
    content(path, regular(path, opened)?, limit)
}

/// The same, as text.
pub fn read_to_string(path: &Utf8Path, limit: u64) -> io::Result<String> {
    text(path, read(path, limit)?)
}

/// Reads a file that a person named: links are followed, to a regular file.
pub fn read_named(path: &Utf8Path, limit: u64) -> io::Result<Vec<u8>> {
    let opened = open_at(CWD, path.as_std_path(), OFlags::empty());
    content(path, regular(path, opened)?, limit)
}

/// The same, as text.
pub fn read_to_string_named(path: &Utf8Path, limit: u64) -> io::Result<String> {
    text(path, read_named(path, limit)?)
}

/// Reads a file in a directory that is somebody else's altogether: no part of the
/// path below `root` may be a link or lead out. `path` may begin with `root`.
pub fn read_below(root: &Utf8Path, path: &Utf8Path, limit: u64) -> io::Result<Vec<u8>> {
    content(&root.join(path), open_below(root, path)?, limit)
}

/// The same, as text.
pub fn read_to_string_below(root: &Utf8Path, path: &Utf8Path, limit: u64) -> io::Result<String> {
    text(&root.join(path), read_below(root, path, limit)?)
}

/// Opens a regular file in a directory that is somebody else's altogether. Every
/// directory on the way is opened by itself: the path cannot be led elsewhere
/// between two steps.
pub fn open_below(root: &Utf8Path, path: &Utf8Path) -> io::Result<File> {
    let whole = root.join(path);
    let mut parts = parts_below(root, path)?;
    let file = parts.pop().ok_or_else(|| leads_out(root, &whole))?;
    let directory = enter(root, &parts, &whole)?;
    regular(&whole, open_at(directory, file, OFlags::NOFOLLOW))
}

/// Whether this is a directory below `root`, and no link on the way to it.
pub fn check_directory_below(root: &Utf8Path, path: &Utf8Path) -> io::Result<()> {
    enter(root, &parts_below(root, path)?, &root.join(path)).map(drop)
}

/// Copies a file as [`open_below`] opens it to a new one; how many bytes it has.
pub fn copy_below(root: &Utf8Path, path: &Utf8Path, to: &Utf8Path, limit: u64) -> io::Result<u64> {
    let (whole, from) = (root.join(path), open_below(root, path)?);
    let found = from.metadata().map_err(|error| named(&whole, error))?;
    if found.len() > limit {
        return Err(too_large(&whole, limit));
    }
    let mut copy = File::create_new(to).map_err(|error| named(to, error))?;
    let copied =
        io::copy(&mut from.take(limit), &mut copy).map_err(|error| named(&whole, error))?;
    let mode = Permissions::from_mode(found.permissions().mode() & 0o777);
    copy.set_permissions(mode).map_err(|error| named(to, error))?;
    Ok(copied)
}

fn parts_below<'a>(root: &Utf8Path, path: &'a Utf8Path) -> io::Result<Vec<&'a Path>> {
    let below = path.strip_prefix(root).unwrap_or(path);
    let mut parts = Vec::new();
    for part in below.as_std_path().components() {
        match part {
            Component::Normal(name) => parts.push(Path::new(name)),
            Component::CurDir => {}
            _ => return Err(leads_out(root, &root.join(path))),
        }
    }
    Ok(parts)
}

fn enter(root: &Utf8Path, parts: &[&Path], whole: &Utf8Path) -> io::Result<OwnedFd> {
    let opened = rustix::fs::open(root.as_str(), directory(), Mode::empty());
    let mut at = opened.map_err(|error| named(whole, error.into()))?;
    for part in parts {
        at = match rustix::fs::openat(&at, *part, directory() | OFlags::NOFOLLOW, Mode::empty()) {
            Ok(next) => next,
            Err(error) => return Err(why(whole, at.as_fd(), part, error)),
        };
    }
    Ok(at)
}

fn leads_out(root: &Utf8Path, path: &Utf8Path) -> io::Error {
    refused(path, format_args!("leads out of {root}"))
}

/// The error of a file that has more than `limit` bytes.
pub fn too_large(path: &Utf8Path, limit: u64) -> io::Error {
    refused(path, format_args!("is larger than the {} that are read", bytesize::ByteSize(limit)))
}

const fn directory() -> OFlags {
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC)
}

/// Without waiting for whoever writes to a FIFO, and without becoming the terminal of
/// anything.
fn open_at(at: impl AsFd, path: &Path, more: OFlags) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY | more;
    match rustix::fs::openat(&at, path, flags, Mode::empty()) {
        Err(error) => match rustix::fs::statat(&at, path, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            // What cannot be opened at all, such as a socket, is named for what it is.
            Ok(found) if !more.is_empty() || error == rustix::io::Errno::NXIO => {
                match FileType::from_raw_mode(found.st_mode) {
                    FileType::RegularFile => Err(error.into()),
                    kind => Err(io::Error::other(no_regular_file(kind))),
                }
            }
            _ => Err(error.into()),
        },
        Ok(opened) => Ok(opened),
    }
}

fn regular(path: &Utf8Path, opened: io::Result<OwnedFd>) -> io::Result<File> {
    let opened = opened.map_err(|error| named(path, error))?;
    let found = rustix::fs::fstat(&opened).map_err(|error| named(path, error.into()))?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::RegularFile => Ok(File::from(opened)),
        kind => Err(named(path, io::Error::other(no_regular_file(kind)))),
    }
}

fn content(path: &Utf8Path, file: File, limit: u64) -> io::Result<Vec<u8>> {
    let size = file.metadata().map_err(|error| named(path, error))?.len();
    if size > limit {
        return Err(too_large(path, limit));
    }
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // A file may grow, and those of the kernel do not say how long they are.
    file.take(limit + 1).read_to_end(&mut content).map_err(|error| named(path, error))?;
    if content.len() as u64 > limit {
        return Err(too_large(path, limit));
    }
    Ok(content)
}

fn text(path: &Utf8Path, content: Vec<u8>) -> io::Result<String> {
    String::from_utf8(content)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("{path}: no UTF-8 text")))
}

/// Why a part of the path is no directory that can be gone into.
fn why(
    whole: &Utf8Path,
    at: std::os::fd::BorrowedFd<'_>,
    part: &Path,
    error: rustix::io::Errno,
) -> io::Error {
    match rustix::fs::statat(at, part, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) if FileType::from_raw_mode(found.st_mode).is_symlink() => {
            refused(whole, format_args!("is not read: `{}` is a link", part.display()))
        }
        _ => named(whole, error.into()),
    }
}

fn no_regular_file(kind: FileType) -> String {
    let kind = match kind {
        FileType::Directory => "a directory",
        FileType::Symlink => "a link",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::RegularFile | FileType::Unknown => "something else",
    };
    format!("it is {kind} and not a regular file, and is not read")
}

fn refused(path: &Utf8Path, why: std::fmt::Arguments<'_>) -> io::Error {
    io::Error::other(format!("{path} {why}"))
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn named(path: &Utf8Path, error: io::Error) -> io::Error {
    super::named(path, &error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use camino::Utf8PathBuf;
    use fs_err as fs;
    use fs_err::os::unix::fs::symlink;

    use super::*;

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().canonicalize().unwrap()).unwrap();
        (directory, path)
    }

    fn all(root: &Utf8Path, path: &str) -> [Result<Vec<u8>, String>; 3] {
        let shown = |error: io::Error| error.to_string();
        let whole = root.join(path);
        [
            read(&whole, 10).map_err(shown),
            read_named(&whole, 10).map_err(shown),
            read_below(root, Utf8Path::new(path), 10).map_err(shown),
        ]
    }

    #[test]
    fn a_regular_file_within_the_limit_is_read_and_a_larger_one_is_named_with_the_limit() {
        let (_guard, root) = directory();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/ten"), "0123456789").unwrap();
        fs::write(root.join("a/eleven"), "0123456789+").unwrap();
        let huge = fs::File::create(root.join("a/huge")).unwrap();
        huge.set_len(1 << 40).unwrap();
        for read in all(&root, "a/ten") {
            assert_eq!(read.unwrap(), b"0123456789");
        }
        for name in ["a/eleven", "a/huge"] {
            for read in all(&root, name) {
                let error = read.unwrap_err();
                assert_eq!(error, format!("{root}/{name} is larger than the 10 B that are read"));
            }
        }
    }

    #[test]
    fn a_fifo_a_socket_a_device_and_a_directory_are_errors_and_nothing_is_waited_for() {
        let (_guard, root) = directory();
        nix::unistd::mkfifo(root.join("fifo").as_std_path(), nix::sys::stat::Mode::S_IRWXU)
            .unwrap();
        let _listener = UnixListener::bind(root.join("socket")).unwrap();
        fs::create_dir(root.join("directory")).unwrap();
        for (name, word) in [("fifo", "a FIFO"), ("socket", "a socket"), ("directory", "a dir")] {
            for read in all(&root, name) {
                let error = read.unwrap_err();
                assert!(error.contains(&root.join(name).to_string()), "{error}");
                assert!(error.contains(word), "{error}");
            }
        }
        for read in all(Utf8Path::new("/dev"), "zero") {
            assert!(read.unwrap_err().contains("/dev/zero: it is a device"));
        }
        // It says that it is empty, and is not.
        let status = read(Utf8Path::new("/proc/self/status"), 10).unwrap_err().to_string();
        assert_eq!(status, "/proc/self/status is larger than the 10 B that are read");
    }

    #[test]
    fn a_link_is_followed_only_where_a_person_named_it() {
        let (_guard, root) = directory();
        fs::write(root.join("secret"), "token").unwrap();
        symlink(root.join("secret"), root.join("link")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        let [at_the_end, by_a_person, below] = all(&root, "link");
        assert!(at_the_end.unwrap_err().contains("it is a link and not a regular file"));
        assert_eq!(by_a_person.unwrap(), b"token");
        assert!(below.unwrap_err().contains("it is a link and not a regular file"));
        assert!(read(&root.join("dangling"), 10).unwrap_err().to_string().contains("a link"));
        symlink("/dev/zero", root.join("endless")).unwrap();
        assert!(read_named(&root.join("endless"), 10).unwrap_err().to_string().contains("device"));
    }

    #[test]
    fn no_part_of_a_path_in_a_foreign_directory_may_lead_out_of_it() {
        let (_guard, root) = directory();
        fs::create_dir_all(root.join("inside/real")).unwrap();
        fs::create_dir(root.join("outside")).unwrap();
        for directory in ["outside", "inside/real"] {
            fs::write(root.join(directory).join("file"), "text").unwrap();
        }
        symlink(root.join("outside"), root.join("inside/link")).unwrap();
        let inside = root.join("inside");
        let read = |path: &str| read_below(&inside, Utf8Path::new(path), 10);
        assert_eq!(read("real/./file").unwrap(), b"text");
        assert_eq!(read(inside.join("real/file").as_str()).unwrap(), b"text");
        let error = read("link/file").unwrap_err().to_string();
        assert_eq!(error, format!("{inside}/link/file is not read: `link` is a link"));
        let absolute = root.join("outside/file").to_string();
        for out in ["../outside/file", "real/../../outside/file", &absolute, "", "."] {
            let error = read(out).unwrap_err().to_string();
            assert!(error.contains("leads out of"), "{out}: {error}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_apart_from_what_is_not_read() {
        let (_guard, root) = directory();
        let kind = |read: io::Result<Vec<u8>>| read.unwrap_err().kind();
        let missing = io::ErrorKind::NotFound;
        assert_eq!(kind(read(&root.join("none"), 10)), missing);
        assert_eq!(kind(read_below(&root, Utf8Path::new("none/at/all"), 10)), missing);
        assert_eq!(read_named(&root.join("none"), 10).unwrap_err().kind(), missing);
    }
}
