//! Reads the facts. It opens files to read them, runs `node --version` and
//! `systemctl --user show`, and leaves nothing behind; the release's own doctor only where
//! that can write nothing.

mod catalogue;
mod gateway_environment;
mod machine;
mod needs;
mod own_lint;
mod packages;
mod settings;
mod stores;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::Value;

use self::gateway_environment::GatewayEnvironment;
use self::needs::Havings;
pub use self::own_lint::{has_own_lint, own_lint};
use super::facts::{
    ApplyLeft, ConfigRead, Core, Facts, HoldRead, OnPath, OwnLint, PinRead, UnitRead,
};
use crate::apply::{ApplyJournal, Hold, hold_record};
use crate::env::{
    Environment, OPENCLAW_CONFIG_PATH, OPENCLAW_HOME, OPENCLAW_NO_AUTO_UPDATE, OPENCLAW_STATE_DIR,
};
use crate::explain::Explain as _;
use crate::installation::{self, Installation, LiveMachine, Unit};
use crate::login::Place;
use crate::pin::{PinFile, PinFileError};
use crate::process::quoted;

/// Looks at the live installation of these surroundings, at codexpin's own
/// backups, and at a pin file.
pub async fn survey(
    surroundings: &LiveMachine,
    backups: &Utf8Path,
    pin_file: &Utf8Path,
    now: Timestamp,
) -> Facts {
    let LiveMachine { environment, home, .. } = surroundings;
    let unit = installation::unit(environment, home);
    let on_path = packages::on_path(environment);
    let core = packages::core(unit.as_ref(), &on_path);
    let (state, config) = installation::lives_in(environment, home);
    let lived_in = unit.as_ref().map_or(environment, |unit| &unit.environment);
    let node = match packages::node_of(unit.as_ref(), environment) {
        Some(node) => installation::run_node(surroundings, node).await.ok(),
        None => None,
    };
    let not_for_apply = match Installation::find(surroundings).await {
        Ok(installation) => installation.may_be_changed().err(),
        Err(error) => Some(error),
    };
    let gateway = GatewayEnvironment::of(&state, lived_in, unit.as_ref());
    let release = core.as_ref().map(|core| core.version);
    let settings = settings::read(&config, &gateway.all, release);
    let stores = stores::read(&state, home, &gateway.all, release);
    let place = Place::new(&state, home).with_environment(&gateway.all);
    let loaded = settings.loaded.as_ref();
    let havings = Havings { gateway: &gateway.all, shell: environment };
    let mut api_keys = gateway.api_keys();
    api_keys.extend(settings.api_keys);
    api_keys.extend(stores.api_keys);
    let (mut endpoints, broken_catalogues) = catalogue::of_agents(&state);
    endpoints.splice(0..0, settings.endpoints);
    let of_user = matches!(&settings.config, ConfigRead::Read(read) if read.codex_of_user);
    let user_home = stores::codex_home(home, &gateway.all);
    let (of_codex, retired_compaction) =
        catalogue::of_codex(&state, Some(user_home.as_path()).filter(|_| of_user));
    endpoints.extend(of_codex);
    Facts {
        now,
        openclaw: how_to_call(environment, unit.as_ref(), core.as_ref(), &on_path),
        plugin: packages::plugin(&state, release),
        managed: packages::managed(&state),
        missing: needs::missing(loaded, &place, &havings),
        needs: loaded.map_or(0, |loaded| loaded.needs().len()),
        login_shell: loaded
            .and_then(|loaded| loaded.setting("env.shellEnv.enabled"))
            .is_some_and(|value| *value == Value::Bool(true)),
        machine: machine::read(&state),
        saved_configs: settings::saved(&config, release, &gateway.all),
        node,
        unit: match &unit {
            Some(unit) => Some(read_unit(surroundings, unit).await),
            None => None,
        },
        unit_path: installation::unit_file(environment, home),
        not_for_apply: not_for_apply.map(|error| (error.to_string(), error.hint())),
        on_path,
        state_exists: state.is_dir(),
        settings: settings.config,
        written_by: settings.written_by,
        accounts: stores.accounts,
        api_keys,
        orders: stores.orders,
        codex_homes: stores.codex_homes,
        logins_unread: stores.unread,
        auth_files: stores.files,
        endpoints,
        retired_compaction,
        broken_catalogues,
        databases: stores.databases,
        pin: pin(pin_file),
        hold: core.as_ref().map(|core| hold(backups, core)).unwrap_or_default(),
        unfinished: unfinished(backups),
        own_lint: OwnLint::NotAsked,
        registry: None,
        core,
        state,
        config,
    }
}

