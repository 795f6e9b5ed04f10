//! What runs here, and how it stands to the pin.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use super::AppError;
use super::context::Context;
use super::history::{self, PastOperation};
use crate::apply::Versions;
use crate::doctor::{self, Facts, HoldRead, PinRead, UnitRead};
use crate::explain::Class;
use crate::installation::Installation;
use crate::node::choice::Node;
use crate::release::Version;

/// What runs on this machine.
#[derive(Debug, Serialize)]
pub struct MachineStatus {
    /// The core's release.
    pub core: Version,
    /// Its package directory.
    pub directory: Utf8PathBuf,
    /// The Node that it runs on.
    pub node: Option<Node>,
    /// The plugin and the Codex CLI.
    pub plugin: Option<PluginStatus>,
    /// The state directory.
    pub state: Utf8PathBuf,
    /// `openclaw.json`.
    pub config: Utf8PathBuf,
    /// The Gateway's service.
    pub service: Option<UnitStatus>,
    /// PATH's `openclaw`, where that is another one than the service's.
    pub on_path_instead: Option<Utf8PathBuf>,
    /// Why `apply` would not change it.
    pub not_for_apply: Option<String>,
    /// How it stands to the pin of the working directory; none where there is no pin.
    pub pin: Option<PinStanding>,
    /// Why the pin file cannot be used, where it cannot.
    pub pin_refused: Option<String>,
    /// What keeps it from updating itself.
    pub hold: HoldStatus,
    /// What codexpin did to it last.
    pub last: Option<PastOperation>,
    /// What `undo` would go back to.
    pub undo: Option<PastOperation>,
}

/// The installed plugin.
#[derive(Debug, Serialize)]
pub struct PluginStatus {
    /// Its release.
    pub version: Version,
    /// Its package directory.
    pub directory: Utf8PathBuf,
    /// The `@openai/codex` beside it.
    pub codex_cli: Option<String>,
}

/// The service, as its manager tells it.
#[derive(Debug, Serialize)]
pub struct UnitStatus {
    /// The unit file.
    pub unit: Utf8PathBuf,
    /// Whether it runs; none where the manager could not be asked.
    pub is_running: Option<bool>,
    /// `active (running)`, `enabled`; or why nobody says.
    pub told: String,
}

/// Whether `OpenClaw` is kept from updating itself.
#[derive(Debug, Default, Serialize)]
pub struct HoldStatus {
    /// What `codexpin hold` holds; none where it is not held.
    pub held: Option<Versions>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Whether something else is installed all the same.
    pub moved: bool,
    /// What of the hold is gone, in words.
    pub gone: Vec<String>,
    /// Why the record of it cannot be used, where it cannot.
    pub refused: Option<String>,
    /// Whether the Gateway installs newer releases by itself; none where its config is not
    /// known.
    pub updates_itself: Option<bool>,
}

/// What is installed, held against the pin.
#[derive(Debug, Serialize)]
pub struct PinStanding {
    /// The pin file.
    pub file: Utf8PathBuf,
    /// The pinned core.
    pub core: Version,
    /// The pinned plugin.
    pub plugin: Option<Version>,
    /// What is installed in place of what is pinned; none of it where all is as pinned.
    pub drift: Vec<Drift>,
}

/// A part that is not as it is pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// `core` or `plugin`.
    pub part: &'static str,
    /// What is pinned.
    pub pinned: Version,
    /// What is installed.
    pub installed: Option<Version>,
}

/// Looks at what runs here, without changing anything.
pub async fn status(context: &Context, pin_file: &Utf8PathBuf) -> Result<MachineStatus, AppError> {
    let machine = context.live_machine();
    let (backups, pins) = (context.directories.backups(), context.cwd.join(pin_file));
    let facts = doctor::survey(&machine, &backups, &pins, Timestamp::now()).await;
    if context.stop.is_cancelled() {
        return Err(AppError::interrupted());
    }
    let installation = Installation::find(&machine).await;
    let history = history::of(context, installation.as_ref().ok())?;
    let hold = hold_status(&facts);
    let Facts { core, plugin, node, unit, state, config, pin, not_for_apply, on_path, .. } = facts;
    let Some(core) = core else {
        return Err(match installation {
            Err(error) => error.into(),
            Ok(_) => AppError::new(Class::Failure, "no OpenClaw was found"),
        });
    };
    let installed = (core.version, plugin.as_ref().map(|plugin| plugin.version));
    let (pin, pin_refused) = match standing(pin, installed) {
        Ok(standing) => (standing, None),
        Err(why) => (None, Some(why)),
    };
    let other = on_path.into_iter().next().filter(|found| found.directory != core.directory);
    let mut operations = history.operations.into_iter();
    let last = operations.next();
    let undo = last.iter().cloned().chain(operations).find(|past| past.can_be_undone);
    Ok(MachineStatus {
        core: core.version,
        directory: core.directory,
        node,
        plugin: plugin.map(|plugin| PluginStatus {
            version: plugin.version,
            directory: plugin.directory,
            codex_cli: plugin.codex.map(|codex| codex.version),
        }),
        state,
        config,
        service: unit.map(unit_status),
        on_path_instead: other.map(|found| found.command),
        not_for_apply: not_for_apply.map(|(why, _)| why),
        pin,
        pin_refused,
        hold,
        last,
        undo,
    })
}

