//! What applying a pin to an installation would change. Pure.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use super::saved_config::SavedConfig;
use super::swap::PartKind;
use super::target::{Target, Wanted};
use crate::explain::{Class, Explain};
use crate::installation::ServiceState;
use crate::installation::refuses;
use crate::installation::{Installation, ManagedPlugin};
use crate::node::choice::{Node, satisfies};
use crate::release::Version;

/// A core and its plugin, by version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// The core.
    pub core: Version,
    /// The plugin, where there is one.
    pub plugin: Option<Version>,
}

impl Versions {
    /// The version of one of the two.
    pub fn of(&self, part: PartKind) -> Version {
        match part {
            PartKind::Core => self.core,
            PartKind::Plugin => self.plugin.unwrap_or(self.core),
        }
    }
}

/// One thing that would be different afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// The global package is replaced.
    Core {
        /// Where.
        directory: Utf8PathBuf,
        /// What is there.
        from: Version,
        /// What will be.
        to: Version,
        /// Whether the tested dependency tree comes with it.
        tested_tree: bool,
    },
    /// The plugin's managed project is replaced.
    Plugin {
        /// Where.
        project: Utf8PathBuf,
        /// What is there.
        from: Version,
        /// What will be.
        to: Version,
        /// Whether the tested dependency tree comes with it.
        tested_tree: bool,
    },
    /// The config that was saved before the upgrade is put back.
    Config {
        /// The config.
        path: Utf8PathBuf,
        /// The saved one.
        saved: SavedConfig,
    },
    /// The Gateway is stopped for the swap and started after it.
    Restart {
        /// The unit file.
        unit: Utf8PathBuf,
    },
}

/// What the user should know before saying yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "warning")]
pub enum Warning {
    /// The pin says nothing about the plugin that is installed: it stays.
    PluginLeftAlone {
        /// Its release.
        version: Version,
    },
    /// The pin has a plugin and the installation has none: it is not added.
    PluginNotAdded {
        /// The pinned release.
        version: Version,
    },
    /// All plugins share one npm project (layout before 2026.6.1): it stays.
    PluginInSharedProject {
        /// What is there.
        version: Version,
        /// What the pin has.
        pinned: Version,
    },
    /// The pin has no lock file: the dependencies are today's and not those
    /// that were tested.
    UntestedTree,
    /// The config was last written by a newer release, and nowhere is one from
    /// before. 2026.5.28 and 2026.6.11 then refuse to start their service, with
    /// exit status 78 (seen); the proof fails and everything is put back.
    ConfigFromNewer {
        /// The config.
        path: Utf8PathBuf,
        /// Who wrote it.
        written_by: Version,
        /// Who will not start with it.
        refused_by: Version,
    },
    /// The saved config does not have what was set since the upgrade.
    SettingsLeftOut {
        /// The top-level settings, by name.
        names: Vec<String>,
    },
    /// There is no service: whoever started the Gateway must restart it.
    NoService,
    /// The service is stopped and stays so.
    ServiceStopped,
    /// The service runs one installation, PATH finds another, which stays.
    OtherOnPath {
        /// What PATH finds.
        path: Utf8PathBuf,
    },
}

/// What is known besides the installation itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// `meta.lastTouchedVersion` of the config.
    pub config_written_by: Option<Version>,
    /// A config from before the upgrade, looked for where the live one is
    /// refused by the pinned release.
    pub saved_config: Option<SavedConfig>,
    /// What systemd says, where there is a unit.
    pub service: Option<ServiceState>,
}

/// The plan: what would change, from what to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What is installed.
    pub from: Versions,
    /// What will be.
    pub to: Versions,
    /// The changes, in order. None: already as pinned.
    pub changes: Vec<Change>,
    /// What to know before saying yes.
    pub warnings: Vec<Warning>,
}

/// The pin cannot be applied here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The Node of the installation is not one that the release starts on.
    #[error("openclaw {version} needs Node {needs}; {} is {}", .node.executable(), .node.version)]
    Node {
        /// The pinned release.
        version: Version,
        /// Its `engines.node`.
        needs: String,
        /// The Node that the installation runs on.
        node: Node,
    },
}

