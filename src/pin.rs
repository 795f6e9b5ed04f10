//! `known-good.toml`: the pins that a team shares, made to be read, edited and
//! merged in git. What codexpin does not know in it, it leaves as it is.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use semver::VersionReq;
use serde::{Deserialize, Serialize};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value};

use crate::explain::{Class, Explain};
use crate::fs;
use crate::release::Version;

/// The name that is looked for, and written to, in the working directory.
pub const FILE_NAME: &str = "known-good.toml";
/// The directory beside it with the lock files of the tested trees.
pub const LOCK_DIRECTORY: &str = "known-good.lock";
/// The key with which a team asks for a codexpin that is new enough, as Cargo writes
/// a requirement: `requires-codexpin = ">=0.2"`.
const REQUIRES: &str = "requires-codexpin";
/// The format that this codexpin reads and writes.
const FORMAT: i64 = 1;
const HEADER: &str = "\
# Known-good OpenClaw releases, with the evidence. Written by codexpin; edit and
# merge as you like: comments, order and unknown keys stay. `current` is what
# `codexpin apply` installs.
";

/// A known-good candidate with its evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The core release.
    pub core: Version,
    /// The hash of the core tarball that was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_integrity: Option<String>,
    /// The plugin release; none where the registry had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Version>,
    /// The hash of the plugin tarball.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_integrity: Option<String>,
    /// The exact release of `@openai/codex`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codex_cli: Option<semver::Version>,
    /// The Node that it was tested on.
    pub node: String,
    /// The route that answered.
    pub route: String,
    /// Who answered the model requests: `live` or `loopback`.
    pub upstream: String,
    /// When it last passed.
    pub tested: Timestamp,
    /// How many checks it passed.
    pub passed: u32,
    /// Of how many.
    pub checks: u32,
    /// The tested dependency tree: npm lock files, beside the pin file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockFiles>,
    /// Packages whose install scripts npm did not run: what was tested is the
    /// release without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts_not_run: Vec<String>,
    /// The first bad release after it, where a bisection found one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_bad: Option<FirstBad>,
}

/// Where the tested dependency tree is written down. Paths are relative to the
/// directory of the pin file, hashes are `sha512-...` of the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFiles {
    /// The core's `package-lock.json`.
    pub core: Utf8PathBuf,
    /// Its hash.
    pub core_integrity: String,
    /// The plugin's, where there is a plugin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Utf8PathBuf>,
    /// Its hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin_integrity: Option<String>,
}

/// The release that broke it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstBad {
    /// The core release.
    pub core: Version,
    /// The failure's name in the catalogue.
    pub signature: String,
    /// The line that decided.
    pub evidence: String,
}

