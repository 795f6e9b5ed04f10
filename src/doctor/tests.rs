//! Every finding, from made-up facts: what brings it up, and what does not.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::installation::{ServiceState, ServiceStatus};
use crate::login::{LoginFormat, LoginKind};
use crate::node::choice::Node;
use crate::openclaw::names::{chatgpt_provider, reads};
use crate::release::Version;

mod logins;
mod packages;
mod service;
mod settings;
mod surroundings;

/// The codes that are promised to stay.
const CODES: &str = include_str!("../../docs/doctor.md");

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    "2026-09-20T12:00:00Z".parse().unwrap()
}

/// An installation of this release with nothing wrong.
fn sound(release: &str) -> Facts {
    let release = version(release);
    let provider = chatgpt_provider(release);
    let core = Core {
        version: release,
        directory: "/npm/lib/node_modules/openclaw".into(),
        node: Some(">=22.19.0".to_owned()),
        schemas: None,
        installed: Some(now() - SignedDuration::from_hours(48)),
    };
    Facts {
        now: now(),
        openclaw: "openclaw".to_owned(),
        on_path: vec![OnPath {
            command: "/npm/bin/openclaw".into(),
            directory: core.directory.clone(),
            version: Some(release),
        }],
        core: Some(core),
        node: Some(Node { version: "22.23.3".to_owned(), bin: "/node/bin".into() }),
        unit: Some(unit(release)),
        state: "/home/user/.openclaw".into(),
        state_exists: true,
        config: "/home/user/.openclaw/openclaw.json".into(),
        settings: ConfigRead::Read(Box::new(Settings {
            route: format!("{provider}/gpt-5.5@openclaw").parse().ok(),
            route_key: Some("agents.defaults.model.primary".to_owned()),
            agent: "main".to_owned(),
            ..Settings::default()
        })),
        accounts: vec![account(
            provider,
            if reads_inline(release) { LoginFormat::Inline } else { LoginFormat::Sqlite },
        )],
        ..Facts::default()
    }
}

fn reads_inline(release: Version) -> bool {
    reads(release, LoginFormat::Inline)
}

fn unit(release: Version) -> UnitRead {
    let state = ServiceState {
        active: "active".to_owned(),
        sub: "running".to_owned(),
        restarts: 0,
        pid: 7,
        exit: 0,
    };
    UnitRead {
        path: "/home/user/.config/systemd/user/openclaw-gateway.service".into(),
        node: Some("/node/bin/node".into()),
        entry: Some("/npm/lib/node_modules/openclaw/dist/index.js".into()),
        node_exists: true,
        entry_exists: true,
        written_by: Some(release.to_string()),
        no_auto_update: false,
        missing_files: Vec::new(),
        standing: Ok(ServiceStatus {
            state,
            file: "enabled".to_owned(),
            reload: false,
            result: "success".to_owned(),
            killed: false,
            started: true,
            running_for: Some(std::time::Duration::from_hours(1)),
        }),
    }
}

fn account(provider: &str, format: LoginFormat) -> Account {
    Account {
        label: format!("{provider}:default"),
        profile: format!("{provider}:default"),
        provider: provider.to_owned(),
        kind: LoginKind::OAuth,
        format,
        agent: "main".to_owned(),
        expires: Some(now() + SignedDuration::from_hours(200)),
        has_access: true,
        renewable: true,
        account: Some(0),
    }
}

fn key(place: KeyPlace, name: &str, provider: &str) -> ApiKey {
    ApiKey {
        place,
        file: Some("/home/user/.openclaw/openclaw.json".into()),
        label: name.to_owned(),
        name: name.to_owned(),
        provider: provider.to_owned(),
        agent: None,
    }
}

fn settings(facts: &mut Facts) -> &mut Settings {
    match &mut facts.settings {
        ConfigRead::Read(settings) => settings,
        _ => panic!("the config was not read"),
    }
}

/// The findings as `level id`, in their order.
#[track_caller]
fn ids(facts: &Facts) -> Vec<String> {
    let level = |level| match level {
        Level::Problem => "problem",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let findings = examine(facts).findings;
    for finding in &findings {
        assert!(!finding.why.is_empty(), "{finding:?} says why");
        let code = format!("`{}`", finding.id);
        assert!(CODES.contains(&code), "docs/doctor.md does not have {code}");
        assert!(
            finding.level == Level::Note
                || !finding.commands.is_empty()
                || ["pin-file-unreadable", "hold-unreadable", "node-out-of-range", "no-node"]
                    .contains(&finding.id),
            "{finding:?} says what to do"
        );
    }
    findings.iter().map(|finding| format!("{} {}", level(finding.level), finding.id)).collect()
}

fn finding(facts: &Facts, id: &str) -> Finding {
    let findings = examine(facts).findings;
    findings.into_iter().find(|finding| finding.id == id).unwrap()
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    for release in ["2026.5.18", "2026.6.11", "2026.9.5"] {
        let facts = sound(release);
        assert_eq!(ids(&facts), [""; 0], "{release}");
        let diagnosis = examine(&facts);
        assert_eq!(diagnosis.worst(), None);
        let looked_at: Vec<_> = diagnosis.sound.iter().map(|sound| sound.what).collect();
        assert!(looked_at.contains(&"packages") && looked_at.contains(&"logins"), "{looked_at:?}");
    }
}

#[test]
fn an_empty_machine_has_one_problem_with_a_way_out() {
    let facts = Facts {
        openclaw: "openclaw".to_owned(),
        not_for_apply: Some((
            "no OpenClaw was found".to_owned(),
            Some("run it as its user".to_owned()),
        )),
        ..Facts::default()
    };
    assert_eq!(ids(&facts), ["problem no-installation"]);
    assert_eq!(finding(&facts, "no-installation").commands, ["npm install -g openclaw"]);
    assert_eq!(examine(&facts).sound, []);
}

#[test]
fn the_worst_comes_first_and_what_is_mended_first_before_the_rest() {
    let mut facts = sound("2026.6.11");
    facts.written_by = Some(version("2026.9.5"));
    settings(&mut facts).updates.auto = true;
    settings(&mut facts).fallbacks = vec![Fallbacks {
        key: "agents.defaults.model.fallbacks".to_owned(),
        models: vec!["a/b".to_owned()],
    }];
    facts.accounts.clear();
    assert_eq!(
        ids(&facts),
        ["problem config-from-newer", "problem no-login", "warning auto-update", "note fallbacks"]
    );
    let diagnosis = examine(&facts);
    assert_eq!(diagnosis.worst(), Some(Level::Problem));
    assert_eq!(diagnosis.count(Level::Problem), 2);
    let looked_at: Vec<_> = diagnosis.sound.iter().map(|sound| sound.what).collect();
    assert!(!looked_at.contains(&"config") && looked_at.contains(&"route"), "{looked_at:?}");
}
