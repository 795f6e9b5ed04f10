//! Which directories codexpin itself owns.

use camino::{Utf8Path, Utf8PathBuf};
use etcetera::BaseStrategy as _;

use crate::env::{self, Environment};
use crate::explain::{Class, Explain};

/// The variables that name places. One that cannot be read must not be taken for one that
/// is not set: what is meant would be passed over for another.
const PLACES: [&str; 7] = [
    env::CACHE_DIR,
    env::STATE_DIR,
    "HOME",
    env::OPENCLAW_HOME,
    env::OPENCLAW_STATE_DIR,
    env::OPENCLAW_CONFIG_PATH,
    env::OPENCLAW_OAUTH_DIR,
];

/// codexpin's own directories and the user's home. Nothing is created by asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// What can be made again: prefixes, Node runtimes, registry answers.
    pub cache: Utf8PathBuf,
    /// What cannot: sessions with their journals, backups.
    pub state: Utf8PathBuf,
    /// What the user writes: `signatures.toml`.
    pub config: Utf8PathBuf,
    /// The user's home, where `~/.npmrc` and `~/.openclaw` are.
    pub home: Utf8PathBuf,
}

/// The directories cannot be determined.
#[derive(Debug, thiserror::Error)]
pub enum DirectoriesError {
    /// No HOME.
    #[error("no home directory: HOME is not set")]
    NoHome,
    /// A directory's name is not UTF-8.
    #[error("{0} is not valid UTF-8")]
    NotUtf8(String),
}

impl Explain for DirectoriesError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NoHome => None,
            Self::NotUtf8(_) => Some("name a directory whose name is UTF-8".to_owned()),
        }
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

impl Directories {
    /// By the XDG base directories, unless `CODEXPIN_CACHE_DIR` and
    /// `CODEXPIN_STATE_DIR` say otherwise.
    pub fn find(environment: &Environment) -> Result<Self, DirectoriesError> {
        for name in PLACES {
            let text = std::env::var_os(name).unwrap_or_default();
            if text.to_str().is_none() {
                let text = text.to_string_lossy();
                return Err(DirectoriesError::NotUtf8(format!("{name}: {text}")));
            }
        }
        let xdg = etcetera::base_strategy::Xdg::new().map_err(|_| DirectoriesError::NoHome)?;
        let utf8 = |path: std::path::PathBuf| {
            Utf8PathBuf::from_path_buf(path)
                .map_err(|path| DirectoriesError::NotUtf8(path.to_string_lossy().into_owned()))
        };
        let state = xdg.state_dir().unwrap_or_else(|| xdg.data_dir());
        let or = |name, otherwise: std::path::PathBuf| match environment.get(name) {
            Some(path) => Ok(real(absolute(Utf8Path::new(path)))),
            None => Ok(real(utf8(otherwise)?)),
        };
        Ok(Self {
            cache: or(env::CACHE_DIR, xdg.cache_dir().join("codexpin"))?,
            state: or(env::STATE_DIR, state.join("codexpin"))?,
            config: utf8(xdg.config_dir().join("codexpin"))?,
            home: utf8(xdg.home_dir().to_owned())?,
        })
    }

    /// All that codexpin keeps, wherever links in its directories lead.
    pub fn own(&self) -> Vec<Utf8PathBuf> {
        let mut all = vec![self.cache.clone(), self.state.clone()];
        all.extend([self.prefixes(), self.nodes(), self.registry(), self.npm_cache()]);
        all.extend([
            self.scratch(),
            self.sessions(),
            self.checks(),
            self.answers(),
            self.accounts(),
        ]);
        all.extend([self.own_login(), self.backups()]);
        all
    }

    /// Signatures of the user's own.
    pub fn signatures(&self) -> Utf8PathBuf {
        self.config.join("signatures.toml")
    }

    /// Scratch npm prefixes.
    pub fn prefixes(&self) -> Utf8PathBuf {
        real(self.cache.join("prefixes"))
    }

    /// Node runtimes that the machine does not have.
    pub fn nodes(&self) -> Utf8PathBuf {
        real(self.cache.join("node"))
    }

    /// The homes of checks that are under way.
    pub fn scratch(&self) -> Utf8PathBuf {
        real(self.cache.join("scratch"))
    }

    /// What the registry answered.
    pub fn registry(&self) -> Utf8PathBuf {
        real(self.cache.join("registry"))
    }

    /// npm's own cache for everything that codexpin installs.
    pub fn npm_cache(&self) -> Utf8PathBuf {
        real(self.cache.join("npm"))
    }

    /// One directory a session.
    pub fn sessions(&self) -> Utf8PathBuf {
        real(self.state.join("sessions"))
    }

    /// The output of single checks, one directory each.
    pub fn checks(&self) -> Utf8PathBuf {
        real(self.state.join("checks"))
    }

    /// What checks saw, for later sessions.
    pub fn answers(&self) -> Utf8PathBuf {
        real(self.state.join("answers"))
    }

    /// One lock file an account, so that two sessions do not ask it side by side.
    pub fn accounts(&self) -> Utf8PathBuf {
        real(self.state.join("accounts"))
    }

    /// The home in which codexpin has a login of its own, if any.
    pub fn own_login(&self) -> Utf8PathBuf {
        real(self.state.join("login"))
    }

    /// What `apply` replaced, one directory a time.
    pub fn backups(&self) -> Utf8PathBuf {
        real(self.state.join("backups"))
    }
}

/// The home that the system has on record for this user. `HOME` may name another, as
/// under sudo.
pub fn home_on_record() -> Option<Utf8PathBuf> {
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok()??;
    Utf8PathBuf::from_path_buf(user.dir).ok()
}

/// Without links on the way. npm takes a project behind one for a package that is linked
/// to from elsewhere, and records nothing of what it installed.
fn real(path: Utf8PathBuf) -> Utf8PathBuf {
    for above in path.ancestors() {
        // What is not there yet has no links in it.
        if let (Ok(real), Ok(below)) = (above.canonicalize_utf8(), path.strip_prefix(above)) {
            return if below.as_str().is_empty() { real } else { real.join(below) };
        }
    }
    path
}

fn absolute(path: &Utf8Path) -> Utf8PathBuf {
    camino::absolute_utf8(path).unwrap_or_else(|_| path.to_owned())
}
