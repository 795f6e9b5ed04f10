//! npm's own configuration: which registry a package comes from, who asks it,
//! through which proxy and with which certificates.
//!
//! It is read as `@npmcli/config` reads it (npm's help pages `npmrc` and
//! `config`), and the tests hold it against the real npm. The strongest comes
//! first: `npm_config_*` variables, the project's `.npmrc`, the user's, the
//! global one, and the one that came with npm.
//!
//! No registry is known here. Where no file and no variable names one, npm is
//! asked for its default, see [`NpmConfig::with_default_registry`].

mod auth;
mod enclosed;
mod expand;
mod ini;
mod layers;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use url::Url;

pub use auth::Authorization;
pub use layers::Origin;

use self::ini::IniValue;
use self::layers::{Layers, Setting};
use crate::explain::{Class, Explain};
use crate::release::PackageName;

/// What npm would see if it were started now.
#[derive(Clone)]
pub struct NpmEnvironment {
    /// The environment, whole.
    pub env: BTreeMap<String, String>,
    /// The home directory, where `HOME` is not set.
    pub home: Utf8PathBuf,
    /// The working directory, absolute.
    pub cwd: Utf8PathBuf,
    /// The npm executable, where there is one.
    pub npm: Option<Utf8PathBuf>,
}

impl NpmEnvironment {
    fn var(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn home(&self) -> &Utf8Path {
        self.var("HOME").map_or(&self.home, Utf8Path::new)
    }

    /// `npmrc` in npm's own directory: packagers such as Homebrew set `prefix` there.
    fn builtin_npmrc(&self) -> Option<Utf8PathBuf> {
        let cli = self.npm.as_ref()?.canonicalize_utf8().ok()?;
        Some(cli.parent()?.parent()?.join("npmrc"))
    }

    /// The project's `.npmrc` that npm would read here, where there is one.
    pub fn project_npmrc(&self) -> Option<Utf8PathBuf> {
        Some(layers::project_root(&self.cwd).join(".npmrc")).filter(|file| file.is_file())
    }

    /// npm's default prefix: `PREFIX`, or the directory above the `bin` of the
    /// Node that npm's first line (`env node`) starts.
    fn global_prefix(&self) -> Option<Utf8PathBuf> {
        if let Some(prefix) = self.var("PREFIX") {
            return Some(self.cwd.join(prefix));
        }
        let node = std::env::split_paths(self.var("PATH")?)
            .filter_map(|directory| Utf8PathBuf::from_path_buf(directory.join("node")).ok())
            .find(|node| node.is_file())?;
        let prefix = node.canonicalize_utf8().ok()?.parent()?.parent()?.to_owned();
        match self.var("DESTDIR") {
            Some(root) => Some(Utf8Path::new(root).join(prefix.as_str().trim_start_matches('/'))),
            None => Some(prefix),
        }
    }
}

/// Why npm's configuration cannot be followed. The value is not shown: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum NpmConfigError {
    /// A registry or a proxy that is no URL.
    #[error("`{key}` in {origin} is not a URL: {why}")]
    NotAUrl {
        /// The setting.
        key: String,
        /// Where it is.
        origin: Origin,
        /// What the parser said.
        why: String,
    },
    /// `cafile` names a file that cannot be read.
    #[error("`cafile` in {origin} cannot be read: {source}")]
    Cafile {
        /// Where the setting is.
        origin: Origin,
        /// What the system said; it names the file.
        source: io::Error,
    },
}

impl Explain for NpmConfigError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotAUrl { key, .. } => {
                Some(format!("write `{key}` with its scheme, such as https://HOST/"))
            }
            Self::Cafile { .. } => Some("correct the path, or remove the setting".to_owned()),
        }
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

/// An `npmrc` that is there and cannot be read. npm goes on without it, and so does codexpin.
#[derive(Debug)]
pub struct UnreadableNpmrc {
    /// The file.
    pub path: Utf8PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Certificates that npm's configuration trusts in place of the usual ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorities {
    /// Certificates in PEM.
    pub pem: Vec<u8>,
    /// The `ca` or `cafile` setting.
    pub origin: Origin,
}

/// npm's configuration as it counts for this user, here.
#[derive(Clone)]
pub struct NpmConfig {
    layers: Layers,
    files: layers::NpmrcFiles,
    around: NpmEnvironment,
    default_registry: Option<Url>,
    unreadable: std::sync::Arc<Vec<UnreadableNpmrc>>,
}

impl fmt::Debug for NpmConfig {
    /// No settings: tokens and proxy passwords are among them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpmConfig").field("cwd", &self.around.cwd).finish_non_exhaustive()
    }
}

