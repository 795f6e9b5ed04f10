//! What keeps `OpenClaw` from updating itself, with what was there before. Taken like
//! every step: done twice it does nothing more, and taken back it leaves the config as it
//! was, byte for byte where nobody else wrote it.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::backup;
use super::versions::Versions;
use crate::config::{self, ConfigError, Loaded};
use crate::env::OPENCLAW_NO_AUTO_UPDATE;
use crate::explain::{Class, Explain};
use crate::fs::{self, foreign};

const FORMAT: u32 = 1;
/// Behind those that a user is likely to have: the last word on a variable counts.
const DROP_IN: &str = "90-codexpin-hold.conf";

/// A machine that is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The format of the file.
    pub format: u32,
    /// Since when.
    pub since: Timestamp,
    /// What is to stay.
    pub versions: Versions,
    /// `openclaw.json`.
    pub config: Utf8PathBuf,
    /// The switches that are off for it.
    pub settings: Vec<HeldSetting>,
    /// The drop-in of the Gateway's unit, where it has one.
    pub drop_in: Option<Utf8PathBuf>,
    /// Why the config has no part in it, where it should.
    pub config_left: Option<String>,
}

/// A switch that is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldSetting {
    /// The setting.
    pub key: String,
    /// What it was.
    pub before: SettingBefore,
}

/// What a setting was in the config's own file before it was held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingBefore {
    /// It had this value.
    Value(bool),
    /// It was not there, and from this part of its name on nothing was.
    Missing(String),
}

/// A hold cannot be had, kept or taken back.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// A file.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The config.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The record of it.
    #[error("{path} cannot be read: {reason}")]
    Damaged {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// A later codexpin wrote the record.
    #[error("{path} has format {found}; this codexpin knows format {FORMAT}")]
    NewerFormat {
        /// The file.
        path: Utf8PathBuf,
        /// Its format.
        found: u64,
    },
    /// There is nothing to hold with.
    #[error(
        "OpenClaw cannot be kept from updating itself here: {why}, and no unit to set {OPENCLAW_NO_AUTO_UPDATE} in"
    )]
    NoMeans {
        /// Why the config is none.
        why: String,
    },
}

impl Explain for HoldError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Io(_) => None,
            Self::Config(error) => error.hint(),
            Self::Damaged { path, .. } => Some(format!(
                "move {path} away, then `codexpin hold` holds anew; update.* in openclaw.json and {DROP_IN} of the unit are as the hold left them"
            )),
            Self::NewerFormat { .. } => Some("use that later codexpin".to_owned()),
            Self::NoMeans { .. } => Some(format!(
                "start the Gateway with {OPENCLAW_NO_AUTO_UPDATE}=1 in its environment"
            )),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::Io(_) => Class::Infrastructure,
            _ => Class::Failure,
        }
    }
}

/// The drop-in of a unit that sets the variable.
pub(super) fn drop_in_of(unit: &Utf8Path) -> Utf8PathBuf {
    Utf8PathBuf::from(format!("{unit}.d")).join(DROP_IN)
}

fn drop_in_text() -> String {
    format!(
        "# Written by `codexpin hold`; `codexpin unhold` removes it.\n\
         [Service]\nEnvironment={OPENCLAW_NO_AUTO_UPDATE}=1\n"
    )
}

impl Hold {
    /// A hold without means yet.
    pub(super) fn new(since: Timestamp, versions: Versions, config: &Utf8Path) -> Self {
        let config = config.to_owned();
        let (settings, drop_in, config_left) = (Vec::new(), None, None);
        Self { format: FORMAT, since, versions, config, settings, drop_in, config_left }
    }

    /// Reads a record; none where the machine is not held.
    ///
    /// # Errors
    ///
    /// It cannot be read, or is of a later codexpin.
    pub fn read(path: &Utf8Path) -> Result<Option<Self>, HoldError> {
        let damaged = |e: &dyn std::fmt::Display| HoldError::Damaged {
            path: path.to_owned(),
            reason: e.to_string(),
        };
        let text = match foreign::read_to_string(path, foreign::TEXT) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(damaged(&error)),
        };
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| damaged(&e))?;
        match value["format"].as_u64() {
            Some(found) if found > u64::from(FORMAT) => {
                Err(HoldError::NewerFormat { path: path.to_owned(), found })
            }
            _ => Ok(Some(serde_json::from_value(value).map_err(|e| damaged(&e))?)),
        }
    }

    /// Means of it that are gone, or say something else now, in words.
    pub fn gone(&self) -> Vec<String> {
        let mut gone = Vec::new();
        if let Some(drop_in) = &self.drop_in
            && foreign::read_to_string_named(drop_in, foreign::TEXT).ok() != Some(drop_in_text())
        {
            gone.push(format!("{drop_in} is not as it was written"));
        }
        let text = foreign::read_to_string_named(&self.config, foreign::TEXT).unwrap_or_default();
        for setting in &self.settings {
            if !is_off(&self.config, &text, &setting.key) {
                gone.push(format!("{} is not false in {}", setting.key, self.config));
            }
        }
        gone
    }

    /// A config as it would be without the hold.
    pub(super) fn released(&self, config: Loaded) -> Loaded {
        self.settings.iter().fold(config, |config, setting| match &setting.before {
            SettingBefore::Value(value) => config.with_switch(&setting.key, *value),
            SettingBefore::Missing(outermost) => config.without(&setting.key, outermost),
        })
    }

    fn has(&self, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.key == key)
    }

    /// What it consists of, in words.
    pub fn means(&self) -> String {
        let mut means: Vec<_> =
            self.settings.iter().map(|setting| format!("{} false", setting.key)).collect();
        means.extend(self.drop_in.as_ref().map(|_| format!("{OPENCLAW_NO_AUTO_UPDATE}=1")));
        if means.is_empty() { "all of it was off".to_owned() } else { means.join(", ") }
    }
}

