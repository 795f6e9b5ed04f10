//! Which saved `openclaw.json` comes back, and from where. The stamp of a
//! config is never edited: a config that a newer release wrote gives way to
//! one from before the upgrade, or stays.
//!
//! What `OpenClaw` leaves beside its config (seen in 2026.5.18 to 2026.7.1):
//! each write that it makes first moves a ring of copies along, `.bak` the
//! newest and `.bak.4` the oldest; `openclaw update` leaves `.pre-update`; a
//! Gateway that came up leaves `.last-good`. Starting a newer release or
//! updating to it writes no stamp; the first config edit does. So six edits
//! push the last older one out of the ring, while `.pre-update` stays.

use std::cmp::Reverse;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::ApplyError;
use super::backup::BackupError;
use crate::installation::Config;
use crate::openclaw::refuses_config_of;
use crate::release::Version;

/// `OpenClaw`'s own copies, by what is added to the config's name. Of two that
/// were written at the same time the first is taken.
const COPIES: [&str; 7] =
    [".bak", ".bak.1", ".bak.2", ".bak.3", ".bak.4", ".pre-update", ".last-good"];

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
    pub(super) fn content(&self) -> Result<Vec<u8>, ApplyError> {
        let same = |config: Config| config.last_touched() == self.written_by;
        let read = || -> io::Result<Option<Vec<u8>>> {
            let same = Config::read(&self.path)?.is_some_and(same);
            if same { fs_err::read(&self.path).map(Some) } else { Ok(None) }
        };
        let content = read().map_err(BackupError::Io)?;
        content.ok_or_else(|| ApplyError::EarlierConfigMoved { path: self.path.clone() })
    }
}

/// The newest of `OpenClaw`'s copies that `release` starts with. One without a
/// stamp may be from after the upgrade as well, one that cannot be read is no help.
pub(super) fn newest_copy(config: &Utf8Path, release: Version) -> Option<(Utf8PathBuf, Config)> {
    let mut fitting = Vec::new();
    for tail in COPIES {
        let path = Utf8PathBuf::from(format!("{config}{tail}"));
        let Ok(Some(copy)) = Config::read(&path) else { continue };
        if copy.last_touched().is_some_and(|written_by| !refuses_config_of(release, written_by)) {
            fitting.push((path, copy));
        }
    }
    fitting.sort_by_key(|(_, copy)| Reverse(copy.last_touched_at()));
    fitting.into_iter().next()
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
        let found = newest_copy(&config, "2026.6.11".parse().unwrap());
        found.map_or("none".to_owned(), |(path, _)| path.as_str().replace(config.as_str(), ""))
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
            (vec![(".bak", older.clone()), (".bak.1", old.clone())], ".bak.1"),
            (vec![(".bak", older.clone())], ".bak"),
            (vec![(".bak", new.clone()), (".pre-update", older.clone())], ".pre-update"),
            (
                vec![(".bak", new), (".bak.4", older.clone()), (".last-good", old.clone())],
                ".last-good",
            ),
            (vec![(".bak.3", old.clone()), (".pre-update", old.clone())], ".bak.3"),
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
    fn a_copy_in_json5_is_read_like_any_other_and_one_without_a_time_comes_last() {
        let json5 = "{ // mine\n meta: {lastTouchedVersion: '2026.6.1',}, }".to_owned();
        assert_eq!(taken(&[(".bak.2", json5.clone())]), ".bak.2");
        assert_eq!(taken(&[(".bak", json5), (".bak.1", stamped("2026.5.28", 7))]), ".bak.1");
    }

    #[test]
    fn a_copy_that_is_a_directory_is_passed_over() {
        let guard = tempfile::tempdir().unwrap();
        let config = Utf8Path::from_path(guard.path()).unwrap().join("openclaw.json");
        fs_err::create_dir(format!("{config}.bak")).unwrap();
        fs_err::write(format!("{config}.bak.1"), stamped("2026.5.28", 7)).unwrap();
        let (path, _) = newest_copy(&config, "2026.6.11".parse().unwrap()).unwrap();
        assert_eq!(path.file_name(), Some("openclaw.json.bak.1"));
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
        assert_eq!(saved.content().unwrap(), stamped("2026.5.28", 7).into_bytes());
        fs_err::write(&path, stamped("2026.7.1", 9)).unwrap();
        assert!(matches!(saved.content(), Err(ApplyError::EarlierConfigMoved { .. })));
        fs_err::remove_file(&path).unwrap();
        assert!(matches!(saved.content(), Err(ApplyError::EarlierConfigMoved { .. })));
    }
}
