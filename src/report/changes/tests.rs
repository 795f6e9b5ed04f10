use insta::assert_snapshot;

use super::*;
use crate::changes::tests::real_regression as real;
use crate::changes::{ChangedDependency, Dependency};

fn direct(name: &str) -> Dependency {
    Dependency {
        name: name.to_owned(),
        versions: vec![semver::Version::new(1, 0, 0)],
        direct: true,
    }
}

#[test]
fn a_real_regression_is_told_in_a_dozen_lines() {
    let text = block(&real());
    assert!(text.lines().count() <= 12, "{text}");
    assert_snapshot!(text);
}

#[test]
fn identical_releases_make_the_result_suspect_and_nothing_else_is_told() {
    let text = block(&Changes { identical: Some(true), ..real() });
    assert_snapshot!(text);
}

#[test]
fn node_schemas_plugin_and_codex_cli_are_told_where_they_differ() {
    let pair = |good: &str, bad: &str| Pair {
        last_good: Some(good.to_owned()),
        first_bad: Some(bad.to_owned()),
    };
    let ws = ChangedDependency {
        name: "ws".to_owned(),
        from: vec![semver::Version::new(8, 21, 2)],
        to: vec![semver::Version::new(8, 21, 2)],
        direct: true,
    };
    let mut changes = Changes {
        plugin: Pair { last_good: None, first_bad: Some("2026.6.1".parse().unwrap()) },
        codex_cli: Pair {
            last_good: Some(semver::Version::new(0, 154, 0)),
            first_bad: Some(semver::Version::new(0, 154, 0)),
        },
        plugin_dependencies: Some(DependencyChanges {
            added: vec![direct("zod")],
            changed: vec![ws],
            ..DependencyChanges::default()
        }),
        node: pair("22.23.3", "24.21.0"),
        node_range: pair(">=22.19.0", ">=24.16.0 <25 || >=26.1.0"),
        schema_versions: Pair {
            last_good: Some(BTreeMap::from([("state".to_owned(), 16), ("agent".to_owned(), 21)])),
            first_bad: Some(BTreeMap::from([("state".to_owned(), 17), ("agent".to_owned(), 21)])),
        },
        dependencies: Some(DependencyChanges {
            first_bad: 2,
            moved: vec!["a".to_owned()],
            ..DependencyChanges::default()
        }),
        changelog: None,
        unknown: vec!["2026.6.1 has no CHANGELOG.md".to_owned()],
        ..real()
    };
    assert_snapshot!("all_that_can_differ", block(&changes));
    changes.schema_versions.last_good = None;
    assert!(block(&changes).contains("schema agent not declared -> 21, state not declared -> 17"));
}

#[test]
fn a_changelog_that_touches_nothing_or_misses_a_release_says_so() {
    let silent = Changelog {
        releases: vec!["2026.6.8".parse().unwrap()],
        silent_about: vec!["2026.6.5".parse().unwrap()],
        entries: 7,
        touching: Vec::new(),
    };
    let text = block(&Changes { changelog: Some(silent), ..real() });
    assert!(text.contains("no entry of 7 in its CHANGELOG.md names Codex or the route"), "{text}");
    assert!(text.contains("not known: what changed in 2026.6.5; its CHANGELOG.md"), "{text}");
}

#[test]
fn a_new_major_of_a_dependency_stands_before_everything_else() {
    let version = semver::Version::new;
    let change = |name: &str, from, to| ChangedDependency {
        name: name.to_owned(),
        from: vec![from],
        to: vec![to],
        direct: false,
    };
    let changed = vec![
        change("openai", version(6, 39, 0), version(6, 39, 1)),
        change("zod", version(9, 0, 0), version(10, 0, 0)),
    ];
    let found = DependencyChanges { changed, ..DependencyChanges::default() };
    assert_eq!(listed(&found), "zod 9.0.0 -> 10.0.0, openai 6.39.0 -> 6.39.1");
}