fn is_off(config: &Utf8Path, text: &str, key: &str) -> bool {
    let written = config::written_at(config, text, key);
    written.is_ok_and(|value| value == Some(serde_json::Value::Bool(false)))
}

/// From one hold to another, or to none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldChange {
    /// What holds now.
    pub before: Option<Hold>,
    /// What will.
    pub after: Option<Hold>,
}

impl HoldChange {
    /// The way back.
    pub(super) fn reversed(&self) -> Self {
        Self { before: self.after.clone(), after: self.before.clone() }
    }

    /// The same for what is installed in the end.
    pub(super) fn of(&self, versions: Versions) -> Self {
        let after = self.after.clone().map(|hold| Hold { versions, ..hold });
        Self { after, ..self.clone() }
    }

    /// Whether nothing holds before or after.
    pub(super) fn is_nothing(&self) -> bool {
        self.before.is_none() && self.after.is_none()
    }

    /// Whether there is nothing to do.
    pub(super) fn is_done(&self) -> bool {
        self.before == self.after && self.after.as_ref().is_none_or(|hold| hold.gone().is_empty())
    }

    /// Whether a Gateway has to start anew to go by it.
    pub(super) fn wants_restart(&self) -> bool {
        let means = |hold: &Option<Hold>| {
            hold.as_ref().map(|hold| (hold.settings.clone(), hold.drop_in.clone()))
        };
        means(&self.before) != means(&self.after)
            || self.after.as_ref().is_some_and(|hold| !hold.gone().is_empty())
    }

    /// In a line.
    pub fn sentence(&self) -> String {
        match (&self.before, &self.after) {
            (_, Some(after)) => format!("keep OpenClaw from updating itself: {}", after.means()),
            (Some(before), None) => {
                format!("let OpenClaw update itself as before, without {}", before.means())
            }
            (None, None) => "leave OpenClaw's updates as they are".to_owned(),
        }
    }

    /// Makes it so: config, drop-in, and the record at `record`.
    pub(super) fn take(&self, record: &Utf8Path, half_done: impl Fn()) -> Result<(), HoldError> {
        self.change_config()?;
        half_done();
        let after = self.after.as_ref();
        let drop_in = after.and_then(|hold| hold.drop_in.as_ref());
        let earlier = self.before.as_ref().and_then(|hold| hold.drop_in.as_ref());
        if let Some(earlier) = earlier.filter(|earlier| Some(*earlier) != drop_in) {
            remove_with_directory(earlier)?;
        }
        if let Some(drop_in) = drop_in {
            fs::write_atomic(drop_in, drop_in_text().as_bytes())?;
        }
        match after {
            Some(hold) => {
                let text = serde_json::to_string_pretty(hold).map_err(io::Error::other)?;
                fs::write_atomic_private(record, text.as_bytes())?;
            }
            None => fs::remove(record)?,
        }
        Ok(())
    }

    /// A switch that somebody has turned on since stays on. In a config that cannot be read
    /// nothing is to be taken back; what is to be switched off there is an error.
    fn change_config(&self) -> Result<(), HoldError> {
        let settings = |hold: &Option<Hold>| {
            hold.as_ref().map(|hold| hold.settings.clone()).unwrap_or_default()
        };
        let (earlier, wanted) = (settings(&self.before), settings(&self.after));
        let Some(hold) = self.after.as_ref().or(self.before.as_ref()) else { return Ok(()) };
        if earlier.is_empty() && wanted.is_empty() {
            return Ok(());
        }
        let path = &hold.config;
        let text = match foreign::read_to_string_named(path, foreign::TEXT) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && wanted.is_empty() => {
                return Ok(());
            }
            text => text?,
        };
        let mut changed = text.clone();
        let stays = |key: &str| self.after.as_ref().is_some_and(|hold| hold.has(key));
        for HeldSetting { key, before } in earlier.iter().filter(|held| !stays(&held.key)) {
            if is_off(path, &changed, key) {
                changed = match before {
                    SettingBefore::Value(value) => {
                        config::with_switch(path, &changed, key, *value)?
                    }
                    SettingBefore::Missing(outermost) => {
                        config::without(path, &changed, key, outermost)?
                    }
                };
            }
        }
        for HeldSetting { key, .. } in &wanted {
            changed = config::with_switch(path, &changed, key, false)?;
        }
        if changed != text {
            backup::replace(path, changed.as_bytes())?;
        }
        Ok(())
    }
}