impl NpmConfig {
    /// Reads the variables and the files.
    pub fn load(around: &NpmEnvironment) -> Self {
        let mut unreadable = Vec::new();
        let (layers, files) = layers::load(around, &mut unreadable);
        Self {
            layers,
            files,
            around: around.clone(),
            default_registry: None,
            unreadable: std::sync::Arc::new(unreadable),
        }
    }

    /// Adds the registry that npm uses when nothing names one: the answer of
    /// `npm config get registry`.
    #[must_use]
    pub fn with_default_registry(self, registry: Url) -> Self {
        Self { default_registry: Some(registry), ..self }
    }

    /// The user's `npmrc`, there or not.
    pub fn user_file(&self) -> &Utf8Path {
        &self.files.user
    }

    /// The global `npmrc`, there or not; none where only npm itself knows it.
    pub fn global_file(&self) -> Option<&Utf8Path> {
        self.files.global.as_deref()
    }

    /// Files that npm passes over, worth a warning.
    pub fn unreadable(&self) -> &[UnreadableNpmrc] {
        &self.unreadable
    }

    /// The registry of packages without a scope; none if npm must be asked for its default.
    pub fn registry(&self) -> Result<Option<Url>, NpmConfigError> {
        let named = self.url("registry")?;
        Ok(named.or_else(|| self.default_registry.clone()))
    }

    /// The registry of a package: its scope's, or the one for all.
    pub fn registry_for(&self, name: &PackageName) -> Result<Option<Url>, NpmConfigError> {
        self.registry_of(name.as_str())
    }

    /// The same for any package.
    pub(crate) fn registry_of(&self, name: &str) -> Result<Option<Url>, NpmConfigError> {
        let scope = name.split_once('/').map(|(scope, _)| scope);
        if let Some(scope) = scope.filter(|scope| scope.starts_with('@'))
            && let Some(registry) = self.url(&format!("{scope}:registry"))?
        {
            return Ok(Some(registry));
        }
        self.registry()
    }

    /// Every registry that a setting names, that of each scope included.
    pub fn registries(&self) -> Result<Vec<Url>, NpmConfigError> {
        let mut registries: Vec<Url> = self.registry()?.into_iter().collect();
        let scoped = |key: &str| key.starts_with('@') && key.ends_with(":registry");
        for entry in self.layers.strongest_first(scoped) {
            if let Some(registry) = self.url(&entry.key)?
                && !registries.contains(&registry)
            {
                registries.push(registry);
            }
        }
        Ok(registries)
    }

    /// What to send along with a request to this URL.
    pub fn credentials_for(&self, url: &Url) -> Option<Authorization> {
        auth::find(&self.layers, url)
    }

    /// The setting that would hold a token for this registry, such as `//HOST/PATH/:_authToken`.
    pub fn token_key(registry: &Url) -> Option<String> {
        auth::key_to_set(registry)
    }

    /// The proxy for requests to this URL. `https-proxy` and `proxy` come
    /// before the usual variables, whatever the scheme, as in `@npmcli/agent`.
    pub fn proxy_for(&self, url: &Url) -> Result<Option<Url>, NpmConfigError> {
        let proxy = match self.url("https-proxy")? {
            Some(proxy) => Some(proxy),
            None => match self.url("proxy")? {
                Some(proxy) => Some(proxy),
                None => self.proxy_variable(url)?,
            },
        };
        Ok(proxy.filter(|_| !self.is_no_proxy(url)))
    }

    /// The certificates to trust in place of the system's, from `cafile` or `ca`.
    /// As with npm, a `cafile` that does not exist is passed over.
    pub fn authorities(&self) -> Result<Option<Authorities>, NpmConfigError> {
        for entry in self.layers.strongest_first(|key| key == "ca" || key == "cafile") {
            let origin = entry.origin.clone();
            let pem = match (&*entry.key, &entry.value) {
                ("ca", IniValue::List(items)) => items.join("\n").into_bytes(),
                ("ca", IniValue::Text(text)) if !text.is_empty() => text.clone().into_bytes(),
                ("ca", _) => return Ok(None),
                (_, _) => {
                    let Some(text) = entry.text() else { continue };
                    let path = layers::path(text, self.around.home(), &self.around.cwd);
                    match fs_err::read(path) {
                        Ok(pem) => pem,
                        Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                        Err(source) => return Err(NpmConfigError::Cafile { origin, source }),
                    }
                }
            };
            return Ok(Some(Authorities { pem, origin }));
        }
        Ok(None)
    }

