//! The config: whether it reads, the route, addresses, the updater.

use super::*;

fn plugin(release: &str) -> InstalledPlugin {
    InstalledPlugin {
        version: version(release),
        directory: "/p".into(),
        wants_codex: None,
        codex: None,
    }
}

#[test]
fn a_config_that_does_not_read_is_a_problem_and_hides_what_hangs_on_it() {
    let mut facts = sound("2026.6.11");
    facts.settings = ConfigRead::Refused("openclaw.json:3:1 is not JSON5".to_owned(), None);
    assert_eq!(ids(&facts), ["problem config-unreadable"]);
    facts.settings = ConfigRead::Unset("it needs MODEL".to_owned(), None);
    assert_eq!(ids(&facts), ["warning config-variable-unset"]);
    facts.settings = ConfigRead::Missing;
    assert_eq!(ids(&facts), ["warning config-missing"]);
}

#[test]
fn a_config_of_a_newer_release_is_a_problem_and_the_saved_one_its_way_out() {
    let mut facts = sound("2026.6.11");
    facts.written_by = Some(version("2026.6.11"));
    assert_eq!(ids(&facts), [""; 0]);
    facts.written_by = Some(version("2026.7.1"));
    assert_eq!(ids(&facts), ["problem config-from-newer"]);
    let commands = |facts: &Facts| finding(facts, "config-from-newer").commands;
    assert_eq!(commands(&facts), ["npm install -g openclaw@2026.7.1 --prefix /npm"]);
    facts.saved_configs = vec![SavedConfig {
        path: "/home/user/.openclaw/openclaw.json.pre-update".into(),
        written_by: version("2026.6.11"),
    }];
    let config = "/home/user/.openclaw/openclaw.json";
    assert_eq!(
        commands(&facts),
        [
            format!("cp -p {config} {config}.of-2026.7.1"),
            format!("cp -p {config}.pre-update {config}"),
            "openclaw gateway restart".to_owned(),
        ]
    );
}

#[test]
fn a_route_that_the_release_no_longer_knows_is_a_problem() {
    for (release, expected) in [
        ("2026.5.28", None),
        ("2026.6.1", Some("problem route-legacy")),
        ("2026.9.5", Some("problem route-legacy")),
    ] {
        let mut facts = sound(release);
        settings(&mut facts).route = "openai-codex/gpt-5.5".parse().ok();
        assert_eq!(ids(&facts), Vec::from_iter(expected), "{release}");
    }
}

#[test]
fn a_route_that_is_not_named_is_a_note_and_one_that_cannot_be_read_a_warning() {
    let mut facts = sound("2026.6.11");
    settings(&mut facts).route = None;
    assert_eq!(ids(&facts), ["note route-unnamed"]);
    settings(&mut facts).not_a_model = Some("`x` is no model".to_owned());
    assert_eq!(ids(&facts), ["warning route-unreadable"]);
}

#[test]
fn the_codex_harness_needs_its_plugin() {
    let missing = ["problem codex-plugin-missing"];
    let with = |release: &str, route: &str| {
        let mut facts = sound(release);
        settings(&mut facts).route = route.parse().ok();
        facts
    };
    assert_eq!(ids(&with("2026.7.1", "openai/gpt-5.5@codex")), missing);
    assert_eq!(ids(&with("2026.5.18", "openai-codex/gpt-5.5@codex")), missing);
    assert_eq!(ids(&with("2026.7.1", "openai/gpt-5.5")), missing, "chosen for a ChatGPT login");
    let keyed = Facts {
        api_keys: vec![key(KeyPlace::Service, "OPENAI_API_KEY", "openai")],
        accounts: Vec::new(),
        ..with("2026.7.1", "openai/gpt-5.5")
    };
    assert_eq!(ids(&keyed), [""; 0]);
    assert_eq!(ids(&with("2026.5.18", "openai-codex/gpt-5.5")), [""; 0]);
    assert_eq!(ids(&with("2026.7.1", "openai/gpt-5.5@openclaw")), [""; 0]);

    let mut facts = with("2026.7.1", "openai/gpt-5.5@codex");
    facts.plugin = Some(plugin("2026.7.1"));
    assert_eq!(ids(&facts), [""; 0]);
    settings(&mut facts).codex.off = Some("plugins.allow".to_owned());
    assert_eq!(ids(&facts), ["problem codex-plugin-off"]);
    assert_eq!(finding(&facts, "codex-plugin-off").key.as_deref(), Some("plugins.allow"));
}

#[test]
fn fallbacks_are_told_as_they_hide_a_broken_route() {
    let mut facts = sound("2026.6.11");
    settings(&mut facts).fallbacks = vec![Fallbacks {
        key: "agents.defaults.model.fallbacks".to_owned(),
        models: vec!["anthropic/claude".to_owned(), "google/gemini".to_owned()],
    }];
    assert_eq!(ids(&facts), ["note fallbacks"]);
    let title = finding(&facts, "fallbacks").title;
    assert_eq!(title, "anthropic/claude, google/gemini can answer in the model's place");
}

