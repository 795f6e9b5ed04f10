//! Which saved `openclaw.json` comes back, and from where. The stamp of a
//! config is never edited: a config that a newer release wrote gives way to
//! one from before the upgrade, or stays.
//!
//! Of what `OpenClaw` leaves beside its config ([`openclaws_copies`]): starting a
//! newer release or updating to it writes no stamp; the first config edit does. So
//! six edits push the last older one out of the ring, while `.pre-update` stays.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::ApplyError;
use super::backup::BackupError;
use crate::config::{self, ConfigCopy, openclaws_copies};
use crate::env::Environment;
use crate::openclaw::refuses_config_of;
use crate::release::Version;

/// Who saved a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SavedBy {
    /// A backup of codexpin's.
    Codexpin,
    /// `OpenClaw`, beside its config.
    OpenClaw,
}

/// A config from before the upgrade.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierConfig {
    /// The copy.
    pub path: Utf8PathBuf,
    /// Who made it.
    pub by: SavedBy,
    /// The release that wrote it last.
    pub written_by: Option<Version>,
    /// The top-level settings, by name, that are not as they are now.
    pub differs: Vec<String>,
}

impl EarlierConfig {
    /// Its content, if it is still the one that was looked at: `OpenClaw` moves
    /// its copies along with every write.
    pub(super) fn content(
        &self,
        config: &Utf8Path,
        environment: &Environment,
    ) -> Result<Vec<u8>, ApplyError> {
        let now = config::read_copy(&self.path, config, environment)?;
        if now.is_some_and(|now| now.last_touched() == self.written_by) {
            return Ok(fs_err::read(&self.path).map_err(BackupError::Io)?);
        }
        Err(ApplyError::EarlierConfigMoved { path: self.path.clone() })
    }
}

/// The newest of `OpenClaw`'s copies that `release` starts with.
pub(super) fn newest_copy(
    config: &Utf8Path,
    release: Version,
    environment: &Environment,
) -> Option<ConfigCopy> {
    let mut copies = openclaws_copies(config, environment).into_iter();
    copies.find(|copy| !copy.written_by.is_some_and(|by| refuses_config_of(release, by)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stamped by `version` at an hour of one day.
    fn stamped(version: &str, hour: u32) -> String {
        format!(
            r#"{{"gateway":{{"port":{hour}}},"meta":{{"lastTouchedVersion":"{version}","lastTouchedAt":"2026-11-21T{hour:02}:00:00.000Z"}}}}"#
        )
    }

    /// The copy that is taken for 2026.6.11, by what is added to the name.
    fn taken(copies: &[(&str, String)]) -> String {
        let guard = tempfile::tempdir().unwrap();
        let config = Utf8Path::from_path(guard.path()).unwrap().join("openclaw.json");
        for (tail, text) in copies {
            fs_err::write(format!("{config}{tail}"), text).unwrap();
        }
        let found = newest_copy(&config, "2026.6.11".parse().unwrap(), &Environment::default());
        found.map_or("none".to_owned(), |copy| copy.path.as_str().replace(config.as_str(), ""))
    }

    #[test]
    fn the_newest_copy_that_is_not_of_a_newer_release_is_taken() {
        let (new, old, older) =
            (stamped("2026.7.1", 9), stamped("2026.6.11", 8), stamped("2026.5.28", 7));
        for (copies, expected) in [
            (vec![], "none"),
            (vec![(".bak", new.clone()), (".bak.1", new.clone())], "none"),
            (
                vec![(".bak", new.clone()), (".bak.1", old.clone()), (".bak.2", older.clone())],
                ".bak.1",
            ),
            (vec![(".bak", older.clone()), (".last-good", old.clone())], ".last-good"),
            (vec![(".bak", older.clone())], ".bak"),
            (vec![(".bak", new.clone()), (".pre-update", older.clone())], ".pre-update"),
            (
                vec![(".bak", new), (".bak.4", older.clone()), (".last-good", old.clone())],
                ".last-good",
            ),
            (vec![(".bak.5", old.clone()), (".clobbered.2026", old)], "none"),
        ] {
            assert_eq!(taken(&copies), expected, "{copies:?}");
        }
    }

    #[test]
    fn a_copy_that_does_not_say_who_wrote_it_is_not_taken() {
        for text in ["", "{", "[]", "{}", "{meta: 1}", r#"{"meta":{"lastTouchedVersion":"soon"}}"#]
        {
            assert_eq!(taken(&[(".bak", text.to_owned())]), "none", "{text}");
            let older = stamped("2026.5.28", 7);
            assert_eq!(taken(&[(".bak", text.to_owned()), (".bak.1", older)]), ".bak.1", "{text}");
        }
    }

    #[test]
    fn a_config_that_no_release_had_written_before_the_update_is_known_by_the_updates_copy() {
        let by_hand = "{ gateway: {mode: 'local'} }".to_owned();
        let new = stamped("2026.7.1", 9);
        let copies = [(".bak", new.clone()), (".pre-update", by_hand.clone())];
        assert_eq!(taken(&copies), ".pre-update");
        assert_eq!(taken(&[(".bak", new), (".bak.1", by_hand)]), "none");
    }

    #[test]
    fn a_copy_in_json5_is_read_like_any_other() {
        let json5 = "{ // mine\n meta: {lastTouchedVersion: '2026.6.1',}, }".to_owned();
        assert_eq!(taken(&[(".bak.2", json5)]), ".bak.2");
    }

    #[test]
    fn a_copy_that_is_a_directory_is_passed_over() {
        let guard = tempfile::tempdir().unwrap();
        let config = Utf8Path::from_path(guard.path()).unwrap().join("openclaw.json");
        fs_err::create_dir(format!("{config}.bak")).unwrap();
        fs_err::write(format!("{config}.bak.1"), stamped("2026.5.28", 7)).unwrap();
        let release = "2026.6.11".parse().unwrap();
        let copy = newest_copy(&config, release, &Environment::default()).unwrap();
        assert_eq!(copy.path.file_name(), Some("openclaw.json.bak.1"));
    }

    #[test]
    fn a_copy_that_was_moved_along_since_the_plan_is_not_put_in_place() {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(guard.path()).unwrap().join("openclaw.json.bak");
        fs_err::write(&path, stamped("2026.5.28", 7)).unwrap();
        let saved = EarlierConfig {
            path: path.clone(),
            by: SavedBy::OpenClaw,
            written_by: "2026.5.28".parse().ok(),
            differs: Vec::new(),
        };
        let content = || saved.content(&path, &Environment::default());
        assert_eq!(content().unwrap(), stamped("2026.5.28", 7).into_bytes());
        fs_err::write(&path, stamped("2026.7.1", 9)).unwrap();
        assert!(matches!(content(), Err(ApplyError::EarlierConfigMoved { .. })));
        fs_err::write(&path, "{meta: {").unwrap();
        let broken = content().unwrap_err().to_string();
        assert_eq!(broken, format!("{path}:1:9 is not JSON5: EOF parsing object"));
        fs_err::remove_file(&path).unwrap();
        assert!(matches!(content(), Err(ApplyError::EarlierConfigMoved { .. })));
    }
}
