//! What npm's own settings do to installs in scratch.

use serde_json::{Value, json};

use crate::machine::Machine;
use crate::node::with_node_packages;
use crate::registry::asks_for_node;

const SET_ASIDE: &str = "is set aside here: what is installed is asked for by exact version";

#[test]
fn a_limit_on_the_age_of_releases_hides_no_candidate_and_no_node_and_is_told_once() {
    for setting in ["min-release-age=36500", "before=2020-01-01"] {
        let machine = with_node_packages();
        machine.registry.publish_core("2026.8.5", asks_for_node(">=98 <99"));
        machine.add_to_npmrc(&format!("{setting}\n"));
        let run = machine.run("check 2026.8.5").exits(0);
        let key = setting.split('=').next().unwrap();
        let told: Vec<_> = run.stderr.lines().filter(|line| line.contains(SET_ASIDE)).collect();
        assert_eq!(told.len(), 1, "{}", run.stderr);
        let place = format!("npm's `{key}` in {}:3", machine.npmrc());
        assert!(
            told[0].contains(&machine.filtered(&place)) || told[0].contains(&place),
            "{told:?}"
        );
    }
    let run = Machine::new().run("check 2026.5.18").exits(0);
    assert!(!run.stderr.contains("set aside"), "{}", run.stderr);
}

#[test]
fn variables_in_the_shell_neither_hide_a_candidate_nor_make_npm_refuse() {
    let mut machine = Machine::new();
    machine.set("NPM_CONFIG_BEFORE", "2020-01-01");
    machine.set("npm_config_min_release_age", "36500");
    // npm refuses this one where it installs into a project.
    machine.set("npm_config_allow_scripts", "other");
    machine.run("check 2026.5.18").exits(0);
}

/// A dependency and a release that have install scripts.
fn with_scripts() -> Machine {
    let machine = Machine::new();
    let touch = |file: &str| format!("node -e \"require('fs').writeFileSync('{file}', '')\"");
    let scripts = json!({ "scripts": { "install": touch("ran") } });
    machine.registry.publish("scripted-dep", "1.0.0", scripts, &[]);
    let release = json!({
        "scripts": { "preinstall": "exit 0", "postinstall": touch("ran") },
        "dependencies": { "tiny-dep": "^1.0.0", "scripted-dep": "1.0.0" },
    });
    for core in ["2026.8.1", "2026.8.2"] {
        machine.registry.publish_core(core, release.clone());
    }
    machine
}

fn scripts_of(machine: &Machine, core: &str) -> Value {
    let text = fs_err::read(machine.manifest(core)).unwrap();
    serde_json::from_slice::<Value>(&text).unwrap()["scripts"].clone()
}

#[test]
fn the_record_of_an_install_says_which_scripts_ran_also_where_npm_left_a_package_alone() {
    let machine = with_scripts();
    let ran = |core: &str| {
        json!([
            format!("openclaw@{core} postinstall"),
            format!("openclaw@{core} preinstall"),
            "scripted-dep@1.0.0 install"
        ])
    };
    let (_, value) = machine.run_json("check 2026.8.1");
    assert_eq!(value["install_scripts"], json!({ "ran": ran("2026.8.1") }));
    // Grown from the first: npm does not run the dependency's script again.
    machine.run("check 2026.8.2").exits(0);
    assert_eq!(scripts_of(&machine, "2026.8.2"), json!({ "ran": ran("2026.8.2") }));
}

#[test]
fn scripts_that_npm_does_not_run_are_named_and_stand_in_the_pin() {
    let machine = with_scripts();
    // npm runs none at all: a dependency's stays away, and so do the release's own.
    machine.add_to_npmrc("ignore-scripts=true\n");
    let run = machine.run("pin 2026.8.1").exits(0);
    let named = "openclaw@2026.8.1, scripted-dep@1.0.0";
    assert!(
        run.stdout.contains(&format!("npm did not run the install scripts of {named}")),
        "{}",
        run.stdout
    );
    let pins = fs_err::read_to_string(machine.pin_file()).unwrap();
    assert!(
        pins.contains(r#"scripts_not_run = ["openclaw@2026.8.1", "scripted-dep@1.0.0"]"#),
        "{pins}"
    );
}

/// From npm 12 on no script runs that the project does not allow. Older ones can
/// be told to be as strict.
#[test]
fn openclaws_own_scripts_are_allowed_as_its_updater_allows_them() {
    let machine = Machine::new();
    let release = json!({ "scripts": { "postinstall": "exit 0" } });
    machine.registry.publish_core("2026.8.1", release);
    machine.add_to_npmrc("strict-allow-scripts=true\n");
    machine.run("check 2026.8.1").exits(0);
    assert_eq!(
        scripts_of(&machine, "2026.8.1"),
        json!({ "ran": ["openclaw@2026.8.1 postinstall"] })
    );
}
