//! The Gateway's service: what its unit runs, and how it does.

use jiff::SignedDuration;

use super::finding::{Finding, Level};
use super::{Facts, UnitRead, leftover};
use crate::installation::ServiceStatus;

/// systemd's own name for it, in commands.
const UNIT: &str = "openclaw-gateway.service";
/// How much later than the start of the service files must have changed to count:
/// a start right behind an install is in order.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let Some(unit) = &facts.unit else {
        return Vec::from_iter(facts.core.as_ref().map(|_| {
            Finding::note("no-service", "there is no systemd user service for the Gateway")
                .file(&facts.unit_path)
                .why("whoever starts the Gateway, and with which Node, is not seen from here")
                .mend(facts.command("gateway install"))
        }));
    };
    let mut findings = program(facts, unit);
    match &unit.standing {
        Ok(standing) => findings.extend(doing(facts, unit, standing)),
        Err(why) => findings.push(
            Finding::note("service-unseen", "whether the service runs could not be seen")
                .file(&unit.path)
                .why(why)
                .mend(format!("systemctl --user status {UNIT}")),
        ),
    }
    findings.extend(written_by(facts, unit));
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let standing = facts.unit.as_ref()?.standing.as_ref().ok()?;
    let restarts = match standing.state.restarts {
        0 => "no restarts".to_owned(),
        n => format!("{n} restarts"),
    };
    Some(format!(
        "{} ({}), {}, {restarts}",
        standing.state.active, standing.state.sub, standing.file
    ))
}

/// What `ExecStart=` names.
fn program(facts: &Facts, unit: &UnitRead) -> Vec<Finding> {
    let mend = |finding: Finding| {
        finding
            .file(&unit.path)
            .key("ExecStart")
            .mend(facts.command("gateway install --force"))
            .mend(facts.command("gateway restart"))
    };
    let (Some(node), Some(entry)) = (&unit.node, &unit.entry) else {
        return vec![mend(
            Finding::warning("service-runs-something-else", "the unit does not run Node with OpenClaw")
                .why("which release answers cannot be told from it, and `codexpin apply` cannot change it"),
        )];
    };
    let mut findings = Vec::new();
    for (there, what, path) in
        [(unit.entry_exists, "entry point", entry), (unit.node_exists, "Node", node)]
    {
        if !there {
            let id = if what == "Node" { "service-node-missing" } else { "service-entry-missing" };
            findings.push(mend(
                Finding::problem(id, format!("the service's {what} is not there"))
                    .why(format!("the unit runs {path}, so the next start fails")),
            ));
        }
    }
    findings
}

fn doing(facts: &Facts, unit: &UnitRead, standing: &ServiceStatus) -> Vec<Finding> {
    let mut findings = Vec::new();
    let state = &standing.state;
    let failing = state.active == "failed" || (state.sub == "auto-restart" && state.restarts > 0);
    if failing && state.exit == 78 && !standing.killed {
        findings.push(
            Finding::problem(
                "service-refuses-config",
                "the Gateway refuses its config and stays down",
            )
            .file(&unit.path)
            .why("it ended with exit status 78, OpenClaw's word for a config that it does not take")
            .mend(facts.command("config validate"))
            .mend(facts.command("doctor --fix")),
        );
    } else if failing {
        findings.push(failed(facts, unit, standing));
    } else if !state.condition().is_wanted() && !leftover::keeps_service_stopped(facts) {
        let title = if standing.started {
            format!("the service is stopped ({})", state.active)
        } else {
            "the service was not started since this user manager is there".to_owned()
        };
        findings.push(
            Finding::warning("service-stopped", title)
                .file(&unit.path)
                .why("nobody answers until it is started")
                .mend(format!("systemctl --user start {UNIT}")),
        );
    }
    if standing.file == "disabled" {
        findings.push(
            Finding::warning("service-disabled", "the service is disabled")
                .file(&unit.path)
                .why("it does not come back by itself after a reboot")
                .mend(format!("systemctl --user enable {UNIT}")),
        );
    }
    if standing.reload {
        findings.push(
            Finding::warning(
                "unit-changed",
                "the unit was changed and systemd has not read it again",
            )
            .file(&unit.path)
            .why("a restart would still run what the unit said before")
            .mend("systemctl --user daemon-reload")
            .mend(format!("systemctl --user restart {UNIT}")),
        );
    }
    findings.extend(older_than_disk(facts, unit, standing));
    findings
}

