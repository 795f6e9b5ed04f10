//! `--config`: a user's own `openclaw.json`, carried over into the scratch home.

use camino::Utf8PathBuf;
use insta::assert_snapshot;
use serde_json::json;

use crate::machine::{Machine, Run, tree};

/// As a user keeps it: comments, an include, a variable, and secrets everywhere.
const GROWN: &str = r"// mine
{
  $include: './providers.json5',
  agents: { defaults: {
    model: { primary: 'house/big-model', fallbacks: ['openai/gpt-5.5'] },
    thinkingDefault: 'low',
    workspace: '~/clawd',
  } },
  channels: { telegram: { enabled: true, botToken: 'planted-telegram' } },
  gateway: { port: 18789, auth: { mode: 'token', token: 'planted-gateway' } },
  env: { HOUSE_KEY: 'planted-env' },
  tools: { web: { search: { apiKey: '${SEARCH_KEY}' } } },
}
";
const PROVIDERS: &str = r"{ models: { providers: { house: {
  baseUrl: 'https://models.example.com/v1',
  apiKey: 'planted-provider', api: 'openai-responses',
  headers: { 'X-Team': 'planted-header' },
  models: [{ id: 'big-model', name: 'Big', contextWindow: 200000 }],
} } } }";

fn machine() -> (Machine, Utf8PathBuf) {
    let mut machine = Machine::new();
    machine.set("SEARCH_KEY", "planted-variable");
    let state = machine.home().join(".openclaw");
    fs_err::create_dir_all(&state).unwrap();
    fs_err::write(state.join("openclaw.json"), GROWN).unwrap();
    fs_err::write(state.join("providers.json5"), PROVIDERS).unwrap();
    let config = state.join("openclaw.json");
    (machine, config)
}

fn no_secret_is_kept(machine: &Machine, runs: &[&Run]) {
    for run in runs {
        assert!(!run.stdout.contains("planted"), "{}", run.stdout);
        assert!(!run.stderr.contains("planted"), "{}", run.stderr);
    }
    for directory in [machine.state(), machine.cache(), machine.work()] {
        for (file, (_, content)) in tree(&directory) {
            let planted = content.windows(7).any(|bytes| bytes == b"planted");
            assert!(!planted, "{file} holds a secret");
        }
    }
    for turn in machine.registry.turns() {
        assert!(!turn.given.to_string().contains("planted"), "{:#}", turn.given);
    }
}

#[test]
fn a_candidate_gets_the_users_config_made_fit_and_every_change_is_told() {
    let (machine, config) = machine();
    let before = tree(&machine.home());
    let run = machine.run(&format!("check 2026.5.18 --config {config}")).exits(0);
    assert_snapshot!("told", machine.shown_stdout(&run));
    let given = machine.registry.turns()[0].given["config"].clone();
    let port = given["gateway"]["port"].to_string();
    let token = given["gateway"]["auth"]["token"].as_str().unwrap();
    let shown = format!("{given:#}").replace(token, "[TOKEN]").replace(&port, "[PORT]");
    assert_snapshot!("got", machine.filtered(&shown));

    let (json, value) = machine.run_json(&format!("check 2026.5.18 --config {config}"));
    let json = json.exits(0);
    assert_eq!(value["routes"][0]["route"], "house/big-model");
    let changes = value["routes"][0]["observation"]["config_changes"].as_array().unwrap();
    assert!(changes.iter().any(|change| change.as_str().unwrap().contains("channels.telegram")));
    no_secret_is_kept(&machine, &[&run, &json]);
    assert_eq!(tree(&machine.home()), before);
}

#[test]
fn a_route_that_is_named_goes_before_that_of_the_config() {
    let (machine, config) = machine();
    let words = format!("check 2026.5.18 --config {config} --route openai-codex/gpt-5.5");
    let (run, value) = machine.run_json(&words);
    run.exits(0);
    assert_eq!(value["routes"][0]["route"], "openai-codex/gpt-5.5");
    let given = machine.registry.turns()[0].given["config"].clone();
    let model = &given["agents"]["defaults"]["model"];
    assert_eq!(model, &json!({ "primary": "openai-codex/gpt-5.5", "fallbacks": [] }));
    assert_eq!(given["agents"]["defaults"]["thinkingDefault"], "low");
}

#[test]
fn a_search_with_a_config_keeps_no_secret_whatever_it_carries_along() {
    let (machine, config) = machine();
    machine.registry.script("2026.6.1", [crate::agent::unknown_model()]);
    let words = format!("bisect 2026.5.19 2026.6.1 --config {config} --carry-state");
    let run = machine.run(&words).exits(0);
    assert!(run.stdout.contains("2026.6.1 is the first bad release"), "{}", run.stdout);
    no_secret_is_kept(&machine, &[&run]);
}

#[test]
fn the_turn_goes_to_the_agent_of_the_config_whatever_state_is_met() {
    let (machine, config) = machine();
    let text = "{ agents: { list: [{ id: 'work', default: true }], defaults: {
        model: 'openai-codex/gpt-5.5' } } }";
    fs_err::write(&config, text).unwrap();
    machine.registry.script("2026.6.5", [crate::agent::unknown_model()]);
    let words = format!("bisect 2026.5.19 2026.6.5 --config {config} --carry-state");
    let (run, value) = machine.run_json(&words);
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.5");
}

#[test]
fn a_config_that_cannot_be_used_is_told_before_anything_is_installed() {
    let (machine, config) = machine();
    let mut said = Vec::new();
    for text in ["{ agents: ", "{ $include: './gone.json5' }", "[]"] {
        fs_err::write(&config, text).unwrap();
        let run = machine.run(&format!("check 2026.5.18 --config {config}"));
        assert_ne!(run.code, 0, "{text}");
        said.push(machine.shown(&run));
    }
    said.push(machine.shown(&machine.run("check 2026.5.18 --config gone.json")));
    assert_snapshot!(said.join("\n\n"));
    assert!(machine.registry.seen().is_empty());
}
