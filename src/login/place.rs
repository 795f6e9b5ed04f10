//! Where the stores of one installation are.

use camino::{Utf8Path, Utf8PathBuf};

use crate::env::{Environment, OPENCLAW_AUTH_PROFILE_SECRET_KEY, OPENCLAW_OAUTH_DIR};
use crate::secret::Secret;

/// The file that holds the seed of the key, in 2026.5.12.
const KEY_FILE: &str = "auth-profile-secret-key";

/// An installation's state directory, and what belongs to it elsewhere.
#[derive(Debug, Clone)]
pub struct Place {
    /// The state directory.
    pub state: Utf8PathBuf,
    /// The home of the user that `OpenClaw` runs as (`HOME`).
    pub home: Utf8PathBuf,
    /// `XDG_CONFIG_HOME` of the Gateway, where it is set.
    pub config_home: Option<Utf8PathBuf>,
    /// Where `credentials/` is, if it is not in the state directory.
    pub credentials: Option<Utf8PathBuf>,
    /// The seed of the key, where the Gateway has it in its environment.
    pub seed: Option<Secret>,
}

impl Place {
    /// An installation with everything where it is by default.
    pub fn new(state: &Utf8Path, home: &Utf8Path) -> Self {
        Self {
            state: state.to_owned(),
            home: home.to_owned(),
            config_home: None,
            credentials: None,
            seed: None,
        }
    }

    /// The same, led by the variables that the Gateway is started with.
    #[must_use]
    pub fn with_environment(mut self, environment: &Environment) -> Self {
        self.config_home = environment.get("XDG_CONFIG_HOME").map(Utf8PathBuf::from);
        self.credentials = environment.get(OPENCLAW_OAUTH_DIR).map(Utf8PathBuf::from);
        self.seed = environment.get(OPENCLAW_AUTH_PROFILE_SECRET_KEY).map(Secret::new);
        self
    }

    /// Where sealed logins are.
    pub(super) fn sealed(&self) -> Utf8PathBuf {
        self.credentials().join("auth-profiles")
    }

    pub(super) fn credentials(&self) -> Utf8PathBuf {
        self.credentials.clone().unwrap_or_else(|| self.state.join("credentials"))
    }

    /// The file with the seed of the key: the first place of the release's two that
    /// is not within the state directory.
    pub(super) fn key_file(&self) -> Utf8PathBuf {
        let own = if cfg!(target_os = "macos") {
            self.home.join("Library/Application Support/OpenClaw")
        } else {
            let config = self.config_home.clone().unwrap_or_else(|| self.home.join(".config"));
            config.join("openclaw")
        };
        let plain = self.home.join(".openclaw-auth-profile-secrets");
        let directory = if own.starts_with(&self.state) { plain } else { own };
        directory.join(KEY_FILE)
    }
}