/// The pin file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinFileError {
    /// It is not there.
    #[error("there is no {path}")]
    Missing {
        /// Where it was looked for.
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
        /// The value as it stands there.
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
            Self::LockChanged { .. } => Some(
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

/// A pin file as it was read, to be changed and written back.
#[derive(Debug)]
pub struct PinFile {
    path: Utf8PathBuf,
    document: DocumentMut,
}

impl PinFile {
    /// Reads a pin file that must be there.
    pub fn open(path: &Utf8Path) -> Result<Self, PinFileError> {
        match fs_err::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(PinFileError::Missing { path: path.to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a pin file, or begins a new one in memory.
    pub fn open_or_new(path: &Utf8Path) -> Result<Self, PinFileError> {
        match Self::open(path) {
            Err(PinFileError::Missing { .. }) => {
                Self::parse(path, &format!("{HEADER}format = {FORMAT}\n"))
            }
            other => other,
        }
    }

    fn parse(path: &Utf8Path, text: &str) -> Result<Self, PinFileError> {
        let syntax = |reason: String| PinFileError::Syntax {
            path: path.to_owned(),
            reason: reason.trim_end().to_owned(),
        };
        let document: DocumentMut =
            text.parse().map_err(|e: toml_edit::TomlError| syntax(e.to_string()))?;
        // Before all else: what is new in the file is what an older codexpin
        // would misread.
        check_requirement(path, &document)?;
        match document.get("format").and_then(Item::as_integer) {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                return Err(PinFileError::NewerFormat { path: path.to_owned(), found });
            }
            _ => return Err(syntax(format!("expected `format = {FORMAT}`"))),
        }
        let file = Self { path: path.to_owned(), document };
        file.read_pins().map_err(syntax)?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// All pins, in the order of the file.
    pub fn pins(&self) -> Vec<Pin> {
        // `parse` has read them once, and `set` only adds what serialises.
        self.read_pins().unwrap_or_default()
    }

    fn read_pins(&self) -> Result<Vec<Pin>, String> {
        #[derive(Deserialize)]
        struct Content {
            #[serde(default)]
            pin: Vec<Pin>,
        }
        let content: Content =
            toml_edit::de::from_str(&self.document.to_string()).map_err(|e| e.to_string())?;
        Ok(content.pin)
    }

    /// The release that `current` names.
    pub fn current_version(&self) -> Option<Version> {
        self.document.get("current")?.as_str()?.parse().ok()
    }

    /// The pin that `current` names.
    pub fn current(&self) -> Result<Pin, PinFileError> {
        let version = self
            .current_version()
            .ok_or_else(|| PinFileError::NoCurrent { path: self.path.clone() })?;
        self.pin(version)
    }

    /// The pin for a core release.
    pub fn pin(&self, core: Version) -> Result<Pin, PinFileError> {
        let missing = || PinFileError::NoSuchPin { path: self.path.clone(), core };
        self.pins().into_iter().find(|pin| pin.core == core).ok_or_else(missing)
    }

    /// Makes a pin current: its entry is updated in place, or added at the end.
    pub fn set(&mut self, pin: &Pin) -> Result<(), PinFileError> {
        let error = |e: toml_edit::ser::Error| io::Error::other(e);
        let fresh = toml_edit::ser::to_document(pin).map_err(error)?;
        let pins =
            self.document.entry("pin").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        let Some(pins) = pins.as_array_of_tables_mut() else {
            let reason = "`pin` is not a list of [[pin]] tables".to_owned();
            return Err(PinFileError::Syntax { path: self.path.clone(), reason });
        };
        let core = pin.core.to_string();
        let same = |table: &Table| table.get("core").and_then(Item::as_str) == Some(&core);
        let place = pins.iter().position(same);
        if let Some(table) = place.and_then(|at| pins.get_mut(at)) {
            update(table, fresh.as_table());
        } else {
            let mut table = Table::new();
            update(&mut table, fresh.as_table());
            pins.push(table);
        }
        self.document["current"] = toml_edit::value(core);
        Ok(())
    }

    /// Whether it could be written now: what cannot is better known before the
    /// checks than after them. Its directory is made where it is missing.
    pub fn try_out(&self) -> Result<(), PinFileError> {
        fs::try_writing_beside(&self.path).map_err(|source| self.not_writable(source))
    }

    /// Writes it back, whole or not at all.
    pub fn save(&self) -> Result<(), PinFileError> {
        fs::write_atomic(&self.path, self.document.to_string().as_bytes())
            .map_err(|source| self.not_writable(source))
    }

    fn not_writable(&self, source: io::Error) -> PinFileError {
        PinFileError::NotWritable { path: self.path.clone(), source }
    }
}

/// Whether this codexpin is one that the file asks for. A file that asks for none
/// takes any.
fn check_requirement(path: &Utf8Path, document: &DocumentMut) -> Result<(), PinFileError> {
    let Some(item) = document.get(REQUIRES) else { return Ok(()) };
    let unreadable = |why: String| PinFileError::Requirement {
        path: path.to_owned(),
        found: item.to_string().trim().to_owned(),
        why,
    };
    let text = item.as_str().ok_or_else(|| unreadable("it is no text".to_owned()))?;
    let requires = VersionReq::parse(text).map_err(|error| unreadable(error.to_string()))?;
    let own = semver::Version::parse(env!("CARGO_PKG_VERSION"))
        .map_err(|error| PinFileError::Io(io::Error::other(error)))?;
    if requires.matches(&own) {
        return Ok(());
    }
    Err(PinFileError::OtherCodexpin { path: path.to_owned(), requires, own })
}

/// Every field that codexpin owns in a `[[pin]]`: absent in the new pin means gone.
const OWNED: [&str; 14] = [
    "core",
    "core_integrity",
    "plugin",
    "plugin_integrity",
    "codex_cli",
    "node",
    "route",
    "upstream",
    "tested",
    "passed",
    "checks",
    "scripts_not_run",
    "lock",
    "first_bad",
];

/// Takes over the new values and keeps what stands around the old ones:
/// comments, the order of the keys, keys that are not codexpin's.
fn update(table: &mut Table, fresh: &Table) {
    for key in OWNED {
        match (table.get_mut(key), fresh.get(key)) {
            (Some(Item::Value(old)), Some(Item::Value(new))) => {
                let decor = old.decor().clone();
                *old = plain(new);
                *old.decor_mut() = decor;
            }
            (Some(Item::Table(old)), Some(new)) => {
                if let Ok(new) = new.clone().into_table() {
                    update_all(old, &new);
                }
            }
            (_, Some(new)) => {
                let new = match new.clone().into_table() {
                    Ok(table) => Item::Table(table),
                    Err(item) => item,
                };
                table.insert(key, new);
            }
            (Some(_), None) => {
                table.remove(key);
            }
            (None, None) => {}
        }
    }
}

fn update_all(old: &mut Table, new: &Table) {
    for (key, item) in new {
        match (old.get_mut(key), item) {
            (Some(Item::Value(value)), Item::Value(new)) => {
                let decor = value.decor().clone();
                *value = plain(new);
                *value.decor_mut() = decor;
            }
            _ => {
                old.insert(key, item.clone());
            }
        }
    }
}

fn plain(value: &Value) -> Value {
    let mut value = value.clone();
    value.decor_mut().clear();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pin(core: &str) -> Pin {
        Pin {
            core: core.parse().unwrap(),
            core_integrity: Some("sha512-made-up".to_owned()),
            plugin: None,
            plugin_integrity: None,
            codex_cli: None,
            node: "22.23.3".to_owned(),
            route: "openai-codex/gpt-5.5".to_owned(),
            upstream: "loopback".to_owned(),
            tested: "2026-11-21T08:00:00Z".parse().unwrap(),
            passed: 1,
            checks: 1,
            scripts_not_run: Vec::new(),
            lock: Some(LockFiles {
                core: "known-good.lock/core.json".into(),
                core_integrity: "sha512-made-up".to_owned(),
                plugin: None,
                plugin_integrity: None,
            }),
            first_bad: Some(FirstBad {
                core: "2026.6.5".parse().unwrap(),
                signature: "unknown-model".to_owned(),
                evidence: "Unknown model: openai-codex/gpt-5.5".to_owned(),
            }),
        }
    }

    fn file(text: &str) -> Result<PinFile, PinFileError> {
        PinFile::parse(Utf8Path::new("known-good.toml"), text)
    }

    #[test]
    fn a_new_file_reads_back_what_was_set() {
        let mut written = file("format = 1\n").unwrap();
        written.set(&pin("2026.6.1")).unwrap();
        insta::assert_snapshot!(written.document.to_string());
        let read = file(&written.document.to_string()).unwrap();
        assert_eq!(read.current().unwrap(), pin("2026.6.1"));
    }

    #[test]
    fn a_codexpin_that_the_team_does_not_ask_for_refuses_the_file() {
        let with = |requires: &str| file(&format!("format = 1\n{REQUIRES} = {requires}\n"));
        let own = env!("CARGO_PKG_VERSION");
        for fits in [">=0.1", "*", &format!("={own}")] {
            with(&format!("\"{fits}\"")).unwrap();
        }
        let error = with("\">=999.1\"").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("known-good.toml asks for codexpin >=999.1; this is codexpin {own}")
        );
        // A newer codexpin may have changed everything else in the file.
        let newer = file("requires-codexpin = \">=999\"\nformat = 7\n").unwrap_err();
        assert!(matches!(newer, PinFileError::OtherCodexpin { .. }), "{newer}");
        for (value, why) in [("\"new\"", "unexpected character 'n'"), ("2", "it is no text")] {
            let error = with(value).unwrap_err().to_string();
            let said = format!("`{REQUIRES} = {value}` in known-good.toml is no version");
            assert!(error.starts_with(&said) && error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_requirement_survives_a_write() {
        let mut kept = file("format = 1\nrequires-codexpin = \">=0.1\" # since June\n").unwrap();
        kept.set(&pin("2026.6.1")).unwrap();
        assert!(kept.document.to_string().contains("requires-codexpin = \">=0.1\" # since June"));
    }

    #[test]
    fn comments_unknown_keys_and_order_survive_a_write() {
        let mut written = file("format = 1\n").unwrap();
        written.set(&pin("2026.6.1")).unwrap();
        written.set(&pin("2026.5.28")).unwrap();
        let edited = written
            .document
            .to_string()
            .replace("passed = 1\n", "passed = 1 # on my VPS\nowner = \"ops\"\n")
            .replace("[[pin]]", "# asked for by the team\n[[pin]]");
        let mut file = file(&edited).unwrap();
        file.set(&Pin { passed: 3, checks: 3, first_bad: None, ..pin("2026.6.1") }).unwrap();
        insta::assert_snapshot!(file.document.to_string());
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_the_place() {
        let error = |text: &str| file(text).unwrap_err().to_string();
        assert_eq!(
            error("format = 2\n"),
            "known-good.toml has format 2; this codexpin knows format 1"
        );
        assert!(error("format = 1\n[[pin]]\ncore = 5\n").contains("line 3"), "names the line");
        assert!(error("format = ").contains("does not parse"));
        assert!(error("").contains("expected `format = 1`"));
        assert!(error("format = 1\n<<<<<<< HEAD\n").contains("does not parse"));
    }

    #[test]
    fn a_pin_that_is_not_there_is_named() {
        let empty = file("format = 1\n").unwrap();
        assert!(matches!(empty.current(), Err(PinFileError::NoCurrent { .. })));
        let error = empty.pin("2026.6.1".parse().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "known-good.toml has no pin for 2026.6.1");
    }
}
