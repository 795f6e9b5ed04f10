//! A published tarball, unpacked as npm does it: `pacote` 21 (`fetcher.js`), for what every
//! package has. One that has anything else in it is refused; npm itself may judge it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path};

use camino::{Utf8Path, Utf8PathBuf};
use flate2::read::MultiGzDecoder;
use fs_err as fs;
use serde_json::Value;
use sha2::{Digest as _, Sha512};
use tar::EntryType;

use super::integrity;
use crate::fs::foreign;

/// How many files and directories a package may have: five times what any release of
/// `OpenClaw` has.
const ENTRIES: usize = 100_000;
/// How much it may be, unpacked. Bytes; of all that comes with `OpenClaw` the Codex CLI is
/// the largest, with some 300 MB.
const BYTES: u64 = 4 << 30;
/// How deep its directories may be nested.
const DEPTH: usize = 64;

/// A published tarball in npm's cache: `cacache` keeps content under its hash, in
/// `content-v2`, which no version of it has changed since npm 5.
pub(crate) fn cached(npm_cache: &Utf8Path, integrity: &str) -> Option<File> {
    let digits = integrity::digits(integrity)?;
    let (first, rest) = digits.split_at_checked(2)?;
    let (second, rest) = rest.split_at_checked(2)?;
    let content = format!("_cacache/content-v2/sha512/{first}/{second}/{rest}");
    foreign::open_below(npm_cache, Utf8Path::new(&content)).ok()
}

/// A tarball was not unpacked. What there is of it has to be removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TarballError {
    /// It is not what was published.
    #[error("its content does not have the hash {0}")]
    OtherContent(String),
    /// It has something that packages do not have.
    #[error("{0}")]
    Unusual(String),
    /// It cannot be read, or not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Unpacks the tarball whose content has this SHA-512 into a directory, which is made.
pub(crate) fn unpack(
    tarball: impl Read,
    integrity: &str,
    directory: &Utf8Path,
) -> Result<(), TarballError> {
    let mut tarball = Hashing { inner: tarball, hash: Sha512::new() };
    let unpacked = unpack_entries(&mut tarball, directory);
    // What comes behind the end of the archive is hashed, too.
    io::copy(&mut tarball, &mut io::sink())?;
    // Asked first: what is not what was published says nothing of the package.
    if integrity::of_hash(&tarball.hash.finalize()) != integrity {
        return Err(TarballError::OtherContent(integrity.to_owned()));
    }
    unpacked?;
    Ok(make_commands_executable(directory)?)
}

