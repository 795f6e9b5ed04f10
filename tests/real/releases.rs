//! The list of releases, held against npm's own.

use std::process::Command;

use crate::support::User;

#[test]
fn the_list_is_the_one_that_npm_has() {
    let user = User::new();
    let ours = user.run(&["releases", "--channel", "all", "--json", "--refresh"]);
    assert_eq!(ours.code, Some(0));
    let ours = ours.json();
    let mut ours: Vec<&str> =
        ours["releases"].as_array().unwrap().iter().map(|r| r["core"].as_str().unwrap()).collect();

    let npm =
        Command::new("npm").args(["view", "openclaw", "versions", "--json"]).output().unwrap();
    let npm: Vec<String> = serde_json::from_slice(&npm.stdout).unwrap();
    let mut npm: Vec<&str> =
        npm.iter().map(String::as_str).filter(|version| version.starts_with("20")).collect();
    ours.sort_unstable();
    npm.sort_unstable();
    assert_eq!(ours, npm);
}

#[test]
fn corrections_come_after_their_release_and_latest_is_marked() {
    let user = User::new();
    let table = user.run(&["releases", "2026.7.1..latest"]);
    let at = |version: &str| {
        let line = table.stdout.lines().position(|line| line.split(' ').next() == Some(version));
        line.unwrap_or_else(|| panic!("{version} is not in the table"))
    };
    assert!(at("2026.7.1") < at("2026.7.1-1") && at("2026.7.1-1") < at("2026.7.1-2"));
    assert!(table.stdout.lines().last().unwrap().contains("latest"));
}
