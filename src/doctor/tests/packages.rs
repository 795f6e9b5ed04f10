//! What is installed: which copy, which releases, pins, leftovers, the registry.

use super::*;
use crate::apply::Operation;

fn plugin(release: &str) -> InstalledPlugin {
    InstalledPlugin {
        version: version(release),
        directory:
            "/home/user/.openclaw/npm/projects/openclaw-codex-0/node_modules/@openclaw/codex".into(),
        wants_codex: Some("0.154.0".to_owned()),
        codex: Some(CodexCli { version: "0.154.0".to_owned(), missing_binary: None }),
    }
}

#[test]
fn a_plugin_belongs_to_the_core_of_its_release() {
    for (core, with, expected) in [
        ("2026.7.1", "2026.7.1", None),
        ("2026.7.1-2", "2026.7.1", None),
        ("2026.7.1", "2026.9.5", Some("problem plugin-newer-than-core")),
        ("2026.9.5", "2026.7.1", Some("warning plugin-older-than-core")),
    ] {
        let facts = Facts { plugin: Some(plugin(with)), ..sound(core) };
        assert_eq!(ids(&facts), Vec::from_iter(expected), "{core} with {with}");
    }
    let facts = Facts { plugin: Some(plugin("2026.9.5")), ..sound("2026.7.1-2") };
    assert_eq!(
        finding(&facts, "plugin-newer-than-core").commands[0],
        "openclaw plugins install @openclaw/codex@2026.7.1 --force"
    );
}

#[test]
fn the_codex_cli_of_a_plugin_is_whole_and_the_one_that_it_asks_for() {
    let with = |codex: Option<CodexCli>| Facts {
        plugin: Some(InstalledPlugin { codex, ..plugin("2026.9.5") }),
        ..sound("2026.9.5")
    };
    let cli = |version: &str, missing: Option<&str>| {
        Some(CodexCli { version: version.to_owned(), missing_binary: missing.map(str::to_owned) })
    };
    assert_eq!(ids(&with(cli("0.154.0", None))), [""; 0]);
    assert_eq!(ids(&with(None)), ["problem codex-cli-missing"]);
    assert_eq!(ids(&with(cli("0.150.0", None))), ["warning codex-cli-other"]);
    assert_eq!(
        ids(&with(cli("0.154.0", Some("@openai/codex-linux-x64")))),
        ["problem codex-binary-missing"]
    );
}

#[test]
fn a_node_outside_of_the_range_is_a_problem() {
    let mut facts = sound("2026.9.5");
    facts.node = Some(Node { version: "20.20.2".to_owned(), bin: "/usr/bin".into() });
    assert_eq!(ids(&facts), ["problem node-out-of-range"]);
    assert_eq!(
        finding(&facts, "node-out-of-range").commands,
        ["openclaw gateway install --force", "openclaw gateway restart"]
    );
    facts.node = None;
    assert_eq!(ids(&facts), ["problem no-node"]);
}

#[test]
fn a_second_copy_on_path_is_a_warning_that_says_which_one_answers() {
    let mut facts = sound("2026.6.11");
    let other = OnPath {
        command: "/usr/local/bin/openclaw".into(),
        directory: "/usr/local/lib/node_modules/openclaw".into(),
        version: Some(version("2026.9.5")),
    };
    facts.on_path.push(other.clone());
    assert_eq!(ids(&facts), ["warning two-copies"]);
    assert_eq!(finding(&facts, "two-copies").title, "there are 2 copies of OpenClaw on PATH");
    facts.on_path = vec![other];
    let found = finding(&facts, "two-copies");
    assert_eq!(found.title, "the service runs 2026.6.11, and `openclaw` in this shell is 2026.9.5");
    assert_eq!(found.commands, ["export PATH=/npm/bin:\"$PATH\""], "it is the only one on PATH");
    facts.on_path.push(OnPath {
        command: "/npm/bin/openclaw".into(),
        directory: "/npm/lib/node_modules/openclaw".into(),
        version: Some(version("2026.6.11")),
    });
    let found = finding(&facts, "two-copies");
    assert_eq!(found.commands, ["npm uninstall -g openclaw --prefix /usr/local"]);
}

