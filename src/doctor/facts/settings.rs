//! What the config says.

use camino::Utf8PathBuf;

use crate::release::Version;
use crate::route::Route;

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
    /// The login that the model is tied to (`provider/model@profile`): label and whole name.
    pub profile: Option<(String, String)>,
    /// The agent that a turn goes to.
    pub agent: String,
    /// A harness named for a whole agent, which newer releases do not look at: where.
    pub ignored_harness: Option<String>,
    /// Where the harness is named.
    pub harness_key: Option<String>,
    /// Models that answer where the first does not.
    pub fallbacks: Vec<Fallbacks>,
    /// Whether Codex may load.
    pub codex: PluginSwitch,
    /// The app-server uses the user's own Codex home (`appServer.homeScope: "user"`).
    pub codex_of_user: bool,
    /// Variables that the app-server is not given (`appServer.clearEnv`).
    pub codex_without: Vec<String>,
    /// Plugins and channels that are turned off.
    pub off: Vec<String>,
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