fn hold_status(facts: &Facts) -> HoldStatus {
    let updates_itself = doctor::updates_itself(facts);
    match &facts.hold {
        HoldRead::NotHeld => HoldStatus { updates_itself, ..HoldStatus::default() },
        HoldRead::Refused(why, _) => {
            HoldStatus { refused: Some(why.clone()), updates_itself, ..HoldStatus::default() }
        }
        HoldRead::Held { hold, gone } => {
            let core = facts.core.as_ref().map(|core| core.version);
            let plugin = facts.plugin.as_ref().map(|plugin| plugin.version);
            HoldStatus {
                held: Some(hold.versions),
                since: Some(hold.since),
                moved: core != Some(hold.versions.core) || plugin != hold.versions.plugin,
                gone: gone.clone(),
                refused: None,
                updates_itself,
            }
        }
    }
}

fn unit_status(unit: UnitRead) -> UnitStatus {
    let (is_running, told) = match unit.standing {
        Ok(standing) => {
            let state = &standing.state;
            let told = format!("{} ({}), {}", state.active, state.sub, standing.file);
            (Some(state.is_running()), told)
        }
        Err(why) => (None, why),
    };
    UnitStatus { unit: unit.path, is_running, told }
}

/// A core that was pinned without a plugin says nothing of one.
fn standing(
    pin: PinRead,
    (core, plugin): (Version, Option<Version>),
) -> Result<Option<PinStanding>, String> {
    let (file, current) = match pin {
        PinRead::Missing => return Ok(None),
        PinRead::Refused(_, why, _) => return Err(why),
        PinRead::Read { path, current, .. } => (path, current),
    };
    let Some((pinned, pinned_plugin)) = current else { return Ok(None) };
    let mut drift = Vec::new();
    if pinned != core {
        drift.push(Drift { part: "core", pinned, installed: Some(core) });
    }
    if let Some(wanted) = pinned_plugin.filter(|wanted| Some(*wanted) != plugin) {
        drift.push(Drift { part: "plugin", pinned: wanted, installed: plugin });
    }
    Ok(Some(PinStanding { file, core: pinned, plugin: pinned_plugin, drift }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_installed_is_held_against_each_part_of_the_pin() {
        let (old, new) = (version("2026.9.4"), version("2026.9.5"));
        let drift = |pinned: (Version, Option<Version>), installed| {
            let pin = PinRead::Read {
                path: "known-good.toml".into(),
                current: Some(pinned),
                bad: vec![],
            };
            let standing = standing(pin, installed).unwrap().unwrap();
            standing.drift.into_iter().map(|drift| drift.part).collect::<Vec<_>>()
        };
        assert_eq!(drift((old, Some(old)), (old, Some(old))), [""; 0]);
        assert_eq!(drift((old, None), (old, Some(new))), [""; 0]);
        assert_eq!(drift((old, Some(old)), (new, Some(new))), ["core", "plugin"]);
        assert_eq!(drift((old, Some(old)), (old, None)), ["plugin"]);
    }

    #[test]
    fn without_a_pin_nothing_is_held_against_one_and_a_broken_one_is_told() {
        let installed = (version("2026.9.4"), None);
        assert!(standing(PinRead::Missing, installed).unwrap().is_none());
        let empty = PinRead::Read { path: "p".into(), current: None, bad: vec![] };
        assert!(standing(empty, installed).unwrap().is_none());
        let refused = PinRead::Refused("p".into(), "p is no TOML".to_owned(), None);
        assert_eq!(standing(refused, installed).unwrap_err(), "p is no TOML");
    }
}
