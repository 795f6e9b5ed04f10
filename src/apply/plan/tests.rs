use super::*;
use crate::apply::SavedBy;

fn installation(core: &str, plugin: Option<&str>) -> Installation {
    let package = |directory: &str, version: &str| {
        serde_json::json!({
            "directory": directory, "version": version, "node": null, "schema": null,
            "bin": [["openclaw", "openclaw.mjs"]],
        })
    };
    serde_json::from_value(serde_json::json!({
        "core": package("/npm/lib/node_modules/openclaw", core),
        "prefix": "/npm",
        "node": {"version": "22.23.3", "bin": "/node/bin"},
        "plugin": plugin.map(|version| serde_json::json!({
            "package": package("/s/npm/projects/p/node_modules/@openclaw/codex", version),
            "project": "/s/npm/projects/p",
        })),
        "state": "/s",
        "config": "/s/openclaw.json",
        "service": {"unit": "/u/openclaw-gateway.service", "entry": "dist/index.js", "port": 1},
        "on_path_instead": null,
    }))
    .unwrap()
}

fn target(core: &str, plugin: Option<&str>) -> ApplyTarget {
    let wanted = |version: &str| PinnedPackage {
        version: version.parse().unwrap(),
        integrity: Some(crate::apply::file_integrity(version.as_bytes())),
        lock: None,
    };
    ApplyTarget { core: wanted(core), plugin: plugin.map(wanted) }
}

fn told(plan: &Plan) -> String {
    let tag =
        |value: serde_json::Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let changes = plan.steps.iter().filter_map(|step| match step {
        Step::Exchange { part, .. } => Some(part.to_string()),
        Step::PutConfig { .. } => Some("config".to_owned()),
        Step::Start { .. } => Some("restart".to_owned()),
        _ => None,
    });
    let warnings = plan.warnings.iter().map(|w| tag(serde_json::to_value(w).unwrap(), "warning"));
    let join = |words: Vec<String>| words.join(" ");
    format!("{} | {}", join(changes.collect()), join(warnings.collect()))
}

#[test]
fn the_plan_says_what_changes_and_what_does_not() {
    let (old, new) = ("2026.6.11", "2026.7.1");
    for (there, there_plugin, pin, pin_plugin, expected) in [
        (old, None, old, None, " | "),
        (old, Some(old), old, Some(old), " | "),
        (new, None, old, None, "core restart | untested-tree"),
        (new, Some(new), old, Some(old), "core plugin restart | untested-tree"),
        (old, Some(new), old, Some(old), "plugin restart | untested-tree"),
        (new, Some(new), old, None, "core restart | plugin-left-alone untested-tree"),
        (new, None, old, Some(old), "core restart | plugin-not-added untested-tree"),
    ] {
        let facts = PlanFacts { service_wanted: true, ..PlanFacts::default() };
        let plan = Plan::new(&installation(there, there_plugin), &target(pin, pin_plugin), &facts)
            .unwrap();
        assert_eq!(told(&plan), expected, "{there} {there_plugin:?} -> {pin} {pin_plugin:?}");
    }
}

#[test]
fn a_config_of_a_newer_release_comes_back_from_a_backup_or_is_warned_of() {
    let newer = "2026.7.1".parse().ok();
    let plan = |facts: &PlanFacts| {
        let installation = installation("2026.7.1", None);
        told(&Plan::new(&installation, &target("2026.6.11", None), facts).unwrap())
    };
    let mut facts =
        PlanFacts { config_written_by: newer, service_wanted: true, ..PlanFacts::default() };
    assert_eq!(plan(&facts), "core restart | config-from-newer untested-tree");
    let mut saved = EarlierConfig {
        path: "/s/openclaw.json.bak".into(),
        by: SavedBy::OpenClaw,
        written_by: "2026.5.28".parse().ok(),
        differs: Vec::new(),
    };
    facts.earlier_config = Some(saved.clone());
    assert_eq!(plan(&facts), "core config restart | untested-tree");
    saved.differs = vec!["gateway".to_owned()];
    facts.earlier_config = Some(saved);
    assert_eq!(plan(&facts), "core config restart | settings-left-out untested-tree");
    facts.config_written_by = "2026.6.11-1".parse().ok();
    assert_eq!(plan(&facts), "core restart | untested-tree", "a correction is not refused");
    facts.config_broken = Some("openclaw.json:1:1 is not JSON5".to_owned());
    let broken = "core config restart | config-broken settings-left-out untested-tree";
    assert_eq!(plan(&facts), broken);
}

#[test]
fn the_steps_stage_first_and_prove_last_and_nothing_live_differs_before_all_is_saved() {
    let facts = PlanFacts {
        config_written_by: "2026.7.1".parse().ok(),
        config_broken: None,
        earlier_config: Some(EarlierConfig {
            path: "/s/openclaw.json.bak".into(),
            by: SavedBy::OpenClaw,
            written_by: "2026.5.28".parse().ok(),
            differs: Vec::new(),
        }),
        service_wanted: true,
        ..PlanFacts::default()
    };
    let there = installation("2026.7.1", Some("2026.7.1"));
    let plan = Plan::new(&there, &target("2026.6.11", Some("2026.6.11")), &facts).unwrap();
    let names: Vec<_> = plan.steps.iter().map(|step| step.name().as_str()).collect();
    assert_eq!(
        names.join(" "),
        "stage-core stage-plugin stop save exchange-core exchange-plugin relink put-config start prove-version prove-service prove-reply"
    );
    let preparations = plan.steps.iter().take_while(|step| step.is_preparation()).count();
    assert_eq!(preparations, 4);
    assert!(!plan.steps[preparations..].iter().any(Step::is_preparation));
}

#[test]
fn a_service_that_is_stopped_stays_stopped() {
    let facts = PlanFacts { service_wanted: false, ..PlanFacts::default() };
    let plan =
        Plan::new(&installation("2026.7.1", None), &target("2026.6.11", None), &facts).unwrap();
    assert_eq!(told(&plan), "core | service-stopped untested-tree");
}

#[test]
fn a_node_that_the_release_does_not_start_on_is_refused_before_anything_happens() {
    let lock = serde_json::json!({"lockfileVersion": 3, "packages": {
        "": {"dependencies": {"openclaw": "2026.9.5"}},
        "node_modules/openclaw": {
            "version": "2026.9.5", "integrity": crate::apply::file_integrity(b"core"), "engines": {"node": ">=24.16"}
        },
    }});
    let version = "2026.9.5".parse().unwrap();
    let core = crate::release::PackageName::CORE;
    let lock = crate::npm::LockFile::check(&lock.to_string(), &core, version, None).ok();
    let core = PinnedPackage { version, integrity: None, lock };
    let target = ApplyTarget { core, plugin: None };
    let error =
        Plan::new(&installation("2026.7.1", None), &target, &PlanFacts::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "openclaw 2026.9.5 needs Node >=24.16; /node/bin/node is 22.23.3"
    );
}
