//! Which config an apply or an undo puts in place, by what earlier ones saved.

use std::io;

use camino::Utf8PathBuf;

use super::ApplyTarget;
use super::earlier_config::{EarlierConfig, SavedBy, newest_copy};
use super::journal::ApplyJournal;
use super::step::Step;
use crate::installation::{Config, Installation};
use crate::openclaw::refuses_config_of;

/// The one to put in place of `now` for `target`, which does not start
/// with `now`: from codexpin's own backup, else the newest of `OpenClaw`'s.
pub(super) fn find(
    installation: &Installation,
    target: &ApplyTarget,
    now: &Config,
    journals: &[ApplyJournal],
) -> io::Result<Option<EarlierConfig>> {
    let release = target.core.version;
    let saved = |path: Utf8PathBuf, by, config: &Config| EarlierConfig {
        path,
        by,
        written_by: config.last_touched(),
        differs: config.differing_settings(now),
    };
    for journal in journals.iter().rev() {
        let record = &journal.record;
        let same = record.installation.config == installation.config;
        let copy = journal.saved_config().filter(|_| same && record.from.core == release);
        let Some(copy) = copy else { continue };
        if let Some(config) = Config::read(&copy)?.filter(|config| {
            config.last_touched().is_none_or(|written_by| !refuses_config_of(release, written_by))
        }) {
            return Ok(Some(saved(copy, SavedBy::Codexpin, &config)));
        }
    }
    Ok(newest_copy(&installation.config, release)
        .map(|(copy, config)| saved(copy, SavedBy::OpenClaw, &config)))
}

/// What undoing does to the config. What the backup saved comes back if nobody
/// edited the config since: `OpenClaw`'s own stamp, and what the undone apply itself
/// put in place, are no edits. Otherwise it is laid beside the edited one, with
/// `name` added to its own.
pub(super) fn step_of_undo(
    installation: &Installation,
    undone: &ApplyJournal,
    name: &str,
) -> io::Result<Option<Step>> {
    let path = installation.config.clone();
    let Some(copy) = undone.saved_config() else { return Ok(None) };
    let (Some(saved), Some(now)) = (Config::read(&copy)?, Config::read(&path)?) else {
        return Ok(None);
    };
    let placed = match undone.record.placed_config() {
        Some(placed) => Config::read(placed)?,
        None => None,
    };
    let unedited = now.same_but_for_stamp(&saved)
        || placed.is_some_and(|placed| now.same_but_for_stamp(&placed));
    Ok(Some(if unedited {
        let (by, written_by) = (SavedBy::Codexpin, saved.last_touched());
        let saved = EarlierConfig { path: copy, by, written_by, differs: Vec::new() };
        Step::PutConfig { path, saved }
    } else {
        let beside = Utf8PathBuf::from(format!("{path}.{name}"));
        Step::LayConfigBeside { path, saved: copy, beside }
    }))
}
