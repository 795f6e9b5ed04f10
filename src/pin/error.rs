//! Why a pin file cannot be used.

use std::io;

use camino::Utf8PathBuf;
use semver::VersionReq;

use super::{FORMAT, REQUIRES};
use crate::explain::{Class, Explain};
use crate::release::Version;

/// The pin file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinFileError {
    /// It is not there.
    #[error("there is no {path}")]
    Missing {
        /// Where it was looked for.
        path: Utf8PathBuf,
    },
    /// It is a link to a file that is not there: a new one could be made anywhere.
    #[error("{path} is a symbolic link that leads to no file")]
    LeadsNowhere {
        /// The link.
        path: Utf8PathBuf,
    },
    /// It is no TOML, or not the TOML that a pin file is.
    #[error("{path} does not parse: {reason}")]
    Syntax {
        /// The file.
        path: Utf8PathBuf,
        /// What and where, in the parser's words.
        reason: String,
    },
    /// A later codexpin wrote it.
    #[error("{path} has format {found}; this codexpin knows format {FORMAT}")]
    NewerFormat {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: i64,
    },
    /// The team asks for another codexpin.
    #[error("{path} asks for codexpin {requires}; this is codexpin {own}")]
    OtherCodexpin {
        /// The file.
        path: Utf8PathBuf,
        /// Its `requires-codexpin`.
        requires: VersionReq,
        /// The codexpin that reads it.
        own: semver::Version,
    },
    /// What the team asks for cannot be read.
    #[error("`{REQUIRES} = {found}` in {path} is no version requirement: {why}")]
    Requirement {
        /// The file.
        path: Utf8PathBuf,
        /// The value as it is written in the file.
        found: String,
        /// What is wrong with it.
        why: String,
    },
    /// It has no such pin.
    #[error("{path} has no pin for {core}")]
    NoSuchPin {
        /// The file.
        path: Utf8PathBuf,
        /// What was asked for.
        core: Version,
    },
    /// It has no pin at all, or `current` names none.
    #[error("{path} names no current pin")]
    NoCurrent {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A lock file that travels with a pin is not the one that was tested.
    #[error("{path} is not the lock file that was tested: its hash differs from the pin's")]
    LockChanged {
        /// The lock file.
        path: Utf8PathBuf,
    },
    /// A lock file is named by a path that leads out of the directory.
    #[error("the lock file {path} of the pin is not below the pin file's directory")]
    LockOutside {
        /// As the pin names it.
        path: Utf8PathBuf,
    },
    /// A lock file, or its directory, is somewhere else in truth.
    #[error("{path} is a symbolic link, and lock files are neither read nor written through one")]
    LockIsLink {
        /// The link.
        path: Utf8PathBuf,
    },
    /// Text where a hash should be.
    #[error("`{key} = \"{found}\"` of the pin is no integrity hash")]
    NotAHash {
        /// The pin's key.
        key: &'static str,
        /// What it says.
        found: String,
    },
    /// A lock file that could be any.
    #[error("the pin names the lock file {path} and has no hash of it")]
    LockWithoutHash {
        /// The lock file.
        path: Utf8PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write {path}: {source}")]
    NotWritable {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It, or what belongs to it, cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Explain for PinFileError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some(
                "`codexpin bisect GOOD BAD` writes one, or `codexpin pin VERSION` after a good check"
                    .to_owned(),
            ),
            Self::LeadsNowhere { .. } => {
                Some("remove the link, or put a pin file where it leads".to_owned())
            }
            Self::Syntax { .. } => {
                Some("mend the file by hand; codexpin has not touched it".to_owned())
            }
            Self::NewerFormat { .. } => Some("install a newer codexpin".to_owned()),
            Self::OtherCodexpin { requires, .. } => {
                Some(format!("install a codexpin that is {requires}; the file was not touched"))
            }
            Self::Requirement { .. } => {
                Some(format!("write it as in `{REQUIRES} = \">=0.2\"`, or remove it"))
            }
            Self::NoSuchPin { .. } => Some("`codexpin pins` lists those it has".to_owned()),
            Self::NoCurrent { .. } => {
                Some("`codexpin pin VERSION` makes one current".to_owned())
            }
            Self::LockIsLink { .. } => {
                Some("put a directory and files of its own in its place".to_owned())
            }
            Self::LockChanged { .. }
            | Self::LockOutside { .. }
            | Self::NotAHash { .. }
            | Self::LockWithoutHash { .. } => Some(
                "restore it from git, or test and pin the release again: `codexpin pin VERSION`"
                    .to_owned(),
            ),
            Self::NotWritable { .. } => {
                Some("name a file elsewhere: --pin-file FILE".to_owned())
            }
            Self::Io(_) => None,
        }
    }

    fn class(&self) -> Class {
        Class::Failure
    }
}