fn endpoint(in_config: bool, provider: &str, url: Option<&str>, api: Option<&str>) -> Endpoint {
    let (kind, place) = if in_config {
        (EndpointKind::Config, "models.providers")
    } else {
        (EndpointKind::Catalogue, "providers")
    };
    Endpoint {
        file: "/home/user/.openclaw/agents/main/agent/models.json".into(),
        kind,
        key: format!("{place}.{provider}"),
        provider: provider.to_owned(),
        model: None,
        base_url: url.map(str::to_owned),
        api: api.map(str::to_owned),
    }
}

fn at(release: &str, endpoint: Endpoint) -> Vec<String> {
    ids(&Facts { endpoints: vec![endpoint], ..sound(release) })
}

#[test]
fn an_address_that_the_service_took_away_is_told_by_how_the_release_takes_it() {
    let codex = |url: &str| endpoint(false, "openai-codex", Some(url), None);
    let none = [""; 0];
    assert_eq!(at("2026.5.18", codex("https://chatgpt.com/backend-api/codex")), none);
    assert_eq!(at("2026.5.18", codex("https://chatgpt.com/backend-api/codex/")), none);
    for stale in ["https://chatgpt.com/backend-api", "https://chatgpt.com/backend-api/v1"] {
        assert_eq!(at("2026.5.18", codex(stale)), ["warning base-url-stale"]);
        assert_eq!(at("2026.5.7", codex(stale)), ["problem base-url-stale"]);
    }
    let wrong = codex("https://chatgpt.com/backend-api/responses");
    assert_eq!(at("2026.5.18", wrong), ["problem base-url-stale"]);
    let elsewhere = codex("https://proxy.example.com/v1");
    assert_eq!(at("2026.5.18", elsewhere), ["note base-url-elsewhere"]);
    let of_key =
        endpoint(false, "openai", Some("https://api.openai.com/v1"), Some("openai-responses"));
    assert_eq!(at("2026.9.5", of_key), none);
}

#[test]
fn an_api_of_another_release_is_told_and_a_problem_where_it_is_asked() {
    let codex = |api: &str| endpoint(false, "openai-codex", None, Some(api));
    assert_eq!(at("2026.5.18", codex("openai-codex-responses")), [""; 0]);
    assert_eq!(at("2026.5.18", codex("openai-chatgpt-responses")), ["problem api-stale"]);
    assert_eq!(at("2026.9.5", codex("openai-codex-responses")), ["warning api-stale"], "not asked");
    let mut openai = endpoint(false, "openai", None, Some("openai-codex-responses"));
    assert_eq!(at("2026.9.5", openai.clone()), ["problem api-stale"]);
    openai.api = Some("openai-chatgpt-responses".to_owned());
    assert_eq!(at("2026.9.5", openai), [""; 0]);
}

#[test]
fn a_models_own_api_and_address_are_told_as_the_models() {
    let model = |id: &str| Endpoint {
        key: "models.providers.openai.models[1]".to_owned(),
        model: Some(id.to_owned()),
        ..endpoint(true, "openai", None, Some("openai-chatgpt-responses"))
    };
    let of = |endpoint| {
        let mut facts = Facts { endpoints: vec![endpoint], ..sound("2026.5.28") };
        settings(&mut facts).route = "openai/gpt-5.5@codex".parse().ok();
        facts.plugin = Some(plugin("2026.5.28"));
        facts
    };
    let found = finding(&of(model("gpt-5.5")), "api-stale");
    assert_eq!(found.level, Level::Problem);
    assert!(found.title.starts_with("openai/gpt-5.5 speaks"), "{}", found.title);
    assert_eq!(
        found.commands,
        ["openclaw config set 'models.providers.openai.models[1].api' openai-codex-responses"]
    );
    assert_eq!(finding(&of(model("other")), "api-stale").level, Level::Warning);
}

#[test]
fn an_address_is_looked_at_wherever_the_route_can_use_it() {
    let stale = Some("https://chatgpt.com/backend-api/v1");
    let codex = || endpoint(false, "codex", stale, None);
    assert_eq!(at("2026.5.18", codex()), ["warning base-url-stale"]);
    let own = || endpoint(true, "mine", Some("https://chatgpt.com/backend-api/responses"), None);
    assert_eq!(at("2026.5.18", own()), [""; 0], "nothing uses it");
    let mut facts = Facts { endpoints: vec![own()], ..sound("2026.5.18") };
    settings(&mut facts).route = "mine/gpt-5.5".parse().ok();
    assert_eq!(ids(&facts), ["problem base-url-stale"]);
    let mut facts = Facts { endpoints: vec![codex()], ..sound("2026.5.5") };
    settings(&mut facts).route = "codex/gpt-5.5".parse().ok();
    assert_eq!(ids(&facts), ["problem base-url-stale"]);
    let written = endpoint(false, "codex", Some("https://chatgpt.com/backend-api"), None);
    let mut facts = Facts { endpoints: vec![written], ..sound("2026.5.18") };
    settings(&mut facts).route = "openai-codex/gpt-5.5@codex".parse().ok();
    facts.plugin = Some(plugin("2026.5.18"));
    assert_eq!(ids(&facts), [""; 0], "the release writes that one, and Codex does not use it");
}

