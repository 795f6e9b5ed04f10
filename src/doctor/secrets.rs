//! What the Gateway needs at its start and does not get: variables, files and programs of
//! secrets, by the environment of its service and not of this shell.

use super::finding::{Finding, Level};
use super::{Facts, Missing, MissingKind};
use crate::process::quoted;

/// Settings without which no turn is started.
const OF_THE_TURN: [&str; 4] = ["gateway.", "agents.", "models.providers.", "auth."];
/// How many settings are named.
const NAMED: usize = 3;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let files = facts.unit.iter().flat_map(|unit| &unit.missing_files).map(|(file, optional)| {
        let (level, why) = if *optional {
            (Level::Note, "the unit allows for that; what stood in it is not set")
        } else {
            (
                Level::Problem,
                "systemd does not start the service without it, and what stood in it is \
                 not set. An update that wrote the unit anew may have left it behind",
            )
        };
        let unit = facts.unit.as_ref().map(|unit| unit.path.clone()).unwrap_or_default();
        let finding = Finding::new(
            "service-environment-missing",
            level,
            format!("the service's {file} is not there"),
        )
        .file(unit)
        .key("EnvironmentFile")
        .why(why);
        if level == Level::Note {
            finding
        } else {
            finding.mend(facts.command("gateway install --force"))
        }
    });
    files.chain(facts.missing.iter().map(|missing| finding(facts, missing))).collect()
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.settings()?;
    match facts.needs {
        0 => None,
        1 => Some("1 setting that needs a variable or a secret has it".to_owned()),
        n => Some(format!("{n} settings that need a variable or a secret have it")),
    }
}

fn finding(facts: &Facts, missing: &Missing) -> Finding {
    let name = &missing.name;
    let (id, title) = match missing.kind {
        MissingKind::Variable if !missing.is_secret => {
            ("config-variable-unset", format!("the Gateway does not have the variable {name}"))
        }
        MissingKind::Variable => (
            "secret-unresolved",
            format!("a secret is in the variable {name}, which the Gateway does not have"),
        ),
        MissingKind::File => {
            ("secret-unresolved", format!("secrets are in {name}, which is not there"))
        }
        MissingKind::Program => {
            ("secret-unresolved", format!("secrets are asked of {name}, which is not there"))
        }
        MissingKind::Provider => {
            ("secret-unresolved", format!("no provider of secrets is called {name}"))
        }
    };
    let keys: Vec<_> = missing.places.iter().map(|(_, key)| key.as_str()).collect();
    let named = keys[..keys.len().min(NAMED)].join(", ");
    let rest = keys.len().saturating_sub(NAMED);
    let named = if rest > 0 { format!("{named} and {rest} more") } else { named };
    let (file, key) = missing.places.first().cloned().unwrap_or_default();
    let finding = Finding::new(id, level(facts, missing), title).file(file).key(key);
    finding
        .why(format!("{}; it is named in {named}", why(facts, missing)))
        .mends(commands(facts, missing))
}

fn level(facts: &Facts, missing: &Missing) -> Level {
    let of_turn = missing
        .places
        .iter()
        .any(|(_, key)| OF_THE_TURN.iter().any(|section| key.starts_with(section)));
    // Without a unit somebody else starts the Gateway, with what is not seen from here.
    let unseen =
        missing.kind == MissingKind::Variable && (facts.unit.is_none() || facts.login_shell);
    if unseen || !(missing.is_secret || of_turn) { Level::Warning } else { Level::Problem }
}

fn why(facts: &Facts, missing: &Missing) -> String {
    if missing.kind != MissingKind::Variable {
        return "a secret that cannot be looked up stops the start, or the part that needs it"
            .to_owned();
    }
    let seen = match (&facts.unit, missing.in_shell) {
        (Some(_), true) => {
            "this shell has it, and the service does not: neither its unit with drop-ins and \
             EnvironmentFile nor .env sets it"
        }
        (Some(_), false) => "neither the unit with drop-ins and EnvironmentFile nor .env sets it",
        (None, _) => "neither this shell nor .env sets it; whoever starts the Gateway may have it",
    };
    let shell = if facts.login_shell { "; the config lets it ask the login shell" } else { "" };
    let effect = if missing.is_secret {
        "a secret that does not resolve stops the start (`SecretRefResolutionError`), or the part \
         that needs it"
    } else {
        "the setting stays without its value, and older releases refuse the config"
    };
    format!("{seen}{shell}. {effect}")
}

fn commands(facts: &Facts, missing: &Missing) -> Vec<String> {
    let restart = facts.command("gateway restart");
    if missing.kind != MissingKind::Variable {
        return vec![facts.command("secrets audit"), restart];
    }
    // The value is typed into an editor: on a command line it would stay in the history.
    let file = facts.state.join(".env");
    vec![format!("\"${{EDITOR:-vi}}\" {}   # add {}", quoted(file.as_str()), missing.name), restart]
}
