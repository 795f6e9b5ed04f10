//! What applying a pin to an installation would change. Pure.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use serde::Serialize;

use super::carry::Carry;
use super::earlier_config::EarlierConfig;
use super::exchange::{Part, PartKind};
use super::hold::HoldChange;
use super::install_script::{self, PlannedScript};
use super::schema::{StateDatabase, refused};
use super::step::{Proof, Step};
use super::target::{ApplyTarget, PinnedPackage};
use super::versions::Versions;
use super::warning::Warning;
use crate::explain::{Class, Explain};
use crate::installation::{Installation, ManagedPlugin};
use crate::node::choice::{Node, satisfies};
use crate::openclaw::refuses_config_of;
use crate::release::{Schemas, Version};

/// What is known besides the installation itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlanFacts {
    /// `meta.lastTouchedVersion` of the config.
    pub config_written_by: Option<Version>,
    /// What is wrong with the config, where it cannot be read.
    pub config_broken: Option<String>,
    /// A config from before the upgrade, looked for where the live one is
    /// refused by the pinned release, or broken.
    pub earlier_config: Option<EarlierConfig>,
    /// Packages with install scripts that are installed now, by name.
    pub scripted: BTreeSet<String>,
    /// What becomes of the hold; none where nothing does.
    pub hold: Option<HoldChange>,
    /// Why it is not held, where it was to be.
    pub hold_refused: Option<String>,
    /// What has to move in the state directory for the pinned release.
    pub carry: Option<Carry>,
    /// The databases of the state directory.
    pub databases: Vec<StateDatabase>,
    /// What the registry says that the pinned release opens of them.
    pub opens: Option<Schemas>,
    /// Whether the live agent is to be asked at the end.
    pub live_check: bool,
    /// Whether the service is meant to run; false where there is none.
    pub service_wanted: bool,
    /// Where the shell's link leads; none where it is no link.
    pub link_leads_to: Option<Utf8PathBuf>,
}

/// The plan: the very list of steps that is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What is installed.
    pub from: Versions,
    /// What will be.
    pub to: Versions,
    /// The steps, in order. None: already as pinned.
    pub steps: Vec<Step>,
    /// The install scripts that may run, where the pin has the tested tree.
    pub scripts: Vec<PlannedScript>,
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
    /// A newer release has migrated a database, which is one-way.
    #[error(
        "openclaw {version} does not open {path}: it has schema {schema}, and {version} opens {opens} at most"
    )]
    State {
        /// The pinned release.
        version: Version,
        /// The database.
        path: Utf8PathBuf,
        /// Its schema.
        schema: i64,
        /// The highest that the release opens.
        opens: i64,
    },
}

impl Explain for PlanError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Node { needs, .. } => format!(
                "install a Node that satisfies `{needs}`, and `openclaw gateway install --force` with it"
            ),
            Self::State { .. } => {
                "nothing was stopped. Only a backup from before the upgrade leads \
                 back (`openclaw backup restore`, then that release); otherwise go forward: \
                 `codexpin releases`, then `codexpin check VERSION`"
                    .to_owned()
            }
        })
    }

    fn class(&self) -> Class {
        Class::Rollback
    }
}

