//! What is known of the live installation. No secret is among it: logins are here
//! by label, addresses of services without user, password and query.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde::Serialize;

use crate::installation::Standing;
use crate::login::{Format, Kind};
use crate::prefix::node::Node;
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
    pub plugin: Option<Plugin>,
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
    pub registry: Option<Result<Registry, String>>,
}

/// An installed core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Its release.
    pub version: Version,
    /// The package directory.
    pub directory: Utf8PathBuf,
    /// `engines.node`.
    pub node: Option<String>,
    /// `openclaw.schemaVersions`: state, agent. From 2026.7.2-beta on.
    pub schemas: Option<(i64, i64)>,
    /// When its files were put there.
    pub installed: Option<Timestamp>,
}

/// The installed plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// Its release.
    pub version: Version,
    /// The package directory.
    pub directory: Utf8PathBuf,
    /// The `@openai/codex` that it asks for.
    pub wants_codex: Option<String>,
    /// The `@openai/codex` that is there.
    pub codex: Option<CodexCli>,
}

/// An installed `@openai/codex`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodexCli {
    /// Its version.
    pub version: String,
    /// Its package for this platform that should be there and is not.
    pub missing_binary: Option<String>,
}

/// An `openclaw` on PATH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPath {
    /// The command.
    pub command: Utf8PathBuf,
    /// Its package directory, links followed.
    pub directory: Utf8PathBuf,
    /// Its release.
    pub version: Option<Version>,
}

/// The unit, and what systemd says about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitRead {
    /// The unit file.
    pub path: Utf8PathBuf,
    /// The Node of `ExecStart=`; none where it runs something else.
    pub node: Option<Utf8PathBuf>,
    /// The entry point of `ExecStart=`.
    pub entry: Option<Utf8PathBuf>,
    /// Whether both are there.
    pub node_exists: bool,
    /// Whether both are there.
    pub entry_exists: bool,
    /// `OPENCLAW_SERVICE_VERSION`: the release that wrote the unit.
    pub written_by: Option<String>,
    /// Whether its environment has `OPENCLAW_NO_AUTO_UPDATE`.
    pub no_auto_update: bool,
    /// What systemd says, or why it says nothing.
    pub standing: Result<Standing, String>,
}

/// The config as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ConfigRead {
    /// There is none.
    #[default]
    Missing,
    /// It cannot be used: what, and what to do.
    Refused(String, Option<String>),
    /// It depends on a variable that is not known here: what, and what to do.
    Unset(String, Option<String>),
    /// Read.
    Read(Box<Settings>),
}

/// The settings that findings are made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// The route; none where no model is named.
    pub route: Option<Route>,
    /// Where the model is named.
    pub route_key: Option<String>,
    /// The model is named, but not as `provider/model`.
    pub not_a_model: Option<String>,
    /// Where the harness is named.
    pub harness_key: Option<String>,
    /// Models that answer where the first does not.
    pub fallbacks: Vec<Fallbacks>,
    /// Whether Codex may load.
    pub codex: PluginSwitch,
    /// Who updates.
    pub updates: Updates,
    /// `auth.order`: the profiles that a provider is asked with; never printed.
    pub order: Vec<(String, Vec<String>)>,
    /// ChatGPT profiles that the config names, as written: label and whole name.
    pub profiles: Vec<(String, String)>,
}

/// A list of models that answer in another's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallbacks {
    /// Where.
    pub key: String,
    /// Which.
    pub models: Vec<String>,
}

/// Whether the plugin may load: the setting that keeps it from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginSwitch {
    /// A setting that turns it off.
    pub off: Option<String>,
}

/// The settings of `OpenClaw`'s own updater.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updates {
    /// `update.auto.enabled`.
    pub auto: bool,
    /// `update.checkOnStart` is false.
    pub checks_off: bool,
    /// `update.channel`.
    pub channel: Option<String>,
}

/// A copy of the config.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedConfig {
    /// The copy.
    pub path: Utf8PathBuf,
    /// Who wrote it last.
    pub written_by: Version,
}

/// A ChatGPT login, by label.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The profile's label; an address in it is left out.
    pub label: String,
    /// The profile's name as the store has it; never printed.
    pub profile: String,
    /// `openai-codex` or `openai`.
    pub provider: String,
    /// How it logs in.
    pub kind: Kind,
    /// How it is stored.
    pub format: Format,
    /// Under which agent.
    pub agent: String,
    /// When its access token ends.
    pub expires: Option<Timestamp>,
    /// Whether it has an access token.
    pub has_access: bool,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Logins with the same number are of the same account.
    pub account: Option<usize>,
}

/// A file with logins in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthFile {
    /// The file.
    pub path: Utf8PathBuf,
    /// Its size in bytes.
    pub size: u64,
    /// Its permissions.
    pub mode: u32,
}

/// Where a provider's models are asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The config, or an agent's `models.json`.
    pub file: Utf8PathBuf,
    /// Whether it is the config.
    pub in_config: bool,
    /// The provider's place in it: `models.providers.openai-codex`.
    pub key: String,
    /// The provider.
    pub provider: String,
    /// Its `baseUrl`, without user, password and query.
    pub base_url: Option<String>,
    /// Its `api`, and those of its models.
    pub apis: Vec<String>,
}

/// A database of `OpenClaw`'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// The file.
    pub path: Utf8PathBuf,
    /// Whether it is an agent's, and not that of all of them.
    pub of_agent: bool,
    /// Its `user_version`, or why it cannot be read.
    pub schema: Result<i64, String>,
}

/// The pin file of the working directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PinRead {
    /// There is none.
    #[default]
    Missing,
    /// It cannot be used: why, and what to do.
    Refused(Utf8PathBuf, String, Option<String>),
    /// Read.
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// The core and the plugin that `current` names.
        current: Option<(Version, Option<Version>)>,
        /// First bad releases: the release, its signature, the pin before it.
        bad: Vec<(Version, String, Version)>,
    },
}

/// An apply or undo that was cut short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyLeft {
    /// Its backup directory.
    pub directory: Utf8PathBuf,
    /// From which core.
    pub from: Version,
    /// To which.
    pub to: Version,
    /// Whether it had begun to change the installation.
    pub changed: bool,
    /// When it began.
    pub at: Timestamp,
}

/// What the registry says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Registry {
    /// What `latest` stands for.
    pub latest: Option<Version>,
    /// Whether it has the installed core.
    pub has_core: bool,
    /// The publisher's word against the installed core.
    pub deprecated: Option<String>,
    /// The plugin that pairs with the installed core.
    pub plugin: Option<Version>,
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

    /// A command of the live `openclaw`.
    pub(super) fn command(&self, words: &str) -> String {
        format!("{} {words}", self.openclaw)
    }
}