async fn read_unit(surroundings: &LiveMachine, unit: &Unit) -> UnitRead {
    let there = |path: Option<&Utf8PathBuf>| path.is_some_and(|path| path.exists());
    let value = |name: &str| unit.environment.get(name).map(str::to_owned);
    UnitRead {
        path: unit.path.clone(),
        node_exists: there(unit.node.as_ref()),
        entry_exists: there(unit.entry.as_ref()),
        node: unit.node.clone(),
        entry: unit.entry.clone(),
        written_by: value("OPENCLAW_SERVICE_VERSION"),
        missing_files: unit
            .environment_files
            .iter()
            .filter(|file| !file.path.exists())
            .map(|file| (file.path.clone(), file.optional))
            .collect(),
        no_auto_update: value(OPENCLAW_NO_AUTO_UPDATE).is_some_and(|value| is_true(&value)),
        standing: installation::standing(surroundings).await.map_err(|error| error.to_string()),
    }
}

/// As `isTruthyEnvValue` in the releases.
fn is_true(value: &str) -> bool {
    matches!(value.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
}

/// How the live `openclaw` is called from this shell, with the state of its service:
/// a doctor of another one mends something else.
fn how_to_call(
    shell: &Environment,
    unit: Option<&Unit>,
    core: Option<&Core>,
    on_path: &[OnPath],
) -> String {
    let mut words = Vec::new();
    if let Some(unit) = unit {
        for name in [OPENCLAW_HOME, OPENCLAW_STATE_DIR, OPENCLAW_CONFIG_PATH] {
            match (unit.environment.get(name), shell.get(name)) {
                (Some(value), other) if other != Some(value) => {
                    words.push(format!("{name}={}", quoted(value)));
                }
                (None, Some(_)) => words.push(format!("{name}=")),
                _ => {}
            }
        }
    }
    let first = on_path.first().map(|found| &found.directory);
    match (core, unit.and_then(|unit| unit.node.as_ref())) {
        (Some(core), Some(node)) if first != Some(&core.directory) => {
            words.push(quoted(node.as_str()));
            words.push(quoted(core.directory.join("openclaw.mjs").as_str()));
        }
        _ => words.push("openclaw".to_owned()),
    }
    words.join(" ")
}

fn pin(path: &Utf8Path) -> PinRead {
    let file = match PinFile::open(path) {
        Ok(file) => file,
        Err(PinFileError::Missing { .. }) => return PinRead::Missing,
        Err(error) => return PinRead::Refused(path.to_owned(), error.to_string(), error.hint()),
    };
    let bad = file.pins().into_iter().filter_map(|pin| {
        let bad = pin.first_bad?;
        Some((bad.core, bad.signature, pin.core))
    });
    PinRead::Read {
        path: path.to_owned(),
        current: file.current().ok().map(|pin| (pin.core, pin.plugin)),
        bad: bad.collect(),
    }
}

fn hold(backups: &Utf8Path, core: &Core) -> HoldRead {
    match Hold::read(&hold_record(backups, &core.directory)) {
        Ok(None) => HoldRead::NotHeld,
        Ok(Some(hold)) => HoldRead::Held { gone: hold.gone(), hold },
        Err(error) => HoldRead::Refused(error.to_string(), error.hint()),
    }
}

/// What cannot be read of the backups is `apply`'s to tell.
fn unfinished(backups: &Utf8Path) -> Vec<ApplyLeft> {
    let journals = ApplyJournal::all(backups).unwrap_or_default().journals;
    let left = journals.into_iter().filter(|journal| !journal.record.progress.is_finished());
    left.map(|journal| ApplyLeft {
        from: journal.record.from.core,
        to: journal.record.to.core,
        operation: journal.record.operation,
        changed: journal.record.may_differ(),
        stopped: journal.record.keeps_service_stopped(),
        at: journal.record.at,
        directory: journal.directory,
    })
    .collect()
}