impl Plan {
    /// Compares, and lists what applying takes.
    pub fn new(
        installation: &Installation,
        target: &ApplyTarget,
        facts: &PlanFacts,
    ) -> Result<Self, PlanError> {
        let core = &installation.core;
        let plugin = installation.plugin.as_ref();
        let from = Versions { core: core.version, plugin: plugin.map(ManagedPlugin::version) };
        let mut to = Versions { core: target.core.version, plugin: from.plugin };
        let mut packages = Vec::new();
        let mut warnings = Vec::new();
        if target.core.version != core.version {
            check_node(&target.core, &installation.node)?;
            packages.push((PartKind::Core, &core.directory, target.core.lock.is_some()));
        }
        if !packages.is_empty() {
            check_databases(&facts.databases, to.core, facts.opens)?;
        }
        match (plugin, &target.plugin) {
            (Some(there), Some(pinned)) if there.version() != pinned.version => {
                if let Some(project) = &there.project {
                    to.plugin = Some(pinned.version);
                    packages.push((PartKind::Plugin, project, pinned.lock.is_some()));
                } else {
                    let (version, pinned) = (there.version(), pinned.version);
                    warnings.push(Warning::PluginInSharedProject { version, pinned });
                }
            }
            (Some(there), None) => {
                warnings.push(Warning::PluginLeftAlone { version: there.version() });
            }
            (None, Some(pinned)) => {
                warnings.push(Warning::PluginNotAdded { version: pinned.version });
            }
            _ => {}
        }
        let (mut steps, mut scripts) = (Vec::new(), Vec::new());
        if !packages.is_empty() {
            let config = config_step(installation, target, facts, &mut warnings);
            warnings.extend(service_warning(installation, facts));
            if packages.iter().any(|(_, _, tested_tree)| !tested_tree) {
                warnings.push(Warning::UntestedTree);
            }
            for (part, ..) in &packages {
                let Some((_, package)) = target.package(*part) else { continue };
                let part = *part;
                scripts.extend(install_script::planned(part, package, &facts.scripted));
                if package.integrity.is_none() {
                    warnings.push(Warning::NoIntegrity { part, version: package.version });
                }
            }
            steps.extend(packages.iter().map(|&(part, _, tested_tree)| Step::Stage {
                part,
                to: to.of(part),
                tested_tree,
            }));
            let exchanges = packages.iter().map(|(part, live, _)| Step::Exchange {
                part: *part,
                live: (*live).clone(),
                from: from.of(*part),
                to: to.of(*part),
            });
            warnings.extend(hold_warning(facts));
            steps.extend(change_steps(installation, exchanges, config, to, facts));
            steps.push(Step::Prove { proof: Proof::Reply });
            if facts.live_check && facts.service_wanted {
                steps.push(Step::Prove { proof: Proof::LiveReply });
            }
        }
        if let Some(path) = installation.on_path_instead.clone() {
            warnings.push(Warning::OtherOnPath { path });
        }
        Ok(Self { from, to, steps, scripts, warnings })
    }

    /// Goes back to what an earlier apply replaced. Its packages are kept, and
    /// the agent need not reply: that may be why the release was left.
    pub(super) fn of_undo(
        installation: &Installation,
        to: Versions,
        parts: &[Part],
        config: Option<Step>,
        facts: &PlanFacts,
    ) -> Self {
        let plugin = installation.plugin.as_ref();
        let from = Versions {
            core: installation.core.version,
            plugin: plugin.map(ManagedPlugin::version),
        };
        let exchanges = parts.iter().map(|part| Step::Exchange {
            part: part.kind,
            live: part.live.clone(),
            from: from.of(part.kind),
            to: to.of(part.kind),
        });
        let steps = change_steps(installation, exchanges, config, to, facts);
        let warnings = hold_warning(facts).into_iter().collect();
        Self { from, to, steps, scripts: Vec::new(), warnings }
    }

    /// Holds what is installed, or lets it go. The Gateway is stopped meanwhile where it
    /// has to start anew to go by it.
    pub(super) fn of_hold(installation: &Installation, facts: &PlanFacts) -> Self {
        let plugin = installation.plugin.as_ref();
        let now = Versions {
            core: installation.core.version,
            plugin: plugin.map(ManagedPlugin::version),
        };
        let change = facts.hold.as_ref().filter(|change| !change.is_done()).cloned();
        let mut steps = Vec::new();
        if let Some(change) = change {
            let unit = installation.service.as_ref().map(|service| service.unit.clone());
            let unit = unit.filter(|_| facts.service_wanted && change.wants_restart());
            steps.extend(unit.clone().map(|unit| Step::Stop { unit }));
            steps.push(Step::Hold { change: Box::new(change) });
            steps.extend(unit.clone().map(|unit| Step::Start { unit }));
            steps.extend(unit.map(|_| Step::Prove { proof: Proof::Service }));
        }
        let mut warnings: Vec<_> = hold_warning(facts).into_iter().collect();
        if !steps.is_empty() && installation.service.is_none() {
            warnings.push(Warning::NoService);
        }
        Self { from: now, to: now, steps, scripts: Vec::new(), warnings }
    }