fn unpack_entries(tarball: impl Read, directory: &Utf8Path) -> Result<(), TarballError> {
    fs::create_dir_all(directory)?;
    let mut archive = tar::Archive::new(MultiGzDecoder::new(tarball));
    let mut names = BTreeSet::new();
    let (mut entries, mut bytes) = (0, 0);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let path = entry.path()?.into_owned();
        entries += 1;
        bytes += entry.size();
        if entries > ENTRIES || bytes > BYTES {
            return Err(unusual("it has more in it than any package"));
        }
        let Some(mut place) = place(&path)? else { continue };
        // As `npm pack` reads it where there is no other one.
        if place.file_name() == Some(".gitignore") {
            place.set_file_name(".npmignore");
            if names.contains(&place) {
                continue;
            }
        }
        match kind {
            EntryType::Directory => {
                fs::create_dir_all(directory.join(&place))?;
            }
            EntryType::Regular | EntryType::Continuous => {
                let file = directory.join(&place);
                // Some packages have a file twice: the last is what npm leaves.
                if !names.insert(place) {
                    fs::remove_file(&file)?;
                }
                if let Some(parent) = file.parent() {
                    fs::create_dir_all(parent)?;
                }
                let mode = ((entry.header().mode()? & 0o777) | 0o666) & !0o022;
                let mut written = std::fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(mode)
                    .open(&file)
                    .map_err(|error| io::Error::new(error.kind(), format!("{file}: {error}")))?;
                io::copy(&mut entry, &mut written)?;
            }
            _ => {
                return Err(unusual(format!(
                    "{} is neither a file nor a directory",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

/// Where an entry belongs, without the directory that all of them are in; none for that
/// directory itself.
fn place(path: &Path) -> Result<Option<Utf8PathBuf>, TarballError> {
    let outside = || unusual(format!("{} leads out of it", path.display()));
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str().ok_or_else(outside)?),
            Component::CurDir => {}
            _ => return Err(outside()),
        }
    }
    if parts.len() > DEPTH {
        return Err(unusual("its directories are nested deeper than those of any package"));
    }
    let Some((_, parts)) = parts.split_first() else { return Ok(None) };
    Ok(Some(parts.iter().collect::<Utf8PathBuf>()).filter(|place| !place.as_str().is_empty()))
}

/// Lets what a package declares as a command be run, whatever its mode in the tarball.
fn make_commands_executable(package: &Utf8Path) -> io::Result<()> {
    let Ok(manifest) = foreign::read_below(package, "package.json".into(), foreign::TEXT) else {
        return Ok(());
    };
    let manifest: Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let commands: Vec<&str> = match &manifest["bin"] {
        Value::String(one) => vec![one],
        Value::Object(named) => named.values().filter_map(Value::as_str).collect(),
        _ => return Ok(()),
    };
    for command in commands {
        let Ok(file) = foreign::open_below(package, Utf8Path::new(command)) else { continue };
        let mode = file.metadata()?.permissions().mode();
        file.set_permissions(std::fs::Permissions::from_mode((mode | 0o111) & 0o777))?;
    }
    Ok(())
}

fn unusual(why: impl Into<String>) -> TarballError {
    TarballError::Unusual(why.into())
}

/// Hashes what is read through it.
struct Hashing<R> {
    inner: R,
    hash: Sha512,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hash.update(&buffer[..read]);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tarball with these entries: path, kind, mode, content.
    fn tarball(entries: &[(&str, EntryType, u32, &str)]) -> Vec<u8> {
        let gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut archive = tar::Builder::new(gz);
        for (path, kind, mode, content) in entries {
            let mut header = tar::Header::new_gnu();
            // Written by hand: the builder would not have a path that leads out.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(*mode);
            header.set_size(content.len() as u64);
            if matches!(kind, EntryType::Symlink | EntryType::Link) {
                header.set_link_name("package/target").unwrap();
            }
            header.set_cksum();
            archive.append(&header, content.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(tarball: &[u8]) -> (tempfile::TempDir, Result<(), TarballError>) {
        let guard = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(guard.path()).unwrap().join("to");
        let result = unpack(tarball, &integrity::of(tarball), &directory);
        (guard, result)
    }

    const FILE: EntryType = EntryType::Regular;

    #[test]
    fn a_package_is_unpacked_with_npms_modes_and_names() {
        let tarball = tarball(&[
            ("package/", EntryType::Directory, 0o700, ""),
            ("package/package.json", FILE, 0o600, r#"{"bin":{"x":"./cli.js","y":"../out.js"}}"#),
            ("package/cli.js", FILE, 0o4600, "1"),
            ("other/lib/run.sh", FILE, 0o777, "2"),
            ("package/.gitignore", FILE, 0o644, "3"),
            ("package/empty", EntryType::Directory, 0o755, ""),
            ("package/README", FILE, 0o644, "first"),
            ("package/readme", FILE, 0o644, "another"),
            ("package/README", FILE, 0o755, "last"),
        ]);
        let (guard, result) = unpacked(&tarball);
        result.unwrap();
        let of = |file: &str| guard.path().join("to").join(file);
        let mode = |file| fs::metadata(of(file)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("package.json"), 0o644);
        assert_eq!(mode("cli.js"), 0o755, "a command can be run, with no rights besides");
        assert_eq!(mode("lib/run.sh"), 0o755);
        assert_eq!(fs::read_to_string(of(".npmignore")).unwrap(), "3");
        assert!(!of(".gitignore").exists());
        assert!(of("empty").is_dir());
        assert_eq!(
            (fs::read_to_string(of("README")).unwrap().as_str(), mode("README")),
            ("last", 0o755)
        );
        assert_eq!(fs::read_to_string(of("readme")).unwrap(), "another");
    }

    #[test]
    fn what_is_in_no_package_is_refused() {
        let deep = format!("p/{}f", "d/".repeat(40));
        for (entries, why) in [
            (vec![("package/../../out", FILE, 0o644, "")], "leads out"),
            (vec![("/etc/out", FILE, 0o644, "")], "leads out"),
            (vec![("p/a", EntryType::Symlink, 0o644, "")], "neither a file"),
            (vec![("p/a", EntryType::Link, 0o644, "")], "neither a file"),
            (vec![("p/a", EntryType::Fifo, 0o644, "")], "neither a file"),
            (vec![("p/a", EntryType::Char, 0o644, "")], "neither a file"),
            (vec![("p/a", FILE, 0o644, ""), ("p/a/b", FILE, 0o644, "")], ""),
        ] {
            let (guard, result) = unpacked(&tarball(&entries));
            let error = result.unwrap_err().to_string();
            assert!(error.contains(why), "{entries:?}: {error}");
            assert!(!guard.path().join("out").exists());
        }
        let (_guard, result) = unpacked(&tarball(&[(&deep, FILE, 0o644, "")]));
        result.unwrap();
    }

    #[test]
    fn a_size_that_no_package_has_is_refused_before_it_is_unpacked() {
        let mut header = tar::Header::new_gnu();
        header.set_path("package/endless").unwrap();
        header.set_entry_type(FILE);
        header.set_mode(0o644);
        header.set_size(BYTES + 1);
        header.set_cksum();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        io::Write::write_all(&mut gz, header.as_bytes()).unwrap();
        let (_guard, result) = unpacked(&gz.finish().unwrap());
        assert!(result.unwrap_err().to_string().contains("more in it than any package"));
    }

    #[test]
    fn another_content_than_was_published_is_no_package_even_where_it_cannot_be_read() {
        let good = tarball(&[("p/a", FILE, 0o644, "1")]);
        let guard = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(guard.path()).unwrap().join("to");
        let longer = [good.as_slice(), b"x"].concat();
        for content in [&longer, &good[..good.len() / 2], b"".as_slice()] {
            let error = unpack(content, &integrity::of(&good), &directory).unwrap_err();
            assert!(matches!(error, TarballError::OtherContent(_)), "{error}");
            crate::fs::remove(&directory).unwrap();
        }
    }

    #[test]
    fn npms_cache_has_a_tarball_under_its_hash_and_a_link_there_is_none() {
        let guard = tempfile::tempdir().unwrap();
        let cache = Utf8Path::from_path(guard.path()).unwrap();
        let integrity = integrity::of(b"content");
        let digits = integrity::digits(&integrity).unwrap();
        let directory =
            cache.join(format!("_cacache/content-v2/sha512/{}/{}", &digits[..2], &digits[2..4]));
        fs::create_dir_all(&directory).unwrap();
        assert!(cached(cache, &integrity).is_none());
        let file = directory.join(&digits[4..]);
        fs::write(&file, "content").unwrap();
        assert!(cached(cache, &integrity).is_some());
        fs::rename(&file, cache.join("elsewhere")).unwrap();
        fs::os::unix::fs::symlink(cache.join("elsewhere"), &file).unwrap();
        assert!(cached(cache, &integrity).is_none());
        assert!(cached(cache, "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=").is_none());
    }
}
