//! `codexpin releases`.

use insta::assert_snapshot;
use serde_json::json;

use crate::machine::{Machine, tree};
use crate::registry::{Fault, Registry, asks_for_node};

fn with_plugin() -> Machine {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.11", "2026.7.1"]);
    registry.publish_core(
        "2026.6.5",
        json!({ "engines": { "node": ">=22.19" }, "deprecated": "answers nobody" }),
    );
    registry.tag("openclaw", "latest", "2026.7.1-1");
    Machine::with(registry)
}

#[test]
fn the_table_shows_releases_and_corrections_in_their_order() {
    let machine = with_plugin();
    assert_snapshot!(machine.shown(&machine.run("releases").exits(0)));
}

#[test]
fn the_json_has_what_the_table_has() {
    let machine = with_plugin();
    let (run, value) = machine.run_json("releases 2026.6.5..2026.6.11");
    run.exits(0);
    assert_snapshot!(machine.filtered(&format!("{value:#}")));
}

#[test]
fn a_range_a_tag_and_a_channel_choose_what_is_listed() {
    let machine = Machine::new();
    let listed = |words: &str| {
        let run = machine.run(&format!("releases {words}")).exits(0);
        let cores = run.stdout.lines().skip(1).filter_map(|line| line.split(' ').next());
        cores.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(listed("2026.5.18..2026.6.1"), "2026.5.18 2026.5.18-1 2026.5.19 2026.6.1");
    assert_eq!(listed("2026.7.1.."), "2026.7.1 2026.7.1-1");
    assert_eq!(listed("..2026.5.18"), "2026.5.12 2026.5.18");
    assert_eq!(listed("latest"), "2026.7.1-1");
    assert_eq!(listed("extended-stable"), "2026.6.33");
    assert_eq!(listed("--channel beta"), "2026.5.31-beta.1 2026.7.2-beta.1");
    assert_eq!(listed("--channel extended"), "2026.6.33");
    assert_eq!(listed("--channel all 2026.5.19..2026.6.1"), "2026.5.19 2026.5.31-beta.1 2026.6.1");
}

#[test]
fn what_is_not_there_is_answered_with_what_is_near() {
    let machine = Machine::new();
    let said: Vec<_> = [
        "releases 2026.5.20",
        "releases canary",
        "releases 2026.6.1..2026.5.18",
        "releases installed",
        "releases 2025-01-01",
        "check 2026.6.2",
        "check 2026.5.91",
        "bisect 2026.5.17 2026.6.1",
        "bisect 2026.6.1 2026.5.18",
        "bisect 2026.6.1 2026.6.1",
    ]
    .into_iter()
    .map(|words| format!("$ codexpin {words}\n{}", machine.shown(&machine.run(words).exits(2))))
    .collect();
    assert_snapshot!(said.join("\n\n"));
}

#[test]
fn what_a_date_stands_for_is_told_and_that_dates_run_against_the_order() {
    let machine = Machine::new();
    let said = machine.run("releases 2026-05-13..").exits(0).stderr;
    assert!(said.contains("note: 2026-05-13 stands for 2026.5.19"), "{said}");
    // 2026.6.11 is dated before 2026.6.5 there.
    assert!(said.contains("warning: this registry's dates run against the order"), "{said}");
}

#[test]
fn a_list_fits_80_columns() {
    let machine = with_plugin();
    let run = machine.run("releases --channel all").exits(0);
    for line in run.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(run.stdout.contains("deprecated: answers nobody"), "{}", run.stdout);
}

#[test]
fn a_fresh_list_is_not_asked_for_again_unless_it_is_wished() {
    let machine = Machine::new();
    machine.run("releases").exits(0);
    let asked = machine.registry.seen().len();
    machine.run("releases").exits(0);
    assert_eq!(machine.registry.seen().len(), asked);
    machine.registry.publish_core("2026.8.1", json!({}));
    assert!(machine.run("releases --refresh").exits(0).stdout.contains("2026.8.1"));
    assert!(machine.registry.seen().len() > asked);
}

#[test]
fn a_private_registry_is_asked_with_the_token_and_the_token_goes_nowhere_else() {
    let mut machine = Machine::new();
    let token = "npm_t0pSecretWordOfTheTeam";
    machine.registry.ask_for_token(token);
    machine.add_to_npmrc(&format!("//{}/:_authToken=${{NPM_TOKEN}}\n", machine.registry.host()));
    let unset = machine.run("releases").exits(75);
    assert!(unset.stderr.contains("set the variable NPM_TOKEN"), "{}", unset.stderr);

    machine.set("NPM_TOKEN", token);
    let mut said = String::new();
    for words in ["releases", "check 2026.5.18", "check 2026.5.18 --json", "pin 2026.5.18"] {
        let run = machine.run(words).exits(0);
        said += &(run.stdout + &run.stderr);
    }
    assert!(!said.contains(token));
    let given = &machine.registry.turns()[0].given;
    assert!(!given.to_string().contains(token), "a candidate does not see it");
    for directory in [machine.cache(), machine.state(), machine.work()] {
        for (file, (_, content)) in tree(&directory) {
            let found = content.windows(token.len()).any(|part| part == token.as_bytes());
            assert!(!found, "the token is in {file}");
        }
    }
}

#[test]
fn a_token_that_is_not_valid_is_told_by_where_it_came_from() {
    let machine = Machine::new();
    machine.registry.ask_for_token("npm_right");
    let none = machine.run("releases").exits(75);
    machine.add_to_npmrc(&format!("//{}/:_authToken=npm_wrong\n", machine.registry.host()));
    let wrong = machine.run("releases").exits(75);
    assert_snapshot!([machine.shown(&none), machine.shown(&wrong)].join("\n\n"));
}

#[test]
fn an_outage_is_bridged_with_the_last_list_and_said() {
    let machine = Machine::new();
    machine.add_to_npmrc("fetch-retries=0\n");
    machine.run("releases").exits(0);
    for fault in [Fault::Status(503), Fault::TooMany(3600), Fault::Html, Fault::Truncated] {
        machine.registry.break_path("/openclaw", fault.clone());
        let run = machine.run("releases --refresh").exits(0);
        assert!(run.stdout.contains("2026.7.1-1"), "{}", run.stdout);
        assert!(run.stderr.contains("warning: the list of openclaw is from"), "{fault:?}");
    }
}

#[test]
fn a_release_that_asks_for_another_node_is_listed_all_the_same() {
    let machine = Machine::new();
    machine.registry.publish_core("2026.8.1", asks_for_node(">=99"));
    let run = machine.run("releases 2026.8.1").exits(0);
    assert!(run.stdout.contains(">=99"), "{}", run.stdout);
}

#[test]
fn a_registry_is_found_wherever_npm_would_find_it() {
    for place in ["variable", "project", "named file", "global file"] {
        let mut machine = Machine::new();
        let line = format!("registry={}\n", machine.registry.origin());
        fs_err::write(machine.npmrc(), "registry=http://127.0.0.1:9/\nfetch-retries=0\n").unwrap();
        let elsewhere = machine.root().join("elsewhere");
        match place {
            "variable" => machine.set("npm_config_registry", machine.registry.origin()),
            "project" => {
                fs_err::write(machine.work().join("package.json"), "{}").unwrap();
                fs_err::write(machine.work().join(".npmrc"), line).unwrap();
            }
            "named file" => {
                fs_err::write(&elsewhere, line).unwrap();
                machine.set("npm_config_userconfig", elsewhere);
            }
            _ => {
                fs_err::write(machine.npmrc(), "fetch-retries=0\n").unwrap();
                fs_err::write(&elsewhere, line).unwrap();
                machine.set("npm_config_globalconfig", elsewhere);
            }
        }
        // Both codexpin itself and the npm that it runs.
        let run = machine.run("check 2026.5.18");
        assert_eq!(run.code, 0, "{place}: {}{}", run.stdout, run.stderr);
    }
}
