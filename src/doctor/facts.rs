//! What is known of the live installation. No token or key is among it. A login is
//! shown by its label; its whole name, which can be an address, is only compared.

mod installed;
mod known;
mod settings;
mod state;

use camino::Utf8PathBuf;
use jiff::Timestamp;

pub use installed::{CodexCli, Core, InstalledPlugin, OnPath, UnitRead};
pub use known::{ApplyLeft, PinRead, RegistryFacts};
pub use settings::{ConfigRead, Fallbacks, PluginSwitch, SavedConfig, Settings, Updates};
pub use state::{Account, AuthFile, Database, Endpoint};

use crate::node::choice::Node;
use crate::release::Version;
use crate::route::Route;

/// Everything that findings are made of.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// When it was looked at.
    pub now: Timestamp,
    /// How `openclaw` is called so that it is the live one: as a rule just that.
    pub openclaw: String,
    /// The core that the service runs, or else that PATH finds.
    pub core: Option<Core>,
    /// The plugin.
    pub plugin: Option<InstalledPlugin>,
    /// The Node that it runs on.
    pub node: Option<Node>,
    /// The service's unit.
    pub unit: Option<UnitRead>,
    /// Where a unit would be.
    pub unit_path: Utf8PathBuf,
    /// Why `codexpin apply` could not change it, with what to do.
    pub not_for_apply: Option<(String, Option<String>)>,
    /// Every `openclaw` on PATH, the one that is run first.
    pub on_path: Vec<OnPath>,
    /// The state directory.
    pub state: Utf8PathBuf,
    /// Whether it is there.
    pub state_exists: bool,
    /// `openclaw.json`.
    pub config: Utf8PathBuf,
    /// What it says.
    pub settings: ConfigRead,
    /// `meta.lastTouchedVersion` of it.
    pub written_by: Option<Version>,
    /// Copies of it that the core would start with, the newest first.
    pub saved_configs: Vec<SavedConfig>,
    /// The ChatGPT logins of all stores.
    pub accounts: Vec<Account>,
    /// Whether an API key for OpenAI is stored or in the Gateway's environment.
    pub api_key: bool,
    /// The store that could not be read, and why.
    pub logins_unread: Option<(String, Option<String>)>,
    /// The files that hold logins.
    pub auth_files: Vec<AuthFile>,
    /// Where models are asked, as config and agents' catalogues say.
    pub endpoints: Vec<Endpoint>,
    /// A catalogue that does not parse.
    pub broken_catalogues: Vec<Utf8PathBuf>,
    /// The databases.
    pub databases: Vec<Database>,
    /// The pin file of the working directory.
    pub pin: PinRead,
    /// Applies and undos that were cut short, oldest first.
    pub unfinished: Vec<ApplyLeft>,
    /// What the registry says, where it was asked.
    pub registry: Option<Result<RegistryFacts, String>>,
}

impl Facts {
    /// The core's release.
    pub(super) fn release(&self) -> Option<Version> {
        self.core.as_ref().map(|core| core.version)
    }

    /// The settings, where the config could be read.
    pub(super) fn settings(&self) -> Option<&Settings> {
        match &self.settings {
            ConfigRead::Read(settings) => Some(settings),
            _ => None,
        }
    }

    /// The route that the config asks.
    pub(super) fn route(&self) -> Option<&Route> {
        self.settings()?.route.as_ref()
    }

    /// The command that puts another release where this one is.
    pub(super) fn install(&self, version: &str) -> String {
        let core = self.core.as_ref();
        let place = core
            .and_then(|core| core.directory.as_str().strip_suffix("/lib/node_modules/openclaw"));
        let prefix = place.map(|place| format!(" --prefix {place}")).unwrap_or_default();
        format!("npm install -g openclaw@{version}{prefix}")
    }

    /// A command of the live `openclaw`.
    pub(super) fn command(&self, words: &str) -> String {
        format!("{} {words}", self.openclaw)
    }
}