/// Why it is down, by systemd's own word for it (systemd.service(5), "Result").
fn failed(facts: &Facts, unit: &UnitRead, standing: &ServiceStatus) -> Finding {
    let state = &standing.state;
    let again = match state.active.as_str() {
        "failed" => String::new(),
        _ => format!(", and systemd starts it over and over ({} restarts)", state.restarts),
    };
    let log = format!("journalctl --user -u {UNIT} -n 50 --no-pager");
    let finding = |id, title: String, why: &str| {
        Finding::problem(id, format!("{title}{again}")).file(&unit.path).why(why).mend(log.clone())
    };
    let restart = facts.command("gateway restart");
    match standing.result.as_str() {
        "oom-kill" => finding(
            "service-out-of-memory",
            "the kernel killed the Gateway for want of memory".to_owned(),
            "it is the machine's, and no release needs less: swap, or a limit of Node's own in the \
             unit (NODE_OPTIONS=--max-old-space-size=...), and a conversation that is not resumed",
        )
        .mend("free -h"),
        "resources" => finding(
            "service-not-started",
            "systemd could not start the Gateway".to_owned(),
            "what the unit names before the program is not there: an EnvironmentFile, a directory",
        )
        .mend(facts.command("gateway install --force")),
        // 200 and above are systemd's own, from before the program ran: 203 is EXEC.
        "exit-code" if !standing.killed && state.exit >= 200 => finding(
            "service-not-started",
            format!("systemd could not run the Gateway's program (status {})", state.exit),
            "the program, its directory or its user is not there as the unit names it",
        )
        .mend(facts.command("gateway install --force")),
        "timeout" | "watchdog" => finding(
            "service-failed",
            "the Gateway did not come up, or go, in time".to_owned(),
            "systemd ended it at its limit of time; its log says what it waited for",
        )
        .mend(restart),
        _ if standing.killed => finding(
            "service-killed",
            format!("the Gateway was ended by signal {}", state.exit),
            "somebody, or the kernel, killed it: 9 is often memory, 6 and 11 are crashes of Node",
        )
        .mend(restart),
        _ => finding(
            "service-failed",
            format!("the service has failed (exit status {})", state.exit),
            "nobody answers while it is down; its log says why",
        )
        .mend(restart),
    }
}

/// A process that began before the files were put there has the old ones loaded.
fn older_than_disk(facts: &Facts, unit: &UnitRead, standing: &ServiceStatus) -> Option<Finding> {
    let installed = facts.core.as_ref()?.installed?;
    let begun = facts.now - SignedDuration::try_from(standing.running_for?).ok()?;
    (begun + SLACK < installed).then(|| {
        Finding::warning("service-older-than-disk", "the Gateway runs since before this release was installed")
            .file(&unit.path)
            .why(format!(
                "it was started at {begun:.0} and openclaw on disk is from {installed:.0}: it may still be \
                 the old release that answers, or half of each"
            ))
            .mend(facts.command("gateway restart"))
    })
}

/// `openclaw gateway start` of 2026.5.18 refuses a unit of another release
/// (`version-mismatch`); systemd itself does not care, and 2026.9.5 takes the mark out.
fn written_by(facts: &Facts, unit: &UnitRead) -> Option<Finding> {
    let (core, written_by) = (facts.core.as_ref()?, unit.written_by.as_ref()?);
    (core.version.to_string() != *written_by).then(|| {
        Finding::new(
            "unit-of-another-release",
            Level::Note,
            format!("the unit was written by {written_by}, and {} is installed", core.version),
        )
        .file(&unit.path)
        .key("Environment: OPENCLAW_SERVICE_VERSION")
        .why("the service starts all the same; `openclaw gateway start` of some releases wants the unit written anew")
        .mend(facts.command("gateway install --force"))
    })
}
