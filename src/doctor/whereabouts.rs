//! Whether there is an installation, which of several it is, and whether codexpin
//! can change it.

use camino::Utf8Path;

use super::finding::Finding;
use super::{Facts, PinRead, UnitRead};
use crate::process::quoted;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    // What the unit names and is not there is the service's finding.
    let broken_unit = facts.unit.as_ref().is_some_and(|unit| !stands(unit));
    match (&facts.core, &facts.not_for_apply) {
        (None, _) if broken_unit => {}
        (None, why) => findings.push(none(facts, why.as_ref())),
        (Some(core), Some((why, hint))) if !broken_unit => findings.push(
            Finding::note("not-for-apply", "`codexpin apply` cannot change this installation")
                .file(&core.directory)
                .why(with(why, hint.as_deref())),
        ),
        _ => {}
    }
    findings.extend(several(facts));
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let core = facts.core.as_ref()?;
    Some(format!("{} in {}", core.version, core.directory))
}

fn stands(unit: &UnitRead) -> bool {
    unit.node_exists && unit.entry_exists
}

fn none(facts: &Facts, why: Option<&(String, Option<String>)>) -> Finding {
    let said = match why {
        Some((why, hint)) if facts.unit.is_some() || !facts.on_path.is_empty() => {
            with(why, hint.as_deref())
        }
        _ => {
            "there is no `openclaw` on PATH and no systemd user unit of it. Where it is installed \
              for another user, run codexpin as that one, with its PATH"
                .to_owned()
        }
    };
    let finding = Finding::problem("no-installation", "no OpenClaw was found here").why(said);
    let finding = if facts.state_exists { finding.file(&facts.state) } else { finding };
    finding.mend(match &facts.pin {
        PinRead::Read { current: Some((pinned, _)), .. } => {
            format!("npm install -g openclaw@{pinned}")
        }
        _ => "npm install -g openclaw".to_owned(),
    })
}

/// What `apply` says of it; that it touched nothing is no news here.
fn with(why: &str, hint: Option<&str>) -> String {
    match hint.map(|hint| hint.trim_end_matches("; nothing was touched")) {
        Some(hint) => format!("{why}: {hint}"),
        None => why.to_owned(),
    }
}

/// More than one package behind PATH, or another one behind PATH than the service's.
fn several(facts: &Facts) -> Option<Finding> {
    let core = facts.core.as_ref()?;
    let others: Vec<_> =
        facts.on_path.iter().filter(|found| found.directory != core.directory).collect();
    let other = others.first()?;
    let named = |version: Option<crate::release::Version>| {
        version.map_or_else(|| "an OpenClaw".to_owned(), |version| version.to_string())
    };
    let first_is_other =
        facts.on_path.first().is_some_and(|first| first.directory != core.directory);
    let (title, why) = if facts.unit.is_some() && first_is_other {
        (
            format!(
                "the service runs {}, and `openclaw` in this shell is {}",
                core.version,
                named(other.version)
            ),
            format!(
                "what is typed goes to the one in {}, what answers is the one in {}: an update or a \
                 doctor of the first can leave files that the second does not read",
                other.directory, core.directory
            ),
        )
    } else {
        (
            format!("there are {} copies of OpenClaw on PATH", others.len() + 1),
            format!(
                "the one in {} is the one that is meant; an update may go to {} instead",
                core.directory, other.directory
            ),
        )
    };
    let finding = Finding::warning("two-copies", title).file(&other.command).why(why);
    let prefix = |directory: &Utf8Path| {
        directory.as_str().strip_suffix("/lib/node_modules/openclaw").map(str::to_owned)
    };
    // Without a unit nobody knows which of them is in use.
    if facts.unit.is_none() {
        return Some(finding);
    }
    let reachable = facts.on_path.iter().any(|found| found.directory == core.directory);
    Some(match (prefix(&other.directory), prefix(&core.directory)) {
        (Some(other), _) if reachable => {
            finding.mend(format!("npm uninstall -g openclaw --prefix {}", quoted(&other)))
        }
        // It is the only one that this shell finds: the service's has to be found first.
        (_, Some(own)) => {
            finding.mend(format!("export PATH={}:\"$PATH\"", quoted(&format!("{own}/bin"))))
        }
        _ => finding,
    })
}