#[test]
fn a_codex_that_is_told_to_compact_by_a_retired_address_is_a_problem() {
    let file: camino::Utf8PathBuf = "/home/a user/codex-home/config.toml".into();
    let facts = Facts { retired_compaction: vec![file], ..sound("2026.6.11") };
    assert_eq!(ids(&facts), ["problem codex-compaction-retired"]);
    let commands = finding(&facts, "codex-compaction-retired").commands;
    let first = "sed -i.bak '/remote_compaction_v2/d' '/home/a user/codex-home/config.toml'";
    assert_eq!(commands[0], first);
}

#[test]
fn a_provider_of_before_june_in_the_config_is_refused_from_june_on() {
    let old = || endpoint(true, "openai-codex", None, Some("openai-codex-responses"));
    assert_eq!(at("2026.5.28", old()), [""; 0]);
    assert_eq!(at("2026.6.1", old()), ["problem provider-legacy"]);
}

#[test]
fn a_catalogue_that_does_not_parse_is_a_problem() {
    let facts = Facts { broken_catalogues: vec!["/s/models.json".into()], ..sound("2026.9.5") };
    assert_eq!(ids(&facts), ["problem models-unreadable"]);
}

#[test]
fn an_updater_that_would_undo_a_pin_is_a_warning_unless_something_holds_it() {
    let updates = |auto, checks_off, channel: Option<&str>| Updates {
        auto,
        checks_off,
        channel: channel.map(str::to_owned),
    };
    let with = |release: &str, updates, held| {
        let mut facts = sound(release);
        settings(&mut facts).updates = updates;
        facts.unit.as_mut().unwrap().no_auto_update = held;
        ids(&facts)
    };
    let (none, told) = ([""; 0], ["warning auto-update"]);
    assert_eq!(with("2026.7.1", updates(true, false, None), false), told);
    assert_eq!(with("2026.7.1", updates(true, false, None), true), none);
    assert_eq!(with("2026.7.1", updates(true, true, None), false), told, "only the hints are off");
    assert_eq!(with("2026.8.1", updates(true, true, None), false), none);
    assert_eq!(with("2026.7.1", updates(true, false, Some("extended-stable")), false), none);
    assert_eq!(with("2026.7.1", updates(false, false, Some("beta")), false), none);
}

fn held(facts: &Facts, gone: &[&str]) -> HoldRead {
    let hold = serde_json::json!({
        "format": 1, "since": "2026-09-20T10:00:00Z", "config": facts.config,
        "versions": {"core": facts.release(), "plugin": null},
        "settings": [], "drop_in": null, "config_left": null,
    });
    let gone = gone.iter().map(|gone| (*gone).to_owned()).collect();
    HoldRead::Held { hold: serde_json::from_value(hold).unwrap(), gone }
}

#[test]
fn what_is_held_and_moved_all_the_same_is_a_warning_with_the_way_back() {
    let mut facts = sound("2026.9.4");
    facts.hold = held(&facts, &[]);
    assert_eq!(ids(&facts), [""; 0]);
    facts.core.as_mut().unwrap().version = version("2026.9.5");
    let moved = |facts: &Facts| {
        let findings = examine(facts).findings;
        let mut moved = findings.into_iter().filter(|finding| finding.id == "moved-though-held");
        moved.next().unwrap()
    };
    assert_eq!(moved(&facts).title, "2026.9.5 is installed, although 2026.9.4 is held");
    assert_eq!(moved(&facts).commands, ["codexpin hold"]);
    let current = Some((version("2026.9.4"), None));
    facts.pin = PinRead::Read { path: "known-good.toml".into(), current, bad: Vec::new() };
    assert_eq!(moved(&facts).commands, ["codexpin apply"]);
}

#[test]
fn a_hold_that_was_taken_apart_and_a_record_that_cannot_be_read_are_told() {
    let mut facts = sound("2026.9.4");
    facts.hold = held(&facts, &["update.checkOnStart is not false in openclaw.json"]);
    assert_eq!(ids(&facts), ["warning hold-gone"]);
    facts.hold = HoldRead::Refused("a.json has format 9".to_owned(), None);
    assert_eq!(ids(&facts), ["warning hold-unreadable"]);
}