impl Explain for PlanError {
    fn hint(&self) -> Option<String> {
        let Self::Node { needs, .. } = self;
        Some(format!(
            "install a Node that satisfies `{needs}`, and `openclaw gateway install --force` with it"
        ))
    }

    fn class(&self) -> Class {
        Class::Rollback
    }
}

impl Plan {
    /// Compares.
    pub fn new(
        installation: &Installation,
        target: &Target,
        facts: &Facts,
    ) -> Result<Self, PlanError> {
        let core = &installation.core;
        let plugin = installation.plugin.as_ref();
        let from = Versions { core: core.version, plugin: plugin.map(ManagedPlugin::version) };
        let mut changes = Vec::new();
        let mut warnings = Vec::new();
        if target.core.version != core.version {
            check_node(&target.core, &installation.node)?;
            changes.push(Change::Core {
                directory: core.directory.clone(),
                from: core.version,
                to: target.core.version,
                tested_tree: target.core.lock.is_some(),
            });
        }
        let mut to = Versions { core: target.core.version, plugin: from.plugin };
        match (plugin, &target.plugin) {
            (Some(there), Some(wanted)) if there.version() != wanted.version => {
                if let Some(project) = &there.project {
                    to.plugin = Some(wanted.version);
                    changes.push(Change::Plugin {
                        project: project.clone(),
                        from: there.version(),
                        to: wanted.version,
                        tested_tree: wanted.lock.is_some(),
                    });
                } else {
                    let (version, pinned) = (there.version(), wanted.version);
                    warnings.push(Warning::PluginInSharedProject { version, pinned });
                }
            }
            (Some(there), None) => {
                warnings.push(Warning::PluginLeftAlone { version: there.version() });
            }
            (None, Some(wanted)) => {
                warnings.push(Warning::PluginNotAdded { version: wanted.version });
            }
            _ => {}
        }
        if !changes.is_empty() {
            changes.extend(config_change(installation, target, facts, &mut warnings));
            changes.extend(restart(installation, facts, &mut warnings));
            let tested = |change: &Change| match change {
                Change::Core { tested_tree, .. } | Change::Plugin { tested_tree, .. } => {
                    *tested_tree
                }
                _ => true,
            };
            if !changes.iter().all(tested) {
                warnings.push(Warning::UntestedTree);
            }
        }
        if let Some(path) = installation.on_path_instead.clone() {
            warnings.push(Warning::OtherOnPath { path });
        }
        Ok(Self { from, to, changes, warnings })
    }

    /// Whether there is nothing to do.
    pub fn is_already_as_pinned(&self) -> bool {
        self.changes.is_empty()
    }
}

fn check_node(wanted: &Wanted, node: &Node) -> Result<(), PlanError> {
    let needs = wanted.lock.as_ref().and_then(|lock| lock.node());
    if satisfies(&node.version, needs) {
        return Ok(());
    }
    Err(PlanError::Node {
        version: wanted.version,
        needs: needs.unwrap_or_default().to_owned(),
        node: node.clone(),
    })
}

/// A config written by a newer release can stop an older one: the one from
/// before the upgrade comes back where it was saved. The stamp is never edited.
fn config_change(
    installation: &Installation,
    target: &Target,
    facts: &Facts,
    warnings: &mut Vec<Warning>,
) -> Option<Change> {
    let refused_by = target.core.version;
    let written_by = facts.config_written_by.filter(|by| refuses(refused_by, *by))?;
    let path = installation.config.clone();
    if let Some(saved) = facts.saved_config.clone() {
        if !saved.differs.is_empty() {
            warnings.push(Warning::SettingsLeftOut { names: saved.differs.clone() });
        }
        return Some(Change::Config { path, saved });
    }
    warnings.push(Warning::ConfigFromNewer { path, written_by, refused_by });
    None
}

