//! Several routes in one question, and which routes a release knows.

use insta::assert_snapshot;
use serde_json::json;

use crate::agent;
use crate::machine::{Machine, entries};
use crate::registry::Registry;

const TWO: &str = "--route openai-codex/gpt-5.5 --route openai/gpt-5.5";

/// A release that has lost the first route and kept the second.
fn half_broken() -> Machine {
    let machine = Machine::new();
    let turns = [agent::unknown_model(), agent::answers()];
    machine.registry.script("2026.6.1", turns.clone().into_iter().chain(turns));
    machine
}

#[test]
fn every_route_has_to_answer_where_nothing_else_is_said() {
    let machine = half_broken();
    let run = machine.run(&format!("check 2026.6.1 {TWO}")).exits(1);
    assert_snapshot!(machine.shown_stdout(&run));
    assert_eq!(machine.registry.asked(), ["2026.6.1", "2026.6.1"], "each is asked");
    let checks = machine.state().join("checks");
    let logs = entries(&checks.join(&entries(&checks)[0]));
    assert_eq!(logs, ["codexpin.log", "route-1", "route-2"]);
}

#[test]
fn one_route_that_answers_is_enough_where_any_will_do() {
    let machine = half_broken();
    let run = machine.run(&format!("check 2026.6.1 {TWO} --require any")).exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    let (run, value) = machine.run_json(&format!("check 2026.6.1 {TWO} --require any"));
    run.exits(0);
    assert_eq!(value["verdict"], "good");
    let routes = value["routes"].as_array().unwrap();
    let told: Vec<_> = routes.iter().map(|route| (&route["route"], &route["verdict"])).collect();
    assert_eq!(
        told,
        [
            (&json!("openai-codex/gpt-5.5"), &json!("bad")),
            (&json!("openai/gpt-5.5"), &json!("good"))
        ]
    );
}

#[test]
fn a_pin_has_the_routes_that_answered() {
    let machine = half_broken();
    machine.run(&format!("pin 2026.6.1 {TWO} --require any")).exits(0);
    let pins = fs_err::read_to_string(machine.pin_file()).unwrap();
    assert!(pins.contains("openai/gpt-5.5"), "{pins}");
    assert!(!pins.contains("openai-codex/gpt-5.5"), "{pins}");
}

#[test]
fn a_search_may_want_all_routes_or_any() {
    for (require, first_bad) in [("all", "2026.6.1"), ("any", "2026.6.5")] {
        let machine = Machine::new();
        // In June the first route is lost, and then the second.
        let lost = [agent::unknown_model(), agent::answers()];
        machine.registry.script("2026.6.1", lost.clone().into_iter().chain(lost));
        machine.registry.script("2026.6.5", [agent::unknown_model()]);
        let words = format!("bisect 2026.5.19 2026.6.5 {TWO} --require {require}");
        let (run, value) = machine.run_json(&words);
        run.exits(0);
        assert_eq!(value["first_bad"], first_bad, "{require}");
    }
}

#[test]
fn a_codex_route_on_a_release_without_plugin_is_a_skip_without_an_install() {
    let machine = Machine::new();
    let run = machine.run("check 2026.5.18 --route openai/gpt-5.5@codex").exits(125);
    assert_snapshot!(machine.shown(&run));
    assert_eq!(machine.registry.requests("/openclaw/-/openclaw-2026.5.18.tgz"), 0);
    assert_eq!(machine.prefixes(), [""; 0]);
}

#[test]
fn a_codex_route_runs_in_the_harness_of_the_plugin() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    let run = machine.run("check 2026.6.11 --route openai/gpt-5.5@codex").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    let given = machine.registry.turns()[0].given.clone();
    assert_eq!(given["config"]["plugins"]["allow"], json!(["codex"]));
    let files = given["files"].as_array().unwrap();
    assert!(files.contains(&json!(".openclaw/plugins/installs.json")), "{files:?}");
    assert!(!files.iter().any(|file| file.as_str().unwrap().contains("node_modules")), "{files:?}");
}

#[test]
fn a_release_lists_the_routes_that_it_knows() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11"]);
    let machine = Machine::with(registry);
    let keys = json!({ "keys": ["openai/gpt-5.5", "openai/gpt-5.6", "openai-codex/gpt-5.5"] });
    machine.registry.script_models("2026.5.18", keys);
    machine.registry.script_models("2026.6.11", json!({ "keys": ["openai/gpt-5.5"] }));
    let line = "[openclaw] Reason: the config is not valid";
    machine.registry.script_models("2026.6.1", json!({ "fails": ["starting", line, "bye"] }));
    let said: Vec<_> = ["2026.5.18", "2026.6.11", "2026.6.1"]
        .map(|core| machine.shown(&machine.run(&format!("routes {core}"))))
        .into();
    assert_snapshot!(said.join("\n\n"));
    let (run, value) = machine.run_json("routes 2026.6.11");
    run.exits(0);
    let listed = value["listed"].as_array().unwrap();
    assert!(listed.iter().any(|of| of["models"] == json!(["openai/gpt-5.5"])), "{listed:?}");
    assert!(machine.registry.turns().is_empty(), "nobody is asked for a reply");
    assert_eq!(entries(&machine.cache().join("scratch")), [""; 0]);
}