#[test]
fn an_installation_that_apply_cannot_change_is_a_note() {
    let mut facts = sound("2026.6.11");
    let why = ("x was installed by pnpm", "install it with pnpm; nothing was touched");
    facts.not_for_apply = Some((why.0.to_owned(), Some(why.1.to_owned())));
    assert_eq!(ids(&facts), ["note not-for-apply"]);
    assert_eq!(
        finding(&facts, "not-for-apply").why,
        "x was installed by pnpm: install it with pnpm"
    );
}

#[test]
fn what_is_installed_is_held_against_the_pin_file() {
    let pinned = |current: &str, bad: &[(&str, &str)]| PinRead::Read {
        path: "/team/known-good.toml".into(),
        current: Some((version(current), None)),
        bad: bad
            .iter()
            .map(|(bad, before)| (version(bad), "unknown-model".to_owned(), version(before)))
            .collect(),
    };
    let facts = |pin| Facts { pin, ..sound("2026.6.1") };
    assert_eq!(ids(&facts(pinned("2026.6.1", &[]))), [""; 0]);
    assert_eq!(ids(&facts(pinned("2026.5.28", &[]))), ["warning not-the-pin"]);
    let known = facts(pinned("2026.5.28", &[("2026.6.1", "2026.5.28")]));
    assert_eq!(ids(&known), ["problem known-bad"], "one finding for one cause");
    assert_eq!(finding(&known, "known-bad").commands, ["codexpin apply 2026.5.28"]);
    let tested_since = facts(pinned("2026.6.1", &[("2026.6.1", "2026.5.28")]));
    assert_eq!(ids(&tested_since), [""; 0], "a later pin of it knows better");
    let refused = PinRead::Refused("/team/known-good.toml".into(), "no TOML".to_owned(), None);
    assert_eq!(ids(&facts(refused)), ["warning pin-file-unreadable"]);
    let mut with_plugin = facts(PinRead::Read {
        path: "/team/known-good.toml".into(),
        current: Some((version("2026.6.1"), Some(version("2026.6.1")))),
        bad: Vec::new(),
    });
    with_plugin.plugin = Some(plugin("2026.5.28"));
    assert_eq!(ids(&with_plugin), ["warning plugin-older-than-core", "warning not-the-pin"]);
}

#[test]
fn a_missing_installation_is_made_at_the_pinned_release() {
    let facts = Facts {
        pin: PinRead::Read {
            path: "/team/known-good.toml".into(),
            current: Some((version("2026.5.28"), None)),
            bad: Vec::new(),
        },
        ..Facts::default()
    };
    assert_eq!(finding(&facts, "no-installation").commands, ["npm install -g openclaw@2026.5.28"]);
}

#[test]
fn an_apply_that_was_cut_short_is_told_by_what_it_had_done() {
    let left = |changed, stopped, of_undo| {
        let left = ApplyLeft {
            directory: "/state/codexpin/backups/x".into(),
            from: version("2026.7.1"),
            to: version("2026.6.1"),
            operation: if of_undo { Operation::Undo } else { Operation::Apply },
            changed,
            stopped,
            at: now(),
        };
        Facts { unfinished: vec![left], ..sound("2026.6.1") }
    };
    for (facts, expected, words, command) in [
        (left(true, false, false), "problem", "may be of two releases", "codexpin apply"),
        (left(true, true, true), "problem", "and the service is stopped", "codexpin undo"),
        (left(false, true, false), "problem", "it had stopped the service", "codexpin apply"),
        (left(false, false, false), "warning", "it had changed nothing yet", "codexpin apply"),
    ] {
        assert_eq!(ids(&facts), [format!("{expected} apply-unfinished")]);
        let found = finding(&facts, "apply-unfinished");
        assert!(found.why.contains(words), "{}", found.why);
        assert_eq!(found.commands, [command]);
    }
}

