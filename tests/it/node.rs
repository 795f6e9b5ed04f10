//! Which Node a release runs on.

use insta::assert_snapshot;
use serde_json::json;

use crate::machine::{Machine, which};
use crate::registry::{Registry, asks_for_node};

/// A registry whose Node packages hold a script that runs the machine's own.
pub(crate) fn with_node_packages() -> Machine {
    let registry = Registry::with_releases();
    let script = format!("#!/bin/sh\nexec {} \"$@\"\n", which("node"));
    for version in ["97.0.0", "98.4.0", "98.5.1", "99.1.0"] {
        let package = codexpin::node::platform_package();
        registry.publish(&package, version, json!({}), &[("bin/node", &script)]);
    }
    registry.publish_core("2026.8.1", asks_for_node(">=98 <99"));
    registry.publish_core("2026.8.2", asks_for_node(">=98"));
    registry.publish_core("2026.8.3", asks_for_node(">=98"));
    Machine::with(registry)
}

#[test]
fn a_node_that_the_machine_does_not_have_is_provided() {
    let machine = with_node_packages();
    let (run, value) = machine.run_json("check 2026.8.1");
    run.exits(0);
    assert_eq!(value["node"], "98.5.1");
    let packages = machine.registry.requests(&format!("/{}", codexpin::node::platform_package()));
    machine.run("check 2026.8.1").exits(0);
    let after = machine.registry.requests(&format!("/{}", codexpin::node::platform_package()));
    assert_eq!(packages, after, "it is provided once");
}

#[test]
fn one_node_is_chosen_for_a_whole_line() {
    let machine = with_node_packages();
    machine.registry.script("2026.8.3", [crate::agent::unknown_model()]);
    let run = machine.run("bisect 2026.8.1 2026.8.3").exits(0);
    let node = run.stderr.lines().find(|line| line.starts_with("node ")).unwrap();
    assert_snapshot!(machine.filtered(node));
}

#[test]
fn a_release_for_which_no_node_is_published_cannot_be_judged() {
    let machine = with_node_packages();
    machine.registry.publish_core("2026.8.4", asks_for_node(">=200"));
    let run = machine.run("check 2026.8.4").exits(125);
    assert_snapshot!(machine.shown(&run));
}

#[test]
fn a_registry_without_node_packages_is_not_held_against_a_release() {
    let machine = Machine::new();
    machine.registry.publish_core("2026.8.4", asks_for_node(">=200"));
    let run = machine.run("check 2026.8.4");
    assert_snapshot!(machine.shown(&run));
    assert!(run.code == 75 || run.code == 125, "{run:?}");
}

#[test]
fn no_npm_and_no_node_are_named() {
    let mut machine = Machine::new();
    machine.only_with(&["node"]);
    let no_npm: Vec<_> = ["releases", "check", "bisect 2026.5.18 2026.6.1"]
        .map(|words| machine.shown(&machine.run(words).exits(75)))
        // What `check` takes without a release is told before anything is looked for.
        .map(|said| {
            said.replace("note: no release is named and none is installed: this is latest\n", "")
        })
        .into();
    assert!(no_npm.iter().all(|said| *said == no_npm[0]), "{no_npm:?}");
    let mut machine = Machine::new();
    machine.only_with(&["npm"]);
    let no_node = machine.shown(&machine.run("check 2026.5.18").exits(75));
    assert_snapshot!([no_npm[0].clone(), no_node].join("\n\n"));
}
