//! Where npm's settings come from: the environment, then the project's, the
//! user's, the global and the builtin `npmrc`, and how each file is found.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::expand::expand;
use super::ini::{self, IniValue};
use super::{NpmEnvironment, UnreadableNpmrc};
use crate::fs::foreign;

/// Where one setting was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A line of an `npmrc` file.
    File {
        /// The file.
        path: Utf8PathBuf,
        /// The line, from 1.
        line: u32,
    },
    /// An environment variable.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Variable(name) => write!(f, "the variable {name}"),
        }
    }
}

/// One setting, expanded. It may be a token, so it is not `Debug`.
#[derive(Clone)]
pub(super) struct Setting {
    pub key: String,
    pub value: IniValue,
    pub origin: Origin,
    /// Variables that the value names and the environment does not have.
    pub unset: Vec<String>,
}

impl Setting {
    /// The text, where there is one: npm takes an empty value as none.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            IniValue::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }
}

/// All settings, the strongest layer first, in the order of each source.
#[derive(Clone, Default)]
pub(super) struct Layers(Vec<Vec<Setting>>);

impl Layers {
    /// The setting that counts.
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.0.iter().find_map(|layer| layer.iter().rfind(|entry| entry.key == key))
    }

    /// The settings that `wanted` accepts, the strongest first.
    pub(super) fn strongest_first(
        &self,
        wanted: impl Fn(&str) -> bool,
    ) -> impl Iterator<Item = &Setting> {
        self.0.iter().flat_map(|layer| layer.iter().rev()).filter(move |entry| wanted(&entry.key))
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|entry| match &entry.value {
            IniValue::Bool(yes) => *yes,
            // npm reads a bare `--global`, or an empty one, as yes.
            IniValue::Text(text) => text == "true" || text.is_empty(),
            IniValue::Null | IniValue::List(_) => false,
        })
    }

    fn path(&self, key: &str, home: &Utf8Path, cwd: &Utf8Path) -> Option<Utf8PathBuf> {
        self.get(key)?.text().map(|text| path(text, home, cwd))
    }
}

/// A path as npm reads one: `~/` is the home directory, anything else starts at `cwd`.
pub(super) fn path(text: &str, home: &Utf8Path, cwd: &Utf8Path) -> Utf8PathBuf {
    match text.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None => cwd.join(text),
    }
}

/// Which files the user's and the global settings come from, there or not.
#[derive(Debug, Clone)]
pub(super) struct NpmrcFiles {
    pub user: Utf8PathBuf,
    pub global: Option<Utf8PathBuf>,
}

/// Reads every layer in the order in which one can say where the next is:
/// builtin and environment, project, user, global.
pub(super) fn load(
    around: &NpmEnvironment,
    unreadable: &mut Vec<UnreadableNpmrc>,
) -> (Layers, NpmrcFiles) {
    let home = around.home();
    let cwd = &around.cwd;
    let mut file = |path: &Utf8Path| read(path, &around.env, unreadable);
    let builtin = around.builtin_npmrc().map(|path| file(&path)).unwrap_or_default();
    let mut known = Layers(vec![variables(&around.env), builtin]);

    let user_file =
        |known: &Layers| known.path("userconfig", home, cwd).unwrap_or_else(|| home.join(".npmrc"));
    let global_mode =
        known.flag("global") || known.get("location").and_then(Setting::text) == Some("global");
    let project_file = project_root(cwd).join(".npmrc");
    let project = if global_mode || project_file == user_file(&known) {
        Vec::new()
    } else {
        file(&project_file)
    };
    known.0.insert(1, project);
    let user = user_file(&known);
    known.0.insert(2, file(&user));
    let global = known.path("globalconfig", home, cwd).or_else(|| {
        let prefix = known.path("prefix", home, cwd).or_else(|| around.global_prefix())?;
        Some(prefix.join("etc/npmrc"))
    });
    known.0.insert(3, global.as_deref().map(file).unwrap_or_default());
    (known, NpmrcFiles { user, global })
}

/// `npm_config_*` variables: case does not matter and `_` stands for `-`,
/// but for names that begin with `//`.
fn variables(env: &BTreeMap<String, String>) -> Vec<Setting> {
    const PREFIX: &str = "npm_config_";
    env.iter()
        .filter(|(name, value)| {
            let head = name.get(..PREFIX.len());
            head.is_some_and(|head| head.eq_ignore_ascii_case(PREFIX)) && !value.is_empty()
        })
        .map(|(name, value)| {
            let key = &name[PREFIX.len()..];
            let key = if key.starts_with("//") {
                key.to_owned()
            } else {
                let lower = key.to_lowercase();
                let (first, rest) = lower.split_at(usize::from(lower.starts_with('_')));
                format!("{first}{}", rest.replace('_', "-"))
            };
            // npm gives its children a list as one text with empty lines between.
            let value = if key == "ca" {
                IniValue::List(value.split("\n\n").map(str::to_owned).collect())
            } else {
                IniValue::Text(value.clone())
            };
            entry(key, value, Origin::Variable(name.clone()), env)
        })
        .collect()
}

