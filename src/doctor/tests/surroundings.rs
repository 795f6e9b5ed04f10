//! What the Gateway needs from outside, other plugins, the machine.

use super::*;

fn missing(kind: MissingKind, name: &str, key: &str, is_secret: bool) -> Missing {
    Missing {
        name: name.to_owned(),
        kind,
        is_secret,
        places: vec![("/home/user/.openclaw/openclaw.json".into(), key.to_owned())],
        in_shell: false,
    }
}

#[test]
fn a_variable_that_the_service_does_not_have_weighs_by_what_needs_it() {
    let with = |missing: Missing| Facts { missing: vec![missing], ..sound("2026.6.1") };
    let variable = |key: &str| missing(MissingKind::Variable, "TOKEN", key, false);
    assert_eq!(ids(&with(variable("gateway.auth.token"))), ["problem config-variable-unset"]);
    assert_eq!(ids(&with(variable("channels.slack.botToken"))), ["warning config-variable-unset"]);
    let secret = || missing(MissingKind::Variable, "TOKEN", "channels.slack.botToken", true);
    assert_eq!(ids(&with(secret())), ["problem secret-unresolved"]);
    let unseen = Facts { unit: None, ..with(secret()) };
    assert_eq!(ids(&unseen), ["warning secret-unresolved", "note no-service"]);
    let asked = Facts { login_shell: true, ..with(secret()) };
    assert_eq!(ids(&asked), ["warning secret-unresolved"], "the login shell may have it");
    let mut seen = secret();
    seen.in_shell = true;
    let found = finding(&with(seen), "secret-unresolved");
    assert!(found.why.contains("this shell has it, and the service does not"), "{}", found.why);
    assert!(found.commands[0].contains("/home/user/.openclaw/.env"), "{:?}", found.commands);
}

#[test]
fn a_provider_of_secrets_that_is_not_there_is_a_problem() {
    for kind in [MissingKind::File, MissingKind::Program, MissingKind::Provider] {
        let missing = vec![missing(kind, "vault", "models.providers.x.apiKey", true)];
        let facts = Facts { missing, ..sound("2026.6.1") };
        assert_eq!(ids(&facts), ["problem secret-unresolved"], "{kind:?}");
    }
}

#[test]
fn an_environment_file_that_is_gone_stops_the_service_unless_the_unit_allows_for_it() {
    let with = |optional| {
        let mut facts = sound("2026.6.1");
        facts.unit.as_mut().unwrap().missing_files = vec![("/etc/claw.env".into(), optional)];
        ids(&facts)
    };
    assert_eq!(with(false), ["problem service-environment-missing"]);
    assert_eq!(with(true), ["note service-environment-missing"]);
}

fn package(name: &str, release: &str, project: &str) -> ManagedPackage {
    let project: camino::Utf8PathBuf =
        format!("/home/user/.openclaw/npm/projects/{project}").into();
    ManagedPackage {
        name: name.to_owned(),
        version: version(release),
        directory: project.join("node_modules").join(name),
        project,
    }
}

#[test]
fn a_plugin_of_a_channel_belongs_to_the_core_like_that_of_codex() {
    let with = |core: &str, plugin: &str| {
        let managed = vec![package("@openclaw/discord", plugin, "openclaw-discord-1")];
        Facts { managed, ..sound(core) }
    };
    assert_eq!(ids(&with("2026.9.1", "2026.9.1")), [""; 0]);
    assert_eq!(ids(&with("2026.7.1-2", "2026.7.1")), [""; 0], "a correction has that of its base");
    assert_eq!(ids(&with("2026.9.1", "2026.7.1")), ["problem managed-plugin-other"]);
    assert_eq!(ids(&with("2026.9.2", "2026.9.1")), ["warning managed-plugin-other"]);
    assert_eq!(ids(&with("2026.9.1", "2026.9.2")), ["problem managed-plugin-other"]);
    let mut off = with("2026.9.1", "2026.7.1");
    assert_eq!(
        finding(&off, "managed-plugin-other").commands[0],
        "openclaw plugins install @openclaw/discord@2026.9.1 --force"
    );
    settings(&mut off).off = vec!["discord".to_owned()];
    assert_eq!(ids(&off), [""; 0], "it does not load");
}

#[test]
fn several_generations_of_one_plugin_are_told_and_judged_by_the_one_that_belongs() {
    let managed = vec![
        package("@openclaw/slack", "2026.7.1", "openclaw-slack-1"),
        package("@openclaw/slack", "2026.9.1", "openclaw-slack-1__openclaw-generation__g-2"),
    ];
    let facts = Facts { managed, ..sound("2026.9.1") };
    assert_eq!(ids(&facts), ["warning plugin-generations"]);
    let facts = Facts {
        core: Some(Core { version: version("2026.9.2"), ..facts.core.clone().unwrap() }),
        ..facts
    };
    assert!(ids(&facts).contains(&"warning managed-plugin-other".to_owned()), "{:?}", ids(&facts));
}

#[test]
fn a_machine_that_is_too_small_is_told_by_what_comes_of_it() {
    let with = |free: u64, memory: u64, swap: u64| {
        let machine = MachineFacts {
            free: Some(("/home/user/.openclaw".into(), free)),
            memory: Some(memory),
            swap: Some(swap),
            namespaces_denied_by: None,
        };
        ids(&Facts { machine, ..sound("2026.6.11") })
    };
    let (plenty, gigabyte) = (1 << 40, 1 << 30);
    assert_eq!(with(plenty, 8 * gigabyte, 0), [""; 0]);
    assert_eq!(with(plenty, gigabyte, 2 * gigabyte), [""; 0], "swap helps");
    assert_eq!(with(plenty, gigabyte, 0), ["warning memory-small"]);
    assert_eq!(with(gigabyte, 8 * gigabyte, 0), ["warning disk-tight"]);
    assert_eq!(with(1 << 20, 8 * gigabyte, 0), ["problem disk-full"]);
}

#[test]
fn namespaces_matter_where_codex_runs_the_turn() {
    let with = |route: &str| {
        let mut facts = sound("2026.6.11");
        facts.plugin = Some(InstalledPlugin {
            version: version("2026.6.11"),
            directory: "/p".into(),
            wants_codex: None,
            codex: None,
        });
        facts.machine.namespaces_denied_by = Some("user.max_user_namespaces=15000".to_owned());
        settings(&mut facts).route = route.parse().ok();
        ids(&facts)
    };
    assert_eq!(with("openai/gpt-5.5@codex"), ["warning user-namespaces-denied"]);
    assert_eq!(with("openai/gpt-5.5@openclaw"), [""; 0]);
}

#[test]
fn what_was_not_looked_at_is_said() {
    let left = |facts: &Facts| {
        let left = examine(facts).not_looked_at;
        left.into_iter().map(|left| left.what).collect::<Vec<_>>().join("; ")
    };
    let facts = sound("2026.6.11");
    assert!(left(&facts).contains("the registry"), "{}", left(&facts));
    assert!(!left(&facts).contains("who else starts"), "{}", left(&facts));
    let facts = Facts { unit: None, registry: Some(Err("no".to_owned())), ..facts };
    assert!(!left(&facts).contains("the registry"), "{}", left(&facts));
    assert!(left(&facts).contains("who else starts"), "{}", left(&facts));
}
