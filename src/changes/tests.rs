use proptest::prelude::*;

use super::*;

fn v(text: &str) -> Version {
    text.parse().unwrap()
}

fn span(good: &str, bad: &str) -> Span {
    Span { last_good: v(good), first_bad: v(bad), between: Vec::new() }
}

fn side(core: &str) -> Side {
    Side {
        core: v(core),
        plugin: None,
        codex_cli: None,
        node: "22.23.3".to_owned(),
        node_range: Some(">=22.19.0".to_owned()),
        schema_versions: BTreeMap::new(),
        build: None,
        repository: None,
        tree: Some(DependencyTree::default()),
        plugin_tree: None,
        unknown: Vec::new(),
    }
}

fn facts(good: Side, bad: Side) -> SpanFacts {
    SpanFacts {
        last_good: Some(good),
        first_bad: Some(bad),
        changelog: Some(String::new()),
        same_code: Some(true),
    }
}

fn compared(facts: &SpanFacts) -> Changes {
    compare(&span("2026.5.28", "2026.6.1"), facts, &[])
}

#[test]
fn two_releases_with_the_same_code_and_tree_are_identical() {
    let same = facts(side("2026.5.28"), side("2026.6.1"));
    assert_eq!(compared(&same).identical, Some(true));
}

#[test]
fn one_difference_of_code_tree_plugin_or_node_is_enough_not_to_be_identical() {
    let same = || facts(side("2026.5.28"), side("2026.6.1"));
    let other_tree = r#"{"packages": {"node_modules/a": {"version": "1.0.0"}}}"#;
    let change: [fn(&mut Side, DependencyTree); 3] = [
        |side, tree| side.tree = Some(tree),
        |side, _| side.plugin = Some(v("2026.6.1")),
        |side, _| side.node = "24.21.0".to_owned(),
    ];
    for change in change {
        let mut facts = same();
        change(facts.first_bad.as_mut().unwrap(), read_tree(other_tree));
        assert_eq!(compared(&facts).identical, Some(false), "{facts:?}");
    }
    let other_code = SpanFacts { same_code: Some(false), ..same() };
    assert_eq!(compared(&other_code).identical, Some(false));
}

#[test]
fn what_is_not_known_is_never_called_identical() {
    let same = || facts(side("2026.5.28"), side("2026.6.1"));
    let unknown_code = SpanFacts { same_code: None, ..same() };
    assert_eq!(compared(&unknown_code).identical, None);
    let mut no_tree = same();
    no_tree.last_good.as_mut().unwrap().tree = None;
    assert_eq!(compared(&no_tree).identical, None);
    assert_eq!(compared(&no_tree).dependencies, None);
}

#[test]
fn a_side_that_was_removed_is_told_and_the_other_one_still_says_what_it_knows() {
    let gone = SpanFacts { last_good: None, ..facts(side("2026.5.28"), side("2026.6.1")) };
    let changes = compared(&gone);
    assert_eq!(changes.unknown, ["2026.5.28 is not installed any more"]);
    assert_eq!(changes.node_range.first_bad.as_deref(), Some(">=22.19.0"));
    assert_eq!((changes.identical, changes.node_range.last_good), (None, None));
    let nothing = compared(&SpanFacts::default());
    assert_eq!(nothing.unknown.len(), 2, "{nothing:?}");
}

#[test]
fn releases_between_that_the_changelog_does_not_speak_of_are_named() {
    let mut span = span("2026.5.28", "2026.6.8");
    span.between = vec![v("2026.6.1"), v("2026.6.5")];
    let changelog = "## 2026.6.8\n- Codex: more.\n## 2026.6.5\n- Codex: less.\n".to_owned();
    let facts =
        SpanFacts { changelog: Some(changelog), ..facts(side("2026.5.28"), side("2026.6.8")) };
    let changelog = compare(&span, &facts, &[]).changelog.unwrap();
    assert_eq!(changelog.silent_about, [v("2026.6.1")]);
    assert_eq!((changelog.entries, changelog.touching.len()), (2, 2));
}

fn read_tree(lock: &str) -> DependencyTree {
    DependencyTree::of(&crate::npm::LockFile::parse(lock).unwrap()).unwrap()
}

macro_rules! corpus {
    ($file:literal) => {
        include_str!(concat!("../../tests/corpus/changes/", $file))
    };
}

/// As it is read from a prefix, from files cut from the real packages.
fn real(core: &str, manifest: &str, lock: &str, build: &str) -> Side {
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap();
    Side {
        node_range: manifest["engines"]["node"].as_str().map(ToOwned::to_owned),
        repository: manifest["repository"]["url"].as_str().map(ToOwned::to_owned),
        build: BuildInfo::parse(build.as_bytes()),
        tree: Some(read_tree(lock)),
        ..side(core)
    }
}

/// The release where `openai-codex/gpt-5.5` became an unknown model.
pub(crate) fn real_regression() -> Changes {
    let good = real(
        "2026.5.28",
        corpus!("2026.5.28/package.json"),
        corpus!("2026.5.28/package-lock.json"),
        corpus!("2026.5.28/dist/build-info.json"),
    );
    let bad = real(
        "2026.6.1",
        corpus!("2026.6.1/package.json"),
        corpus!("2026.6.1/package-lock.json"),
        corpus!("2026.6.1/dist/build-info.json"),
    );
    let changelog = Some(corpus!("2026.6.1/CHANGELOG.md").to_owned());
    let facts = SpanFacts { changelog, same_code: Some(false), ..facts(good, bad) };
    compare(&span("2026.5.28", "2026.6.1"), &facts, &["openai-codex/gpt-5.5".to_owned()])
}

