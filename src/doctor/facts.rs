//! What is known of the live installation. No token or key is among it. A login is
//! shown by its label; its whole name, which can be an address, is only compared.

mod installed;
mod known;
mod machine;
mod need;
mod own_lint;
mod settings;
mod state;

use camino::Utf8PathBuf;
use jiff::Timestamp;

pub use installed::{CodexCli, Core, InstalledPlugin, ManagedPackage, OnPath, UnitRead};
pub use known::{ApplyLeft, HoldRead, PinRead, RegistryFacts};
pub use machine::MachineFacts;
pub use need::{Missing, MissingKind};
pub use own_lint::{LintFinding, LintReport, LintSeverity, OwnLint};
pub use settings::{ConfigRead, Fallbacks, PluginSwitch, SavedConfig, Settings, Updates};
pub use state::{Account, ApiKey, AuthFile, Database, Endpoint, EndpointKind, KeyPlace};

use crate::login::{CodexHomeLogin, LoginKind, LoginOrder};
use crate::node::choice::Node;
use crate::openclaw::Change;
use crate::openclaw::names::{OPENAI, OPENAI_CODEX, reads};
use crate::process::quoted;
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
    /// All plugins that `OpenClaw` keeps, in the order of their directories.
    pub managed: Vec<ManagedPackage>,
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
    /// The agents' own orders of logins; the config's is among the settings.
    pub orders: Vec<LoginOrder>,
    /// Logins of the Codex app-server's own.
    pub codex_homes: Vec<CodexHomeLogin>,
    /// OpenAI's API keys that the Gateway has.
    pub api_keys: Vec<ApiKey>,
    /// The store that could not be read, and why.
    pub logins_unread: Option<(String, Option<String>)>,
    /// What config and logins need from outside and is not there.
    pub missing: Vec<Missing>,
    /// How many settings and logins need something from outside.
    pub needs: usize,
    /// Whether the config lets the Gateway ask the login shell for variables.
    pub login_shell: bool,
    /// The machine.
    pub machine: MachineFacts,
    /// The files that hold logins.
    pub auth_files: Vec<AuthFile>,
    /// Where models are asked, as config and agents' catalogues say.
    pub endpoints: Vec<Endpoint>,
    /// A Codex home that keeps to the compaction that the service has retired.
    pub retired_compaction: Vec<Utf8PathBuf>,
    /// A catalogue that does not parse.
    pub broken_catalogues: Vec<Utf8PathBuf>,
    /// The databases.
    pub databases: Vec<Database>,
    /// The pin file of the working directory.
    pub pin: PinRead,
    /// What keeps `OpenClaw` from updating itself.
    pub hold: HoldRead,
    /// Applies and undos that were cut short, oldest first.
    pub unfinished: Vec<ApplyLeft>,
    /// What the release's own doctor says.
    pub own_lint: OwnLint,
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

    /// The `ChatGPT` logins that the installed release reads.
    pub(super) fn read_logins(&self) -> impl Iterator<Item = &Account> {
        let release = self.release();
        self.accounts.iter().filter(move |account| {
            account.kind == LoginKind::OAuth
                && release.is_none_or(|release| reads(release, account.format))
        })
    }

    /// Whether the Codex harness runs a turn: the config names it, or a release chooses
    /// it by itself for a `ChatGPT` login.
    pub(super) fn runs_codex(&self) -> bool {
        let (Some(route), Some(release)) = (self.route(), self.release()) else { return false };
        let login = || {
            self.accounts.iter().any(|account| account.kind == LoginKind::OAuth)
                || self.plugin.is_some() && self.codex_home_logins().next().is_some()
        };
        let chosen = Change::CodexChosenForLogin.is_in(release)
            && route.provider == OPENAI
            && route.harness.is_none()
            && self.api_keys.is_empty()
            && login();
        route.wants_codex() || chosen
    }

    /// `ChatGPT` logins in the Codex home that the app-server would be given.
    pub(super) fn codex_home_logins(&self) -> impl Iterator<Item = &CodexHomeLogin> {
        let settings = self.settings();
        let of_user = settings.is_some_and(|settings| settings.codex_of_user);
        // Every agent has a home of its own.
        let asked = settings.map(|settings| settings.agent.as_str()).filter(|_| !of_user);
        self.codex_homes
            .iter()
            .filter(move |home| home.agent.as_deref() == asked)
            .filter(|home| home.has_access || home.renewable)
    }

    /// The provider under which the route's `ChatGPT` logins are ordered.
    pub(super) fn login_provider(&self) -> &'static str {
        match self.release() {
            Some(release) if !Change::ProviderRenamed.is_in(release) => OPENAI_CODEX,
            _ => OPENAI,
        }
    }

    /// What the state needs that only an offline doctor does: one-way, so a backup first.
    pub(super) fn offline_doctor(&self) -> Vec<String> {
        ["gateway stop", "backup create --verify", "doctor --fix", "gateway start"]
            .map(|words| self.command(words))
            .into()
    }

    /// The command that puts another release where this one is.
    pub(super) fn install(&self, version: &str) -> String {
        let core = self.core.as_ref();
        let place = core
            .and_then(|core| core.directory.as_str().strip_suffix("/lib/node_modules/openclaw"));
        let prefix = place.map(|place| format!(" --prefix {}", quoted(place))).unwrap_or_default();
        format!("npm install -g openclaw@{version}{prefix}")
    }

    /// A command of the live `openclaw`.
    pub(super) fn command(&self, words: &str) -> String {
        format!("{} {words}", self.openclaw)
    }
}