fn read(
    path: &Utf8Path,
    env: &BTreeMap<String, String>,
    unreadable: &mut Vec<UnreadableNpmrc>,
) -> Vec<Setting> {
    // What people name who want no file at all.
    if path == "/dev/null" {
        return Vec::new();
    }
    let content = match foreign::read_named(path, foreign::TEXT) {
        Ok(content) => content,
        Err(source) => {
            if source.kind() != io::ErrorKind::NotFound {
                unreadable.push(UnreadableNpmrc { path: path.to_owned(), source });
            }
            return Vec::new();
        }
    };
    ini::parse(&String::from_utf8_lossy(&content))
        .into_iter()
        .map(|line| {
            let origin = Origin::File { path: path.to_owned(), line: line.number };
            entry(line.key, line.value, origin, env)
        })
        .collect()
}

fn entry(key: String, value: IniValue, origin: Origin, env: &BTreeMap<String, String>) -> Setting {
    let mut unset = Vec::new();
    let mut put_in = |text: &str| {
        let expanded = expand(text.trim(), env);
        unset.extend(expanded.unset);
        expanded.text
    };
    let value = match value {
        IniValue::Text(text) => IniValue::Text(put_in(&text)),
        IniValue::List(items) => IniValue::List(items.iter().map(|item| put_in(item)).collect()),
        plain @ (IniValue::Bool(_) | IniValue::Null) => plain,
    };
    let key = if key.contains("${") { expand(&key, env).text } else { key };
    Setting { key, value, origin, unset }
}

/// npm's project root: the nearest directory with a `package.json` or a
/// `node_modules`, or the root of the workspaces that it belongs to.
pub(super) fn project_root(cwd: &Utf8Path) -> Utf8PathBuf {
    let mut found: Option<&Utf8Path> = None;
    for directory in cwd.ancestors().filter(|directory| !directory.as_str().is_empty()) {
        let manifest = directory.join("package.json");
        match found {
            None if manifest.is_file() || directory.join("node_modules").is_dir() => {
                found = Some(directory);
            }
            Some(member) if manifest.is_file() && has_workspace(&manifest, member) => {
                return directory.to_owned();
            }
            _ => {}
        }
    }
    found.unwrap_or(cwd).to_owned()
}

#[derive(serde::Deserialize)]
struct Workspaces {
    workspaces: Option<Patterns>,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Patterns {
    List(Vec<String>),
    Object { packages: Vec<String> },
}

/// Whether the workspaces in this `package.json` take in that directory.
/// A later `!pattern` takes out again, as in `@npmcli/map-workspaces`.
fn has_workspace(manifest: &Utf8Path, member: &Utf8Path) -> bool {
    let parsed = foreign::read_named(manifest, foreign::TEXT)
        .ok()
        .and_then(|text| serde_json::from_slice::<Workspaces>(&text).ok())
        .and_then(|manifest| manifest.workspaces);
    let Some(Patterns::List(patterns) | Patterns::Object { packages: patterns }) = parsed else {
        return false;
    };
    let root = manifest.parent().unwrap_or(Utf8Path::new("/"));
    let (Ok(inside), true) = (member.strip_prefix(root), member.join("package.json").is_file())
    else {
        return false;
    };
    let options = glob::MatchOptions { require_literal_separator: true, ..Default::default() };
    let mut belongs = false;
    for pattern in &patterns {
        let (pattern, takes_in) = match pattern.strip_prefix('!') {
            Some(pattern) => (pattern, false),
            None => (pattern.as_str(), true),
        };
        let pattern = pattern.trim_start_matches("./").trim_matches('/');
        let matches = glob::Pattern::new(pattern)
            .is_ok_and(|pattern| pattern.matches_with(inside.as_str(), options));
        if matches {
            belongs = takes_in;
        }
    }
    belongs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variable_names_become_keys_as_npm_makes_them() {
        for (name, key) in [
            ("npm_config_registry", "registry"),
            ("NPM_CONFIG_STRICT_SSL", "strict-ssl"),
            ("Npm_Config_Fetch_Retries", "fetch-retries"),
            ("npm_config__auth", "_auth"),
            ("npm_config_@Openclaw:registry", "@openclaw:registry"),
            ("npm_config_//Host.test/a_b/:_authToken", "//Host.test/a_b/:_authToken"),
        ] {
            let entries = variables(&BTreeMap::from([(name.to_owned(), "x".to_owned())]));
            assert_eq!(entries[0].key, key);
        }
        let other = BTreeMap::from([
            ("npm_config".to_owned(), "x".to_owned()),
            ("npm_config_registry".to_owned(), String::new()),
            ("ünpm_config_a".to_owned(), "x".to_owned()),
        ]);
        assert!(variables(&other).is_empty());
    }
}