    /// Whether there is nothing to do.
    pub fn is_already_as_pinned(&self) -> bool {
        self.steps.is_empty()
    }
}

/// A migration is one-way: a release that does not open the databases would not start,
/// or start with nothing.
pub(super) fn check_databases(
    databases: &[StateDatabase],
    version: Version,
    declared: Option<Schemas>,
) -> Result<(), PlanError> {
    let Some((database, opens)) = refused(databases, version, declared) else { return Ok(()) };
    let (path, schema) = (database.path.clone(), database.schema);
    Err(PlanError::State { version, path, schema, opens })
}

fn check_node(wanted: &PinnedPackage, node: &Node) -> Result<(), PlanError> {
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

/// From the stop to the proofs of version and service: what apply and undo share.
fn change_steps(
    installation: &Installation,
    exchanges: impl Iterator<Item = Step>,
    config: Option<Step>,
    to: Versions,
    facts: &PlanFacts,
) -> Vec<Step> {
    let unit = installation.service.as_ref().map(|service| service.unit.clone());
    let mut steps = Vec::new();
    // Stop first: a Gateway that runs writes its databases while they are saved.
    steps.extend(unit.clone().map(|unit| Step::Stop { unit }));
    steps.push(Step::Save);
    steps.extend(exchanges);
    let leads_to = facts.link_leads_to.clone();
    steps.push(Step::Relink { link: installation.link(), leads_to });
    // The config before the start: the release reads it once, as it starts.
    steps.extend(config);
    // The state likewise. The Gateway is stopped, and writes no login meanwhile.
    steps.extend(facts.carry.clone().map(|carry| Step::CarryState { to: to.core, carry }));
    // After the config, which it changes.
    steps.extend(facts.hold.as_ref().map(|change| Step::Hold { change: Box::new(change.of(to)) }));
    let wanted = unit.filter(|_| facts.service_wanted);
    steps.extend(wanted.clone().map(|unit| Step::Start { unit }));
    steps.push(Step::Prove { proof: Proof::Version });
    steps.extend(wanted.map(|_| Step::Prove { proof: Proof::Service }));
    steps
}

/// A config written by a newer release can stop an older one, and a broken one stops
/// any: the one from before the upgrade comes back where it was saved. The stamp is
/// never edited.
fn config_step(
    installation: &Installation,
    target: &ApplyTarget,
    facts: &PlanFacts,
    warnings: &mut Vec<Warning>,
) -> Option<Step> {
    let (path, refused_by) = (installation.config.clone(), target.core.version);
    let newer = facts.config_written_by.filter(|by| refuses_config_of(refused_by, *by));
    if newer.is_none() && facts.config_broken.is_none() {
        return None;
    }
    if let Some(saved) = facts.earlier_config.clone() {
        let problem = facts.config_broken.clone();
        let broken = problem.map(|problem| Warning::ConfigBroken { path: path.clone(), problem });
        warnings.extend(broken);
        if !saved.differs.is_empty() {
            warnings.push(Warning::SettingsLeftOut { names: saved.differs.clone() });
        }
        return Some(Step::PutConfig { path, saved });
    }
    let newer = newer.map(|written_by| Warning::ConfigFromNewer { path, written_by, refused_by });
    warnings.extend(newer);
    None
}

fn hold_warning(facts: &PlanFacts) -> Option<Warning> {
    if let Some(why) = facts.hold_refused.clone() {
        return Some(Warning::NotHeld { why });
    }
    let hold = facts.hold.as_ref()?.after.as_ref()?;
    hold.config_left.clone().map(|why| Warning::HeldWithoutConfig { why })
}

fn service_warning(installation: &Installation, facts: &PlanFacts) -> Option<Warning> {
    match &installation.service {
        None => Some(Warning::NoService),
        Some(_) if facts.service_wanted => None,
        Some(_) => Some(Warning::ServiceStopped),
    }
}

#[cfg(test)]
mod tests;
