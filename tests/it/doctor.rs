//! `codexpin doctor` on made-up installations.

use std::os::unix::fs::PermissionsExt as _;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::machine::{Machine, tree, which};
use crate::patient::Patient;

/// Three things that stop it, and some that can bite.
fn ailing() -> Patient {
    let patient = Patient::new("2026.6.1").in_a_public_place();
    patient.config(json!({
        "meta": { "lastTouchedVersion": "2026.7.1" },
        "gateway": { "auth": { "token": "canary-gateway-token" } },
        "update": { "auto": { "enabled": true }, "channel": "beta" },
        "agents": { "defaults": { "model": {
            "primary": "openai-codex/gpt-5.5", "fallbacks": ["anthropic/claude-sonnet-4-5"],
        } } },
    }));
    let catalogue = json!({ "providers": { "openai-codex": {
        "baseUrl": "https://me:canary-url-password@chatgpt.com/backend-api/v1?key=canary-api-key",
        "apiKey": "canary-api-key", "models": [],
    } } });
    Patient::write(patient.agent("models.json"), &catalogue.to_string(), 0o600);
    let two = [
        ("openai-codex:default", "2099-01-01T00:00:00Z"),
        ("openai-codex:canary-person@example.com", "2026-01-01T00:00:00Z"),
    ];
    patient.logins(&two);
    fs_err::set_permissions(
        patient.agent("auth-profiles.json"),
        std::fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    patient.database(17);
    patient
}

#[test]
fn a_sound_installation_is_said_to_look_sound() {
    let patient = Patient::new("2026.5.18");
    let run = patient.doctor("").exits(0);
    assert_snapshot!(patient.machine.shown(&run));
}

#[test]
fn what_is_wrong_is_told_with_its_place_its_reason_and_what_mends_it() {
    let patient = ailing();
    let run = patient.doctor("").exits(1);
    assert_snapshot!(patient.machine.shown(&run));
}

#[test]
fn the_json_of_a_doctor_keeps_its_shape() {
    let patient = ailing();
    let run = patient.doctor("--json").exits(1);
    assert_snapshot!(patient.machine.shown(&run));
}

#[test]
fn the_exit_code_is_by_the_worst_finding() {
    let patient = Patient::new("2026.5.18").in_a_public_place();
    assert_eq!(patient.ids(), (0, vec!["no-service".to_owned()]));
    let open = std::fs::Permissions::from_mode(0o640);
    fs_err::set_permissions(patient.agent("auth-profiles.json"), open).unwrap();
    assert_eq!(patient.ids().0, 3);
    Patient::write(patient.state().join("openclaw.json"), "{ agents: ", 0o600);
    assert_eq!(patient.ids().0, 1);
    patient.machine.run("doctor --what").exits(2);
}

/// As an editor that was killed leaves it.
const BROKEN: &str = "{ // mine\n  agents: {\n";

#[test]
fn a_broken_config_is_a_finding_with_its_place_beside_the_others() {
    let patient = Patient::new("2026.5.18").in_a_public_place();
    Patient::write(patient.state().join("openclaw.json"), BROKEN, 0o600);
    let open = std::fs::Permissions::from_mode(0o640);
    fs_err::set_permissions(patient.agent("auth-profiles.json"), open).unwrap();
    let value: Value = serde_json::from_str(&patient.doctor("--json").exits(1).stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    assert_eq!(findings[0]["id"], "config-unreadable");
    let why = findings[0]["why"].as_str().unwrap();
    assert!(why.contains("openclaw.json:3:1 is not JSON5: EOF parsing object"), "{why}");
    assert!(findings.iter().any(|finding| finding["id"] != "config-unreadable"
        && finding["file"].as_str().is_some_and(|file| file.ends_with("auth-profiles.json"))));
}

#[test]
fn the_newest_saved_config_is_the_one_to_put_in_place_where_none_says_when_it_was_written() {
    let patient = Patient::new("2026.8.1");
    let config = |tail: &str, version: &str| {
        let text = json!({ "meta": { "lastTouchedVersion": version } }).to_string();
        Patient::write(patient.state().join(format!("openclaw.json{tail}")), &text, 0o600);
    };
    for (tail, version) in
        [(".bak.10", "2026.8.1"), (".bak.2", "2026.8.1"), (".bak.1", "2026.8.1"), ("", "2026.9.5")]
    {
        config(tail, version);
    }
    let run = patient.doctor("").exits(1);
    let (saved, live) = ("openclaw.json.bak.1 ", "/.openclaw/openclaw.json");
    assert!(run.stdout.contains(&format!("{saved}{}", patient.machine.home())), "{}", run.stdout);
    assert!(run.stdout.contains(live));
}

/// A doctor that reports, and takes the occasion to write where it can.
const LINT: &str = r"
import fs from 'node:fs';
if (process.argv.slice(2).join(' ') !== 'doctor --lint --json') process.exit(2);
const tried = ['OPENCLAW_STATE_DIR', 'HOME', 'XDG_CACHE_HOME'].map((name) => {
  try {
    fs.writeFileSync(`${process.env[name]}/written-by-lint`, 'x');
    return `${name} was written to`;
  } catch (error) {
    return `${name} ${error.code}`;
  }
});
console.log('a note before it');
console.log(JSON.stringify({ ok: false, checksRun: 2, checksSkipped: 0, findings: [
  { checkId: 'core/doctor/tried', severity: 'error', message: tried.join(', '), path: 'gateway.bind' },
  { checkId: 'core/doctor/advice', severity: 'warning', message: 'token: canary-api-key-0123', fixHint: 'mend\nit' },
] }));
process.exit(1);
";

#[test]
fn what_openclaws_own_doctor_finds_is_told_as_its_own_and_it_can_write_nothing() {
    let patient = Patient::new("2026.5.18").in_a_public_place();
    patient.own_doctor(LINT);
    let (code, ids) = patient.ids();
    assert_eq!((code, ids.iter().filter(|id| *id == "openclaw-lint").count()), (3, 2), "{ids:?}");
    let run = patient.doctor("--json").exits(3);
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let of = |check: &str| findings.iter().find(|f| f["openclaw_check"] == check).unwrap();
    let tried = of("core/doctor/tried");
    assert_eq!(tried["level"], "warning");
    let said = "OPENCLAW_STATE_DIR EROFS, HOME EROFS, XDG_CACHE_HOME was written to";
    assert_eq!(tried["title"], said);
    assert_eq!(of("core/doctor/advice")["level"], "note");
    let without = patient.doctor("--json --no-lint").exits(0);
    assert!(!without.stdout.contains("openclaw-lint"), "{}", without.stdout);
}

#[test]
fn an_own_doctor_that_does_not_report_is_among_what_was_not_looked_at() {
    let patient = Patient::new("2026.5.18").in_a_public_place();
    patient.own_doctor("console.error('Error: no such option --lint'); process.exit(2);");
    let run = patient.doctor("").exits(0);
    let told = "openclaw doctor --lint (it ended with status 2: Error: no such option --lint)";
    assert!(run.stdout.contains(told), "{}", run.stdout);
    // A release that has none is not asked.
    let older = Patient::new("2026.5.12").in_a_public_place();
    older.own_doctor("console.error('asked'); process.exit(2);");
    assert!(!older.doctor("").stdout.contains("status 2"));
}

#[test]
fn check_live_tells_where_the_config_is_broken_and_asks_nothing() {
    let patient = Patient::new("2026.5.18");
    Patient::write(patient.state().join("openclaw.json"), BROKEN, 0o600);
    let before = tree(&patient.state());
    let run = patient.machine.run("check live");
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("openclaw.json:3:1 is not JSON5"), "{}", run.stderr);
    assert!(run.stderr.contains("mend "), "{}", run.stderr);
    assert_eq!(tree(&patient.state()), before);
}

#[test]
fn a_machine_without_openclaw_gets_a_finding_and_no_crash() {
    let mut machine = Machine::new();
    machine.only_with(&["node"]);
    let run = machine.run("doctor").exits(1);
    assert_snapshot!(machine.shown(&run));
    let (run, value) = machine.run_json("doctor");
    run.exits(1);
    assert_eq!(value["findings"][0]["id"], "no-installation");
    assert_eq!(value["core"], Value::Null);
}

#[test]
fn an_empty_auth_file_is_found_which_no_log_tells_of() {
    let patient = Patient::new("2026.5.18");
    Patient::write(patient.agent("auth-profiles.json"), "", 0o600);
    let (code, ids) = patient.ids();
    assert_eq!(code, 1);
    assert!(ids.contains(&"login-file-empty".to_owned()), "{ids:?}");
    assert!(!ids.contains(&"logins-unreadable".to_owned()), "{ids:?}");
}

#[test]
fn a_file_that_others_may_read_is_not_open_below_a_directory_that_they_may_not_enter() {
    let patient = Patient::new("2026.5.18").in_a_public_place();
    let mode = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs_err::set_permissions(patient.agent("auth-profiles.json"), mode(0o644)).unwrap();
    patient.doctor("").exits(3);
    fs_err::set_permissions(patient.state(), mode(0o700)).unwrap();
    patient.doctor("").exits(0);
    fs_err::set_permissions(patient.state(), mode(0o710)).unwrap();
    patient.doctor("").exits(3);
    fs_err::set_permissions(patient.agent("auth-profiles.json"), mode(0o604)).unwrap();
    patient.doctor("").exits(0);
}

#[test]
fn the_copy_that_the_service_runs_is_the_one_that_is_looked_at() {
    let patient = Patient::new("2026.5.18");
    patient.install("other", "2026.5.28");
    patient.unit("other");
    let run = patient.doctor("").exits(3);
    let first = run.stdout.lines().next().unwrap();
    assert_eq!(
        first,
        "1 warning, no problem: the service runs 2026.5.28, and `openclaw` in this shell is 2026.5.18"
    );
    patient.unit("gone");
    let (code, ids) = patient.ids();
    assert_eq!((code, ids[0].as_str()), (1, "service-entry-missing"));
}

#[test]
fn what_the_service_runs_is_what_the_commands_name() {
    let patient = Patient::new("2026.5.18");
    patient.install("other", "2026.6.1");
    patient.unit("other");
    let run = patient.doctor("").exits(1);
    let entry = patient.machine.root().join("other/lib/node_modules/openclaw/openclaw.mjs");
    let command = format!("{} {entry} doctor --fix", patient.machine.root().join("bin/node"));
    assert!(run.stdout.contains(&command), "{}", run.stdout);
}

#[test]
fn the_pin_of_the_working_directory_is_held_against_what_is_installed() {
    let patient = Patient::new("2026.6.1");
    let pin = "format = 1\ncurrent = \"2026.5.28\"\n\n[[pin]]\ncore = \"2026.5.28\"\n\
        node = \"22.23.3\"\nroute = \"openai-codex/gpt-5.5\"\nupstream = \"loopback\"\n\
        tested = \"2026-05-29T10:00:00Z\"\npassed = 1\nchecks = 1\n\n[pin.first_bad]\n\
        core = \"2026.6.1\"\nsignature = \"unknown-model\"\nevidence = \"Unknown model\"\n";
    fs_err::write(patient.machine.pin_file(), pin).unwrap();
    let (code, ids) = patient.ids();
    assert_eq!(code, 1);
    assert!(ids.contains(&"known-bad".to_owned()), "{ids:?}");
    fs_err::write(patient.machine.pin_file(), "format = ").unwrap();
    assert!(patient.ids().1.contains(&"pin-file-unreadable".to_owned()));
}

#[test]
fn the_registry_is_asked_only_where_the_user_says_so() {
    let mut patient = Patient::new("2026.5.18");
    patient.doctor("").exits(0);
    assert!(patient.machine.registry.seen().is_empty(), "doctor asks nobody");
    let npm = which("npm").parent().unwrap().to_owned();
    let path = format!("{}:{npm}:/usr/bin:/bin", patient.machine.root().join("npm/bin"));
    patient.machine.set("PATH", path);
    let run = patient.doctor("--online --json").exits(0);
    let value: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = value["findings"].as_array().unwrap();
    let latest = findings.iter().find(|finding| finding["id"] == "not-latest");
    assert!(latest.is_some(), "{value:#}");
    assert!(!patient.machine.registry.seen().is_empty());
}