#[test]
fn the_entry_that_tells_of_the_real_regression_is_among_the_first() {
    let changelog = real_regression().changelog.unwrap();
    let first = changelog.touching.iter().take(3);
    let cause = first.into_iter().find(|t| t.text.contains("migrate legacy OpenAI Codex"));
    assert!(cause.unwrap().issues.contains(&88405), "{cause:?}");
}

#[test]
fn the_trees_commits_and_changelog_of_a_real_pair_are_read() {
    let changes = real_regression();
    let dependencies = changes.dependencies.as_ref().unwrap();
    assert_eq!((dependencies.added.len(), dependencies.removed.len()), (0, 6));
    let openai = dependencies.changed.iter().find(|d| d.name == "openai").unwrap();
    assert_eq!(
        (&openai.from[0], &openai.to[0], openai.direct),
        (&semver::Version::new(6, 39, 0), &semver::Version::new(6, 39, 1), true)
    );
    // One of its two versions went: that is one change, not a package less.
    let two = dependencies.changed.iter().find(|d| d.name == "ipaddr.js").unwrap();
    assert_eq!((two.from.len(), two.to.len()), (2, 1));
    assert_eq!(
        changes.compare.as_deref(),
        Some("https://github.com/openclaw/openclaw/compare/e93216080aa1...2e08f0f4221f")
    );
    assert!(!changes.node_range.differs());
}

#[test]
fn the_older_form_of_the_changelog_has_every_release_and_is_cut_at_the_last_good_one() {
    let text = corpus!("2026.5.28/CHANGELOG.md");
    let covered = changelog::covered(text, v("2026.5.27"), v("2026.5.28"));
    assert_eq!(covered.releases, [v("2026.5.28")]);
    assert!(covered.entries.iter().all(|entry| !entry.text.contains("Thanks @")));
}

#[test]
fn the_newer_form_with_bold_headings_and_a_list_of_pull_requests_is_read() {
    let covered =
        changelog::covered(corpus!("2026.7.1/CHANGELOG.md"), v("2026.6.11"), v("2026.7.1"));
    let text = |issue: u64| {
        let entry = covered.entries.iter().find(|entry| entry.issues.first() == Some(&issue));
        entry.unwrap().text.as_str()
    };
    assert!(text(103_762).starts_with("Codex runtime switching: accept the bundled"));
    assert_eq!(text(97125), "Doctor: expose auth profile findings.");
    assert!(covered.entries.iter().all(|entry| !entry.text.contains("**")));
}

proptest! {
    #[test]
    fn a_side_compared_with_itself_is_identical_and_its_record_reads_back(
        node in "[0-9]{2}\\.[0-9]\\.[0-9]",
        range in proptest::option::of("[>=<0-9. |]{1,20}"),
        plugin in proptest::option::of(Just("2026.5.28")),
        schemas in proptest::collection::btree_map("[a-z]{1,6}", 0u64..40, 0..3),
        commit in proptest::option::of("[0-9a-f]{40}"),
        lock in proptest::collection::btree_map("[a-d](/node_modules/[a-d])?", "[0-9]\\.0\\.0", 0..6)
    ) {
        let packages: serde_json::Map<_, _> = lock
            .iter()
            .map(|(path, version)| {
                (format!("node_modules/{path}"), serde_json::json!({ "version": version }))
            })
            .collect();
        let lock = serde_json::json!({ "packages": packages }).to_string();
        let tree = read_tree(&lock);
        let side = Side {
            node,
            node_range: range,
            plugin: plugin.map(v),
            plugin_tree: plugin.map(|_| tree.clone()),
            schema_versions: schemas,
            build: commit.map(|commit| BuildInfo { commit, built_at: None }),
            tree: Some(tree),
            ..side("2026.5.28")
        };
        let changes = compare(&span("2026.5.28", "2026.5.28"), &facts(side.clone(), side), &[]);
        prop_assert_eq!(changes.identical, Some(true));
        prop_assert!(!changes.node_range.differs() && !changes.schema_versions.differs());
        prop_assert!(!changes.build.differs() && !changes.plugin.differs());

        let guard = tempfile::tempdir().unwrap();
        let directory = camino::Utf8Path::from_path(guard.path()).unwrap();
        save(directory, &changes).unwrap();
        prop_assert_eq!(load(directory).unwrap(), Some(changes));
    }
}

#[test]
fn a_record_of_another_format_and_a_damaged_one_are_refused_and_none_is_none() {
    let guard = tempfile::tempdir().unwrap();
    let directory = camino::Utf8Path::from_path(guard.path()).unwrap();
    assert_eq!(load(directory).unwrap(), None);
    std::fs::write(directory.join(FILE), r#"{"format": 2}"#).unwrap();
    assert!(matches!(load(directory), Err(RecordError::OtherFormat { found: 2, .. })));
    std::fs::write(directory.join(FILE), r#"{"format": 1"#).unwrap();
    assert!(matches!(load(directory), Err(RecordError::Syntax { .. })));
}