fn restart(
    installation: &Installation,
    facts: &Facts,
    warnings: &mut Vec<Warning>,
) -> Option<Change> {
    let Some(service) = &installation.service else {
        warnings.push(Warning::NoService);
        return None;
    };
    if facts.service.as_ref().is_some_and(ServiceState::is_wanted) {
        return Some(Change::Restart { unit: service.unit.clone() });
    }
    warnings.push(Warning::ServiceStopped);
    None
}

#[cfg(test)]
mod tests {
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

    fn target(core: &str, plugin: Option<&str>) -> Target {
        let wanted = |version: &str| Wanted {
            version: version.parse().unwrap(),
            integrity: None,
            lock: None,
        };
        Target { core: wanted(core), plugin: plugin.map(wanted) }
    }

    fn running(active: &str) -> ServiceState {
        ServiceState { active: active.into(), sub: "running".into(), restarts: 0, pid: 1, exit: 0 }
    }

    fn told(plan: &Plan) -> String {
        let tag = |value: serde_json::Value, key: &str| {
            value[key].as_str().unwrap_or_default().to_owned()
        };
        let changes = plan.changes.iter().map(|c| tag(serde_json::to_value(c).unwrap(), "change"));
        let warnings =
            plan.warnings.iter().map(|w| tag(serde_json::to_value(w).unwrap(), "warning"));
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
            let facts = Facts { service: Some(running("active")), ..Facts::default() };
            let plan =
                Plan::new(&installation(there, there_plugin), &target(pin, pin_plugin), &facts)
                    .unwrap();
            assert_eq!(told(&plan), expected, "{there} {there_plugin:?} -> {pin} {pin_plugin:?}");
        }
    }

    #[test]
    fn a_config_of_a_newer_release_comes_back_from_a_backup_or_is_warned_of() {
        let newer = "2026.7.1".parse().ok();
        let plan = |facts: &Facts| {
            let installation = installation("2026.7.1", None);
            told(&Plan::new(&installation, &target("2026.6.11", None), facts).unwrap())
        };
        let mut facts = Facts {
            config_written_by: newer,
            service: Some(running("failed")),
            ..Facts::default()
        };
        assert_eq!(plan(&facts), "core restart | config-from-newer untested-tree");
        let mut saved = SavedConfig {
            path: "/s/openclaw.json.bak".into(),
            by: SavedBy::OpenClaw,
            written_by: "2026.5.28".parse().ok(),
            differs: Vec::new(),
        };
        facts.saved_config = Some(saved.clone());
        assert_eq!(plan(&facts), "core config restart | untested-tree");
        saved.differs = vec!["gateway".to_owned()];
        facts.saved_config = Some(saved);
        assert_eq!(plan(&facts), "core config restart | settings-left-out untested-tree");
        facts.config_written_by = "2026.6.11-1".parse().ok();
        assert_eq!(plan(&facts), "core restart | untested-tree", "a correction is not refused");
    }

    #[test]
    fn a_service_that_is_stopped_stays_stopped() {
        let facts = Facts { service: Some(running("inactive")), ..Facts::default() };
        let plan =
            Plan::new(&installation("2026.7.1", None), &target("2026.6.11", None), &facts).unwrap();
        assert_eq!(told(&plan), "core | service-stopped untested-tree");
    }

    #[test]
    fn a_node_that_the_release_does_not_start_on_is_refused_before_anything_happens() {
        let lock = serde_json::json!({"packages": {
            "": {"dependencies": {"openclaw": "2026.9.5"}},
            "node_modules/openclaw": {
                "version": "2026.9.5", "integrity": "sha512-x", "engines": {"node": ">=24.16"}
            },
        }});
        let version = "2026.9.5".parse().unwrap();
        let core = crate::release::PackageName::CORE;
        let lock = crate::npm::LockFile::check(&lock.to_string(), &core, version, None).ok();
        let core = Wanted { version, integrity: None, lock };
        let target = Target { core, plugin: None };
        let error =
            Plan::new(&installation("2026.7.1", None), &target, &Facts::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "openclaw 2026.9.5 needs Node >=24.16; /node/bin/node is 22.23.3"
        );
    }
}
