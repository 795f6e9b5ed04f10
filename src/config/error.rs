//! Why a config cannot be taken.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::Key;
use crate::explain::{Class, Explain};

/// A config cannot be taken. No message has a setting's value in it.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the config {file}")]
    Read {
        /// The config, or one that it includes.
        file: Utf8PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not JSON5.
    #[error("{file}{} is not JSON5: {problem}", at(*.position))]
    Syntax {
        /// The config, or one that it includes.
        file: Utf8PathBuf,
        /// Line and column, counted from 1, where known.
        position: Option<(usize, usize)>,
        /// What was expected there.
        problem: String,
    },
    /// A config is a list, a string, ...
    #[error("{file} is no config: its outermost value is not an object")]
    NotAnObject {
        /// The config.
        file: Utf8PathBuf,
    },
    /// An included file is not there.
    #[error("{file} includes {include}, which is not there")]
    IncludeMissing {
        /// The file with the `$include`.
        file: Utf8PathBuf,
        /// The file that it asks for.
        include: Utf8PathBuf,
    },
    /// An included file is where `OpenClaw` allows none.
    #[error("{file} includes {include}, which is outside {root}")]
    IncludeOutside {
        /// The file with the `$include`.
        file: Utf8PathBuf,
        /// The file that it asks for, links followed.
        include: Utf8PathBuf,
        /// The directory of the outermost config.
        root: Utf8PathBuf,
    },
    /// Files include each other.
    #[error("the config includes itself: {}", chain.iter().map(|file| file.as_str()).collect::<Vec<_>>().join(" -> "))]
    IncludeCycle {
        /// From the outermost config to the file that closes the circle.
        chain: Vec<Utf8PathBuf>,
    },
    /// Too many files within each other.
    #[error("{file} includes {include} at a depth of more than {limit} files")]
    IncludeTooDeep {
        /// The file with the `$include`.
        file: Utf8PathBuf,
        /// The file that it asks for.
        include: Utf8PathBuf,
        /// How deep `OpenClaw` goes.
        limit: usize,
    },
    /// An included file is larger than `OpenClaw` reads, or no regular file.
    #[error("{file} includes {include}, which is no regular file of at most {limit} bytes")]
    IncludeUnfit {
        /// The file with the `$include`.
        file: Utf8PathBuf,
        /// The file that it asks for.
        include: Utf8PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// `$include` is neither a path nor a list of paths, or a path that is none.
    #[error(
        "{file}: a $include must be a path, or a list of paths, shorter than {limit} characters"
    )]
    IncludeNotPaths {
        /// The file with the `$include`.
        file: Utf8PathBuf,
        /// In characters.
        limit: usize,
    },
    /// Settings stand beside an include that is no object.
    #[error(
        "{file}: settings beside a $include need a file with an object, and it has something else"
    )]
    IncludeNotAnObject {
        /// The file with the `$include`.
        file: Utf8PathBuf,
    },
    /// A variable that the turn depends on is not set.
    #[error("{file}: {key} needs the environment variable {name}, which is not set")]
    Unset {
        /// The config.
        file: Utf8PathBuf,
        /// The setting.
        key: Key,
        /// The variable.
        name: String,
    },
    /// A setting cannot be written: a parent of it is no object.
    #[error("{file}: {key} cannot be set: what it stands in is not an object")]
    InTheWay {
        /// The config.
        file: Utf8PathBuf,
        /// The setting.
        key: Key,
    },
    /// The primary model is none that a check can ask for.
    #[error("{file}: {key} is not a model written provider/model, and no alias of one")]
    NotAModel {
        /// The config.
        file: Utf8PathBuf,
        /// The setting.
        key: Key,
    },
}

impl ConfigError {
    /// Whether this very file is not there.
    pub(super) fn is_missing(&self, file: &Utf8Path) -> bool {
        matches!(self, Self::Read { file: unread, source }
            if unread == file && source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the config was read, and is one that no release can use either. What
    /// the system does not let this user read may be sound. The hint of another is of
    /// `--config`.
    pub fn is_broken(&self) -> bool {
        !matches!(self, Self::Read { .. } | Self::Unset { .. })
    }
}

impl Explain for ConfigError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "name the file with --config; without it, the check uses a config of its own".to_owned(),
            Self::Syntax { file, .. } | Self::InTheWay { file, .. } => {
                format!("mend {file} there; OpenClaw would refuse it too")
            }
            Self::NotAnObject { .. } | Self::IncludeNotAnObject { .. } => {
                "a config is an object in braces".to_owned()
            }
            Self::IncludeMissing { file, .. } => format!(
                "paths are relative to the file with the $include: copy the file to its place, or take it out of {file}"
            ),
            Self::IncludeOutside { .. } => {
                "OpenClaw refuses it too, unless OPENCLAW_INCLUDE_ROOTS names the directory: set it for codexpin as well".to_owned()
            }
            Self::IncludeCycle { .. } => "take one of these includes out".to_owned(),
            Self::IncludeTooDeep { .. } | Self::IncludeUnfit { .. } | Self::IncludeNotPaths { .. } => {
                "OpenClaw refuses it too".to_owned()
            }
            Self::Unset { name, .. } => format!(
                "set {name} as the service has it, or name the model with --route"
            ),
            Self::NotAModel { .. } => "name the model with --route provider/model".to_owned(),
        })
    }

    fn class(&self) -> Class {
        Class::Usage
    }
}

fn at(position: Option<(usize, usize)>) -> String {
    position.map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
}