fn remove_with_directory(drop_in: &Utf8Path) -> io::Result<()> {
    fs::remove(drop_in)?;
    let Some(directory) = drop_in.parent() else { return Ok(()) };
    match std::fs::remove_dir(directory) {
        Ok(()) => fs::sync_directory(directory.parent().unwrap_or(directory)),
        // Others' drop-ins are in it, or it is gone.
        Err(_) if directory.exists() => fs::sync_directory(directory),
        Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        (guard, path)
    }

    fn hold(root: &Utf8Path, settings: &[(&str, SettingBefore)]) -> Hold {
        let core = "2026.9.5".parse().unwrap();
        let versions = Versions { core, plugin: None };
        let mut hold = Hold::new(
            "2026-11-27T10:00:00Z".parse().unwrap(),
            versions,
            &root.join("openclaw.json"),
        );
        hold.drop_in = Some(drop_in_of(&root.join("openclaw-gateway.service")));
        hold.settings = settings
            .iter()
            .map(|(key, before)| HeldSetting { key: (*key).to_owned(), before: before.clone() })
            .collect();
        hold
    }

    #[test]
    fn what_is_held_and_let_go_again_is_as_it_was_to_the_byte() {
        let (_guard, root) = place();
        let text = "{ // mine\n  update: {auto: {enabled: true}}, /* x */\n}\n";
        let (config, record) = (root.join("openclaw.json"), root.join("holds/a.json"));
        fs_err::write(&config, text).unwrap();
        let hold = hold(
            &root,
            &[
                ("update.auto.enabled", SettingBefore::Value(true)),
                ("update.checkOnStart", SettingBefore::Missing("update.checkOnStart".to_owned())),
            ],
        );
        let change = HoldChange { before: None, after: Some(hold.clone()) };
        for _ in 0..2 {
            change.take(&record, || {}).unwrap();
            assert_eq!(hold.gone(), [""; 0]);
        }
        let text_held = fs_err::read_to_string(&config).unwrap();
        assert!(text_held.contains("auto: {enabled: false}"), "{text_held}");
        assert!(text_held.contains("// mine"), "{text_held}");
        let read = Hold::read(&record).unwrap();
        assert_eq!(read.as_ref(), Some(&hold));
        assert!(HoldChange { before: read.clone(), after: read }.is_done());
        for _ in 0..2 {
            change.reversed().take(&record, || {}).unwrap();
            assert_eq!(fs_err::read_to_string(&config).unwrap(), text);
        }
        assert!(!root.join("openclaw-gateway.service.d").exists());
        assert_eq!(Hold::read(&record).unwrap(), None);
    }

    #[test]
    fn what_somebody_turned_on_since_stays_on_and_is_told() {
        let (_guard, root) = place();
        let (config, record) = (root.join("openclaw.json"), root.join("a.json"));
        fs_err::write(&config, "{update: {auto: {enabled: true}}}").unwrap();
        let hold = hold(&root, &[("update.auto.enabled", SettingBefore::Value(true))]);
        let change = HoldChange { before: None, after: Some(hold.clone()) };
        change.take(&record, || {}).unwrap();
        let edited = "{update: {auto: {enabled: true}}, channels: {}}";
        fs_err::write(&config, edited).unwrap();
        fs_err::remove_file(hold.drop_in.as_ref().unwrap()).unwrap();
        assert_eq!(hold.gone().len(), 2, "{:?}", hold.gone());
        let same = HoldChange { before: Some(hold.clone()), after: Some(hold) };
        assert!(!same.is_done() && same.wants_restart());
        change.reversed().take(&record, || {}).unwrap();
        assert_eq!(fs_err::read_to_string(&config).unwrap(), edited);
    }

    #[test]
    fn drop_ins_of_others_stay() {
        let (_guard, root) = place();
        let hold = hold(&root, &[]);
        let other = root.join("openclaw-gateway.service.d/10-mine.conf");
        fs_err::create_dir(other.parent().unwrap()).unwrap();
        fs_err::write(&other, "[Service]\n").unwrap();
        let change = HoldChange { before: None, after: Some(hold) };
        change.take(&root.join("a.json"), || {}).unwrap();
        change.reversed().take(&root.join("a.json"), || {}).unwrap();
        let left = other.parent().unwrap().read_dir_utf8().unwrap().count();
        assert_eq!((left, other.exists()), (1, true));
    }

    #[test]
    fn a_record_that_is_damaged_or_of_a_later_codexpin_is_refused_with_a_sentence() {
        let (_guard, root) = place();
        let record = root.join("a.json");
        for (text, expected) in [("{", "cannot be read"), ("{\"format\": 9}", "has format 9")] {
            fs_err::write(&record, text).unwrap();
            let error = Hold::read(&record).unwrap_err();
            assert!(error.to_string().contains(expected) && error.hint().is_some(), "{error}");
        }
    }
}
