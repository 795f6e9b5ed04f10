//! What is wrong with the live installation, as far as its files tell. Nothing is
//! changed, and nobody is asked unless the user wants the registry asked.
//!
//! ```text
//! files, systemd, node --version ── survey ──▶ Facts ── examine ──▶ DoctorReading ──▶ report
//!                                   reads      data     pure        findings
//! ```
//!
//! Every examination is a function from [`Facts`] to [`Finding`]s, in the file that
//! is named after what it looks at. What is known of releases (which route, which
//! store, which API) is asked of [`crate::openclaw`].

mod billing;
mod config_file;
mod endpoint;
mod facts;
mod finding;
mod leftover;
mod login_file;
mod login_order;
mod logins;
mod machine;
mod managed;
mod not_looked_at;
mod own_lint;
mod packages;
mod pin;
mod plugin;
mod registry;
mod route;
mod secrets;
mod service;
mod state;
mod survey;
#[cfg(test)]
mod tests;
mod updates;
mod whereabouts;

pub use facts::{
    Account, ApiKey, ApplyLeft, AuthFile, CodexCli, ConfigRead, Core, Database, Endpoint,
    EndpointKind, Facts, Fallbacks, HoldRead, InstalledPlugin, KeyPlace, LintFinding, LintReport,
    LintSeverity, MachineFacts, ManagedPackage, Missing, MissingKind, OnPath, OwnLint, PinRead,
    PluginSwitch, RegistryFacts, SavedConfig, Settings, UnitRead, Updates,
};
pub use finding::{Finding, Level};
pub use not_looked_at::NotLookedAt;
pub use survey::{has_own_lint, own_lint, survey};
pub use updates::updates_itself;

use serde::Serialize;

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoctorReading {
    /// The worst first; within a level in the order in which they are best mended.
    pub findings: Vec<Finding>,
    /// What was looked at and has nothing wrong with it.
    pub sound: Vec<Sound>,
    /// What was not looked at.
    pub not_looked_at: Vec<NotLookedAt>,
}

/// Something that was looked at and is as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sound {
    /// What: `packages`, `service` ...
    pub what: &'static str,
    /// How it is, in a few words.
    pub is: String,
}

/// One thing that is looked at.
struct Examination {
    what: &'static str,
    findings: fn(&Facts) -> Vec<Finding>,
    /// What to say where nothing is wrong; none where there is nothing to say.
    sound: fn(&Facts) -> Option<String>,
}

/// In the order in which things are mended: what is not installed has no config,
/// and a config that does not parse has no route.
const EXAMINATIONS: [Examination; 21] = [
    Examination {
        what: "installation",
        findings: whereabouts::findings,
        sound: whereabouts::sound,
    },
    Examination { what: "apply", findings: leftover::findings, sound: leftover::sound },
    Examination { what: "packages", findings: packages::findings, sound: packages::sound },
    Examination { what: "plugin", findings: plugin::findings, sound: plugin::sound },
    Examination { what: "plugins", findings: managed::findings, sound: managed::sound },
    Examination { what: "config", findings: config_file::findings, sound: config_file::sound },
    Examination { what: "state", findings: state::findings, sound: state::sound },
    Examination { what: "service", findings: service::findings, sound: service::sound },
    Examination { what: "secrets", findings: secrets::findings, sound: secrets::sound },
    Examination { what: "route", findings: route::findings, sound: route::sound },
    Examination { what: "login files", findings: login_file::findings, sound: login_file::sound },
    Examination { what: "logins", findings: logins::findings, sound: logins::sound },
    Examination { what: "login order", findings: login_order::findings, sound: login_order::sound },
    Examination { what: "billing", findings: billing::findings, sound: billing::sound },
    Examination { what: "endpoints", findings: endpoint::findings, sound: endpoint::sound },
    Examination { what: "fallbacks", findings: route::fallbacks, sound: route::no_fallbacks },
    Examination { what: "machine", findings: machine::findings, sound: machine::sound },
    Examination { what: "updates", findings: updates::findings, sound: updates::sound },
    Examination { what: "pin", findings: pin::findings, sound: pin::sound },
    Examination { what: "registry", findings: registry::findings, sound: registry::sound },
    Examination { what: "OpenClaw", findings: own_lint::findings, sound: own_lint::sound },
];

/// Looks at everything.
pub fn examine(facts: &Facts) -> DoctorReading {
    let not_looked_at = not_looked_at::of(facts);
    let mut diagnosis = DoctorReading { findings: Vec::new(), sound: Vec::new(), not_looked_at };
    for examination in &EXAMINATIONS {
        let findings = (examination.findings)(facts);
        if findings.iter().all(|finding| finding.level == Level::Note) {
            let sound = (examination.sound)(facts);
            diagnosis.sound.extend(sound.map(|is| Sound { what: examination.what, is }));
        }
        diagnosis.findings.extend(findings);
    }
    // Stable: what is to be mended first stays first.
    diagnosis.findings.sort_by_key(|finding| std::cmp::Reverse(finding.level));
    diagnosis
}

impl DoctorReading {
    /// The level of the worst finding; none where there is none.
    pub fn worst(&self) -> Option<Level> {
        self.findings.iter().map(|finding| finding.level).max()
    }

    /// How many findings are of this level.
    pub fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}
