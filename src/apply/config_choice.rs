//! Which config an apply or an undo puts in place, by what earlier ones saved.

use camino::{Utf8Path, Utf8PathBuf};

use super::earlier_config::{EarlierConfig, SavedBy, newest_copy};
use super::hold::Hold;
use super::journal::ApplyJournal;
use super::step::Step;
use super::{ApplyError, ApplyTarget, BackupError};
use crate::config::{self, ConfigError, Loaded};
use crate::env::Environment;
use crate::installation::Installation;
use crate::openclaw::refuses_config_of;

/// The one to put in place for `target`, which does not start with the live one: from
/// codexpin's own backup, else the newest of `OpenClaw`'s. A copy that cannot be read
/// is no help, and is passed over. `now` is none where the live one is broken: then
/// nobody can say what differs.
pub(super) fn find(
    installation: &Installation,
    target: &ApplyTarget,
    now: Option<&Loaded>,
    journals: &[ApplyJournal],
    environment: &Environment,
) -> Option<EarlierConfig> {
    let release = target.core.version;
    let saved = |path: Utf8PathBuf, by, config: &Loaded| EarlierConfig {
        path,
        by,
        written_by: config.last_touched(),
        differs: now.map(|now| config.differing_settings(now)).unwrap_or_default(),
    };
    for journal in journals.iter().rev() {
        let record = &journal.record;
        let same = record.installation.config == installation.config;
        let copy = journal.saved_config().filter(|_| same && record.from.core == release);
        let Some(copy) = copy else { continue };
        let config = config::read_copy(&copy, &installation.config, environment).ok().flatten();
        let fits = |config: &Loaded| {
            config.last_touched().is_none_or(|written_by| !refuses_config_of(release, written_by))
        };
        if let Some(config) = config.filter(fits) {
            return Some(saved(copy, SavedBy::Codexpin, &config));
        }
    }
    newest_copy(&installation.config, release, environment)
        .map(|copy| saved(copy.path, SavedBy::OpenClaw, &copy.config))
}

/// What undoing does to the config. What the backup saved comes back if nobody
/// edited the config since: `OpenClaw`'s own stamp, and what the undone apply itself
/// put in place, are no edits. Otherwise it is laid beside the edited one, with
/// `name` added to its own. Of a broken config and one that reads, the one that reads
/// is put, or stays, in place: no release starts with the other.
pub(super) fn step_of_undo(
    installation: &Installation,
    undone: &ApplyJournal,
    name: &str,
    current: Option<&Hold>,
    environment: &Environment,
) -> Result<Option<Step>, ApplyError> {
    let path = installation.config.clone();
    let Some(copy) = undone.saved_config() else { return Ok(None) };
    let read = |copy: &Utf8Path| config::read_copy(copy, &path, environment);
    let (saved, now) = (broken_or_read(read(&copy))?, broken_or_read(read(&path))?);
    let put = |written_by| {
        let (path, by) = (path.clone(), SavedBy::Codexpin);
        let saved = EarlierConfig { path: copy.clone(), by, written_by, differs: Vec::new() };
        Step::PutConfig { path, saved }
    };
    let lay_beside = || {
        let beside = Utf8PathBuf::from(format!("{path}.{name}"));
        Step::LayConfigBeside { path: path.clone(), saved: copy.clone(), beside }
    };
    Ok(match (saved, now) {
        (Ok(None), _) | (_, Ok(None)) => None,
        (Ok(Some(saved)), Ok(Some(now))) => {
            // What is put in place was codexpin's own copy: one that is gone, or broken
            // since, leaves it open whether the config was edited.
            let placed = undone.record.placed_config().and_then(|placed| read(placed).ok()?);
            // What a hold switched off is no edit, either.
            let written_by = saved.last_touched();
            let at_save = undone.record.hold_change().and_then(|change| change.before.as_ref());
            let (now, saved) = (released(now, current), released(saved, at_save));
            let unedited = now.same_but_for_stamp(&saved)
                || placed.is_some_and(|placed| now.same_but_for_stamp(&placed));
            Some(if unedited { put(written_by) } else { lay_beside() })
        }
        (Ok(Some(saved)), Err(_)) => Some(put(saved.last_touched())),
        (Err(_), Ok(Some(_))) => Some(lay_beside()),
        (Err(_), Err(broken)) => {
            let bytes = |path: &Utf8Path| fs_err::read(path).map_err(BackupError::Io);
            if bytes(&copy)? != bytes(&path)? {
                return Err(broken.into());
            }
            // It was broken before, and is as it was.
            None
        }
    })
}

/// A config as it would be without the hold.
pub(super) fn released(config: Loaded, hold: Option<&Hold>) -> Loaded {
    match hold {
        Some(hold) => hold.released(config),
        None => config,
    }
}

/// A config that is broken is an answer; one that the system does not let this user
/// read is none.
pub(super) fn broken_or_read(
    read: Result<Option<Loaded>, ConfigError>,
) -> Result<Result<Option<Loaded>, ConfigError>, ApplyError> {
    match read {
        Err(error) if !error.is_broken() => Err(error.into()),
        read => Ok(read),
    }
}
