//! With what a release is held here: the switches of its config, and a variable of its
//! unit. Each does alone.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::Value;

use super::hold::{HeldSetting, Hold, HoldError, SettingBefore, drop_in_of};
use super::versions::Versions;
use crate::config;
use crate::env::Environment;
use crate::fs::{self, foreign};
use crate::installation::Installation;
use crate::openclaw::{Change, updates};

/// What is to be held.
pub(super) struct HoldTarget<'a> {
    pub(super) installation: &'a Installation,
    /// What will be installed.
    pub(super) versions: Versions,
    /// The file whose text will be the config: the live one, or one that takes its place.
    pub(super) config: &'a Utf8Path,
    /// What the Gateway reads its config with.
    pub(super) environment: &'a Environment,
    /// What holds so far.
    pub(super) current: Option<&'a Hold>,
    /// The time, for a new hold.
    pub(super) now: Timestamp,
}

impl HoldTarget<'_> {
    /// What holds it.
    pub(super) fn hold(&self) -> Result<Hold, HoldError> {
        let since = self.current.map_or(self.now, |current| current.since);
        let mut hold = Hold::new(since, self.versions, &self.installation.config);
        match self.settings() {
            Ok(settings) => hold.settings = settings,
            Err(why) => hold.config_left = Some(why),
        }
        hold.drop_in = self.drop_in();
        match (&hold.config_left, &hold.drop_in) {
            (Some(why), None) => Err(HoldError::NoMeans { why: why.clone() }),
            _ => Ok(hold),
        }
    }

    fn drop_in(&self) -> Option<Utf8PathBuf> {
        let service = self.installation.service.as_ref()?;
        let drop_in = drop_in_of(&service.unit);
        let known = Change::NoUpdateVariable.is_in(self.versions.core);
        // The nearest directory that is there: nothing is made by asking.
        let place = drop_in.ancestors().skip(1).find(|place| place.is_dir())?;
        (known && fs::is_writable(place)).then_some(drop_in)
    }

    /// The switches that are on; or why the config is to be left as it is.
    fn settings(&self) -> Result<Vec<HeldSetting>, String> {
        let (file, place) = (self.config, &self.installation.config);
        let loaded = config::read_copy(file, place, self.environment)
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("there is no {place}"))?;
        let mut text = foreign::read_to_string_named(file, foreign::TEXT)
            .map_err(|error| error.to_string())?;
        let mut settings = Vec::new();
        for switch in updates::switches(self.versions.core) {
            let key = switch.key;
            let no_switch = || format!("{key} of {place} is neither true nor false");
            let written = config::written_at(file, &text, key).map_err(|e| e.to_string())?;
            let earlier = self.current.and_then(|hold| hold.settings.iter().find(|s| s.key == key));
            if let Some(earlier) = earlier
                && written == Some(Value::Bool(false))
            {
                settings.push(earlier.clone());
                continue;
            }
            let is_on = match loaded.setting(key) {
                None => switch.unless_set,
                Some(value) => value.as_bool().ok_or_else(no_switch)?,
            };
            if !is_on {
                continue;
            }
            let missing = config::outermost_missing(file, &text, key).map_err(|e| e.to_string())?;
            let before = match (written, missing) {
                (Some(Value::Bool(value)), _) => SettingBefore::Value(value),
                (None, Some(outermost)) => SettingBefore::Missing(outermost.to_owned()),
                _ => return Err(no_switch()),
            };
            // Whether it can be done at all; the file is written when the step is taken.
            text = config::with_switch(file, &text, key, false).map_err(|e| e.to_string())?;
            settings.push(HeldSetting { key: key.to_owned(), before });
        }
        let real = place.canonicalize_utf8().unwrap_or_else(|_| place.clone());
        if !settings.is_empty() && !real.parent().is_some_and(fs::is_writable) {
            return Err(format!("{real} cannot be replaced by this user"));
        }
        Ok(settings)
    }
}