#[test]
fn a_database_of_a_newer_release_is_a_problem() {
    let database = |schema, of_agent| Database {
        path: "/home/user/.openclaw/state/openclaw.sqlite".into(),
        of_agent,
        schema,
    };
    let with = |release: &str, schemas, database| {
        let mut facts = sound(release);
        facts.core.as_mut().unwrap().schemas = schemas;
        facts.databases = vec![database];
        ids(&facts)
    };
    let (known, none) = (Some((17, 21)), [""; 0]);
    assert_eq!(with("2026.9.5", known, database(Ok(17), false)), none);
    assert_eq!(with("2026.9.5", known, database(Ok(18), false)), ["problem state-from-newer"]);
    assert_eq!(with("2026.9.5", known, database(Ok(21), true)), none);
    assert_eq!(with("2026.9.5", known, database(Ok(1), true)), ["problem state-from-older"]);
    assert_eq!(with("2026.9.5", known, database(Ok(0), true)), none, "it is new");
    assert_eq!(with("2026.6.11", None, database(Ok(1), false)), none);
    assert_eq!(with("2026.6.11", None, database(Ok(17), false)), ["problem state-from-newer"]);
    assert_eq!(with("2026.5.18", None, database(Ok(17), false)), none, "it does not open it");
    let broken = database(Err("not a database".to_owned()), false);
    assert_eq!(with("2026.9.5", known, broken), ["problem database-unreadable"]);
}

#[test]
fn the_registry_is_told_of_only_where_it_was_asked() {
    let said = |registry| ids(&Facts { registry: Some(registry), ..sound("2026.7.1") });
    let fine = RegistryFacts {
        latest: Some(version("2026.7.1")),
        has_core: true,
        deprecated: None,
        plugin: Some(version("2026.7.1")),
    };
    assert_eq!(said(Ok(fine.clone())), [""; 0]);
    let newer = RegistryFacts { latest: Some(version("2026.9.5")), ..fine.clone() };
    assert_eq!(said(Ok(newer)), ["note not-latest"]);
    let deprecated = RegistryFacts { deprecated: Some("broken".to_owned()), ..fine.clone() };
    assert_eq!(said(Ok(deprecated)), ["warning deprecated"]);
    let without_plugin = RegistryFacts { plugin: None, ..fine.clone() };
    assert_eq!(said(Ok(without_plugin)), ["note plugin-not-in-registry"]);
    let gone = RegistryFacts { has_core: false, ..fine };
    assert_eq!(said(Ok(gone)), ["warning not-in-registry"]);
    assert_eq!(said(Err("no route to host".to_owned())), ["warning registry-unheard"]);
}

#[test]
fn a_pin_with_a_plugin_is_not_what_is_installed_without_one() {
    let pinned = (version("2026.6.11"), Some(version("2026.6.11")));
    let pin =
        PinRead::Read { path: "/w/known-good.toml".into(), current: Some(pinned), bad: vec![] };
    let mut facts = Facts { pin, ..sound("2026.6.11") };
    assert_eq!(ids(&facts), ["warning not-the-pin"]);
    let title = finding(&facts, "not-the-pin").title;
    assert_eq!(title, "the pin has the plugin 2026.6.11, and none is installed");
    facts.plugin = Some(plugin("2026.6.11"));
    assert_eq!(ids(&facts), [""; 0]);
}

#[test]
fn paths_with_spaces_are_one_word_of_a_command() {
    let mut facts = sound("2026.6.1");
    facts.core.as_mut().unwrap().directory = "/my npm/lib/node_modules/openclaw".into();
    facts.databases =
        vec![Database { path: "/s/a.sqlite".into(), of_agent: false, schema: Ok(99) }];
    facts.auth_files = vec![AuthFile { path: "/my state/auth.json".into(), size: 9, mode: 0o644 }];
    assert_eq!(
        finding(&facts, "state-from-newer").commands,
        ["npm install -g openclaw@latest --prefix '/my npm'"]
    );
    let commands = finding(&facts, "login-file-open").commands;
    assert_eq!(commands, ["chmod 600 '/my state/auth.json'"]);
}
