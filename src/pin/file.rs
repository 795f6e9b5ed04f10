//! A pin file: read, changed in memory, written back.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use semver::VersionReq;
use serde::Deserialize;
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table};

use super::merge::update;
use super::place::beside;
use super::{FORMAT, LOCK_DIRECTORY, Pin, PinFileError, REQUIRES};
use crate::fs::{self, foreign};
use crate::release::Version;

const HEADER: &str = "\
# Known-good OpenClaw releases, with the evidence. Written by codexpin; edit and
# merge as you like: comments, order and unknown keys stay. `current` is what
# `codexpin apply` installs.
";

/// A pin file as it was read, to be changed and written back.
#[derive(Debug)]
pub struct PinFile {
    /// As it was named.
    path: Utf8PathBuf,
    /// Where it is: elsewhere where the name is a link, which stays one.
    place: Utf8PathBuf,
    document: DocumentMut,
}

impl PinFile {
    /// Reads a pin file that must be there.
    pub fn open(path: &Utf8Path) -> Result<Self, PinFileError> {
        match foreign::read_to_string_named(path, foreign::TEXT) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(PinFileError::Missing { path: path.to_owned() })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Changes a pin file, or a new one, and writes it back. Another codexpin that wants
    /// to do so meanwhile waits, and reads what this one wrote.
    pub fn change<T>(
        path: &Utf8Path,
        change: impl FnOnce(&mut Self) -> Result<T, PinFileError>,
    ) -> Result<T, PinFileError> {
        let before = Self::open_or_new(path)?;
        let _turn =
            fs::take_turns_in(before.directory()).map_err(|source| before.not_writable(source))?;
        let mut file = Self::open_or_new(path)?;
        let result = change(&mut file)?;
        file.save()?;
        Ok(result)
    }

    /// Reads a pin file, or begins a new one in memory.
    pub fn open_or_new(path: &Utf8Path) -> Result<Self, PinFileError> {
        match Self::open(path) {
            Err(PinFileError::Missing { .. }) if path.is_symlink() => {
                Err(PinFileError::LeadsNowhere { path: path.to_owned() })
            }
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
        // Checked first: what a newer codexpin added may not parse below.
        check_requirement(path, &document)?;
        match document.get("format").and_then(Item::as_integer) {
            Some(FORMAT) => {}
            Some(found) if found > FORMAT => {
                return Err(PinFileError::NewerFormat { path: path.to_owned(), found });
            }
            _ => return Err(syntax(format!("expected `format = {FORMAT}`"))),
        }
        let place = if path.is_symlink() { path.canonicalize_utf8()? } else { path.to_owned() };
        let file = Self { path: path.to_owned(), place, document };
        file.read_pins().map_err(syntax)?;
        Ok(file)
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// All pins, in the order of the file.
    pub fn pins(&self) -> Vec<Pin> {
        // Cannot fail: `parse` has read them once, and `set` only adds what serialises.
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
        beside(self.directory(), LOCK_DIRECTORY.into())?;
        fs::try_writing_beside(&self.place).map_err(|source| self.not_writable(source))
    }

    /// Puts a lock file beside the pin file; where it is, from there.
    pub fn save_lock(&self, name: &str, text: &str) -> Result<Utf8PathBuf, PinFileError> {
        let relative = Utf8Path::new(LOCK_DIRECTORY).join(name);
        let path = beside(self.directory(), &relative)?;
        fs::write_atomic(&path, text.as_bytes())
            .map_err(|source| PinFileError::NotWritable { path, source })?;
        Ok(relative)
    }

    /// Where its lock files are found: beside the file itself.
    pub fn directory(&self) -> &Utf8Path {
        match self.place.parent() {
            Some(directory) if !directory.as_str().is_empty() => directory,
            _ => Utf8Path::new("."),
        }
    }

    /// Writes it back, whole or not at all.
    fn save(&self) -> Result<(), PinFileError> {
        fs::write_atomic(&self.place, self.document.to_string().as_bytes())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::{FirstBad, LockFiles};

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

    fn directory() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        (guard, path)
    }

    #[test]
    fn of_many_writers_at_once_none_loses_its_pin() {
        let (_guard, directory) = directory();
        let path = directory.join("known-good.toml");
        std::thread::scope(|scope| {
            for day in 1..=16 {
                let path = &path;
                scope.spawn(move || {
                    let pin = pin(&format!("2026.6.{day}"));
                    PinFile::change(path, |file| file.set(&pin)).unwrap();
                });
            }
        });
        assert_eq!(PinFile::open(&path).unwrap().pins().len(), 16);
        assert_eq!(directory.read_dir_utf8().unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_pin_file_that_is_a_link_is_written_where_it_leads_and_one_to_nowhere_is_refused() {
        let (_guard, directory) = directory();
        for name in ["team", "work"] {
            std::fs::create_dir(directory.join(name)).unwrap();
        }
        let (real, link) =
            (directory.join("team/pins.toml"), directory.join("work/known-good.toml"));
        std::os::unix::fs::symlink("../team/pins.toml", &link).unwrap();
        let add = || {
            PinFile::change(&link, |file| {
                file.save_lock("core.json", "{}")?;
                file.set(&pin("2026.6.1"))
            })
        };
        let error = add().unwrap_err();
        assert!(matches!(error, PinFileError::LeadsNowhere { .. }), "{error}");
        std::fs::write(&real, "format = 1\n").unwrap();
        add().unwrap();
        assert!(link.is_symlink());
        assert_eq!(PinFile::open(&real).unwrap().pins().len(), 1);
        assert!(directory.join("team").join(LOCK_DIRECTORY).join("core.json").is_file());
        assert_eq!(
            PinFile::open(&link).unwrap().directory().canonicalize_utf8().unwrap(),
            directory.join("team").canonicalize_utf8().unwrap()
        );
    }
}
