//! Exchanging a live directory with the one that was prepared beside it.
//!
//! On Linux it is one system call (renameat2(2), `RENAME_EXCHANGE`): there is
//! no instant without an `OpenClaw`. Where the file system has no exchange it
//! is two renames. After a kill between them both trees are found by their inode
//! numbers, which a rename keeps.

use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::fs;

/// Which of the two things that are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// The global package.
    Core,
    /// The plugin's managed npm project.
    Plugin,
}

impl std::fmt::Display for PartKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Core => "core",
            Self::Plugin => "plugin",
        })
    }
}

/// A directory's identity, which renames keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Of a directory or file, itself and not what it links to.
    pub fn of(path: &Utf8Path) -> io::Result<Self> {
        let metadata = fs_err::symlink_metadata(path)?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }
}

/// A live directory and the place beside it where the other generation stands:
/// first the staged tree, after the swap the one that was live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Core or plugin.
    pub kind: PartKind,
    /// Where `OpenClaw` is run from.
    pub live: Utf8PathBuf,
    /// The other generation, on the same file system.
    pub other: Utf8PathBuf,
    /// What was live at the beginning.
    pub before: Identity,
    /// What was staged, once it is.
    pub after: Option<Identity>,
}

/// A directory could not be exchanged.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// Neither place holds the tree.
    #[error("the tree that belongs at {live} is neither there nor at {other}")]
    Lost {
        /// Where it belongs.
        live: Utf8PathBuf,
        /// Where it was kept.
        other: Utf8PathBuf,
    },
    /// The system refused.
    #[error("cannot exchange {live} and {other}: {source}")]
    Io {
        /// The live directory.
        live: Utf8PathBuf,
        /// The other.
        other: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Part {
    /// Whether this tree is the live one.
    pub fn is_live(&self, tree: Identity) -> bool {
        Identity::of(&self.live).is_ok_and(|live| live == tree)
    }

    /// Whether this tree can be made live: it is live already, or it is beside.
    pub fn has(&self, tree: Identity) -> bool {
        self.place_of(tree).is_some()
    }

    /// Makes this tree the live one, wherever a kill left the two; done twice
    /// it does nothing more. `half_done` is called in the middle.
    pub fn make_live(&self, tree: Identity, half_done: impl Fn()) -> Result<(), ExchangeError> {
        let io = |source| ExchangeError::Io {
            live: self.live.clone(),
            other: self.other.clone(),
            source,
        };
        let place = self.place_of(tree).ok_or_else(|| ExchangeError::Lost {
            live: self.live.clone(),
            other: self.other.clone(),
        })?;
        if place != self.live {
            if self.live.symlink_metadata().is_err() {
                fs_err::rename(&place, &self.live).map_err(io)?;
            } else if let Err(error) = exchange(&self.live, &place) {
                let unknown = [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported];
                if !unknown.contains(&error.kind()) {
                    return Err(io(error));
                }
                self.rename_twice(&place, &half_done).map_err(io)?;
            }
        }
        half_done();
        if self.aside().symlink_metadata().is_ok() && self.other.symlink_metadata().is_err() {
            fs_err::rename(self.aside(), &self.other).map_err(io)?;
        }
        [&self.live, &self.other]
            .into_iter()
            .filter_map(|path| path.parent())
            .try_for_each(fs::sync_directory)
            .map_err(io)
    }

    fn rename_twice(&self, place: &Utf8Path, half_done: impl Fn()) -> io::Result<()> {
        let free = if place == self.other { self.aside() } else { self.other.clone() };
        fs_err::rename(&self.live, free)?;
        half_done();
        fs_err::rename(place, &self.live)
    }

    fn place_of(&self, tree: Identity) -> Option<Utf8PathBuf> {
        let places = [self.live.clone(), self.other.clone(), self.aside()];
        places.into_iter().find(|place| Identity::of(place).is_ok_and(|found| found == tree))
    }

    /// The third place, needed only between two renames.
    fn aside(&self) -> Utf8PathBuf {
        Utf8PathBuf::from(format!("{}.aside", self.other))
    }
}

#[cfg(target_os = "linux")]
fn exchange(one: &Utf8Path, other: &Utf8Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    let flags = RenameFlags::EXCHANGE;
    Ok(renameat_with(CWD, one.as_std_path(), CWD, other.as_std_path(), flags)?)
}

#[cfg(not(target_os = "linux"))]
fn exchange(_: &Utf8Path, _: &Utf8Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part() -> (tempfile::TempDir, Part) {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let (live, other) = (root.join("openclaw"), root.join("beside/openclaw"));
        for (directory, text) in [(&live, "old"), (&other, "new")] {
            fs_err::create_dir_all(directory).unwrap();
            fs_err::write(directory.join("which"), text).unwrap();
        }
        let before = Identity::of(&live).unwrap();
        let after = Some(Identity::of(&other).unwrap());
        (guard, Part { kind: PartKind::Core, live, other, before, after })
    }

    fn which(directory: &Utf8Path) -> String {
        fs_err::read_to_string(directory.join("which")).unwrap_or_default()
    }

    #[test]
    fn an_exchange_goes_forth_and_back_and_does_nothing_the_second_time() {
        let (_guard, part) = part();
        for (tree, live, other) in [
            (part.after.unwrap(), "new", "old"),
            (part.after.unwrap(), "new", "old"),
            (part.before, "old", "new"),
        ] {
            part.make_live(tree, || {}).unwrap();
            assert!(part.is_live(tree));
            assert_eq!((which(&part.live).as_str(), which(&part.other).as_str()), (live, other));
        }
    }

    #[test]
    fn without_an_exchange_two_renames_end_in_the_same_place() {
        let (_guard, part) = part();
        part.rename_twice(&part.other, || {}).unwrap();
        part.make_live(part.after.unwrap(), || {}).unwrap();
        assert_eq!((which(&part.live).as_str(), which(&part.other).as_str()), ("new", "old"));
    }

    #[test]
    fn a_kill_between_two_renames_is_mended_in_either_direction() {
        for forward in [true, false] {
            let (_guard, part) = part();
            fs_err::rename(&part.live, part.aside()).unwrap();
            let tree = if forward { part.after.unwrap() } else { part.before };
            part.make_live(tree, || {}).unwrap();
            let expected = if forward { ("new", "old") } else { ("old", "new") };
            assert_eq!((which(&part.live).as_str(), which(&part.other).as_str()), expected);
        }
    }

    #[test]
    fn a_tree_that_is_gone_is_named_and_nothing_is_moved() {
        let (_guard, part) = part();
        fs_err::remove_dir_all(&part.other).unwrap();
        assert!(matches!(
            part.make_live(part.after.unwrap(), || {}),
            Err(ExchangeError::Lost { .. })
        ));
        assert_eq!(which(&part.live), "old");
    }
}