    /// `NODE_EXTRA_CA_CERTS`: certificates that Node trusts beside the usual ones.
    pub fn extra_authorities(&self) -> Option<Utf8PathBuf> {
        self.around.var("NODE_EXTRA_CA_CERTS").map(|path| self.around.cwd.join(path))
    }

    /// `strict-ssl`: whether certificates are checked at all. npm's default is yes.
    pub fn strict_ssl(&self) -> bool {
        !self.layers.get("strict-ssl").is_some_and(|entry| match &entry.value {
            IniValue::Bool(yes) => !yes,
            IniValue::Text(text) => text == "false",
            IniValue::Null => true,
            IniValue::List(_) => false,
        })
    }

    /// `fetch-retries`: how often a failed request is tried again. npm's default is 2.
    pub fn fetch_retries(&self) -> usize {
        self.number("fetch-retries").and_then(|n| usize::try_from(n).ok()).unwrap_or(2)
    }

    /// `fetch-timeout`: how long a request may take. npm's default is 5 minutes.
    pub fn fetch_timeout(&self) -> Duration {
        self.number("fetch-timeout")
            .filter(|ms| *ms > 0)
            .map_or(Duration::from_mins(5), Duration::from_millis)
    }

    /// `before` or `min-release-age`: the setting that hides releases because they
    /// are too new, and where it is.
    pub fn age_limit(&self) -> Option<(&str, &Origin)> {
        let limits = |key: &str| key == "before" || key == "min-release-age";
        let strongest = self.layers.strongest_first(limits).next()?;
        let is_one = strongest.text().is_some_and(|text| !["0", "null", "false"].contains(&text));
        is_one.then_some((&strongest.key, &strongest.origin))
    }

    fn number(&self, key: &str) -> Option<u64> {
        self.layers.get(key)?.text()?.parse().ok()
    }

    fn url(&self, key: &str) -> Result<Option<Url>, NpmConfigError> {
        match self.layers.get(key) {
            Some(entry) => parse_url(entry),
            None => Ok(None),
        }
    }

    /// `@npmcli/agent` takes the variables in either case; `HTTPS_PROXY` also
    /// serves plain requests.
    fn proxy_variable(&self, url: &Url) -> Result<Option<Url>, NpmConfigError> {
        let names: &[&str] = if url.scheme() == "https" {
            &["https_proxy"]
        } else {
            &["https_proxy", "http_proxy", "proxy"]
        };
        let Some((name, value)) = names.iter().find_map(|name| self.any_case(name)) else {
            return Ok(None);
        };
        parse_url(&Setting {
            key: name.to_owned(),
            value: IniValue::Text(value.to_owned()),
            origin: Origin::Variable(name.to_owned()),
            unset: Vec::new(),
        })
    }

    fn any_case(&self, wanted: &str) -> Option<(&str, &str)> {
        let mut found =
            self.around.env.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next_back().map(|(k, v)| (k.as_str(), v.as_str())).filter(|(_, v)| !v.is_empty())
    }

    /// A host is left out when one of the listed domains is its end, counted in whole labels.
    fn is_no_proxy(&self, url: &Url) -> bool {
        let listed = match self.layers.get("noproxy").map(|entry| &entry.value) {
            Some(IniValue::Text(text)) if !text.is_empty() => text.clone(),
            Some(IniValue::List(items)) => items.join(","),
            _ => self.any_case("no_proxy").map(|(_, v)| v.to_owned()).unwrap_or_default(),
        };
        let host: Vec<&str> = url.host_str().unwrap_or_default().rsplit('.').collect();
        listed.split(',').any(|domain| {
            let labels: Vec<&str> =
                domain.trim().rsplit('.').filter(|label| !label.is_empty()).collect();
            !labels.is_empty() && host.starts_with(&labels)
        })
    }
}

fn parse_url(entry: &Setting) -> Result<Option<Url>, NpmConfigError> {
    let wrong = |why: &str| NpmConfigError::NotAUrl {
        key: entry.key.clone(),
        origin: entry.origin.clone(),
        why: why.to_owned(),
    };
    match &entry.value {
        IniValue::Bool(false) | IniValue::Null => Ok(None),
        IniValue::Bool(true) => Err(wrong("it has no value")),
        IniValue::List(items) if items.len() != 1 => Err(wrong("it is a list")),
        IniValue::Text(text) if text.is_empty() || matches!(&**text, "null" | "false") => Ok(None),
        IniValue::Text(text) => parse_text(text).map_err(|why| wrong(&why)).map(Some),
        IniValue::List(items) => parse_text(&items[0]).map_err(|why| wrong(&why)).map(Some),
    }
}

fn parse_text(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if url.has_host() { Ok(url) } else { Err("it has no host".to_owned()) }
}

#[cfg(test)]
mod tests;
