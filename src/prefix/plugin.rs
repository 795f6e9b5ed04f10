//! The plugin, installed as `OpenClaw` itself installs it: by the candidate's
//! own `openclaw plugins install`, into a state directory of the prefix.
//!
//! A plugin that is only put where it can be loaded is not trusted, and its
//! harness is not registered; the installer's records make the difference.
//! They hold the plugin's absolute path, so a check copies the records and
//! leaves the packages where they are.

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use tokio_util::sync::CancellationToken;

use super::{InstallError, plugin_home};
use crate::node::choice::Node;
use crate::npm::run::{Npm, NpmError};
use crate::process::Ending;
use crate::release::{PackageName, Version};

/// Under the home: where state is.
const STATE: &str = ".openclaw";

/// What the install of a plugin needs.
pub(super) struct PluginInstall<'a> {
    pub version: Version,
    pub node: &'a Node,
    pub npm: &'a Npm,
    /// The prefix; its core is installed.
    pub directory: &'a Utf8Path,
    /// The script that `openclaw` runs.
    pub entry: &'a Utf8Path,
    pub stop: &'a CancellationToken,
}

impl PluginInstall<'_> {
    /// Installs it; its npm project, relative to the prefix.
    pub(super) async fn run(&self) -> Result<Utf8PathBuf, InstallError> {
        let home = plugin_home(self.directory);
        fs::create_dir_all(home.join("tmp"))?;
        let spec = format!("{}@{}", PackageName::PLUGIN, self.version);
        let arguments = [self.entry.as_str(), "plugins", "install", &spec];
        let finished = self
            .npm
            .run_beside(self.node, &home, self.node.executable(), &arguments, self.stop)
            .await?;
        crate::fs::remove(&home.join("tmp"))?;
        let refused = |why: String| InstallError::Plugin { version: self.version, why };
        match finished.ending {
            Ending::Exited(0) => {}
            Ending::Cancelled => return Err(NpmError::Stopped.into()),
            Ending::Limited(limit) => return Err(NpmError::Limited(limit).into()),
            ending => {
                let said = format!("{}\n{}", finished.stdout.text(), finished.stderr.text());
                return Err(refused(reason(&said).unwrap_or_else(|| ending.to_string())));
            }
        }
        let project = project(&home.join(STATE))
            .ok_or_else(|| refused("OpenClaw was content, but it is nowhere to be found".into()))?;
        Ok(project.strip_prefix(self.directory).unwrap_or(&project).to_owned())
    }
}

/// The state directory that `OpenClaw`'s installer left in a prefix.
pub(super) fn state(directory: &Utf8Path) -> Utf8PathBuf {
    plugin_home(directory).join(STATE)
}

/// The npm project that holds the plugin: one for all plugins in older
/// releases, one for each in newer ones.
fn project(state: &Utf8Path) -> Option<Utf8PathBuf> {
    let shared = state.join("npm");
    let own = shared.join("projects").read_dir_utf8().into_iter().flatten().flatten();
    let mut projects: Vec<_> = own.map(camino::Utf8DirEntry::into_path).collect();
    projects.push(shared);
    projects.into_iter().find(|project| {
        project.join("node_modules").join(PackageName::PLUGIN.as_str()).is_dir()
            && project.join("package-lock.json").is_file()
    })
}

/// The line that says what went wrong: the first that speaks of an error.
fn reason(said: &str) -> Option<String> {
    let lines: Vec<_> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let telling = |line: &&&str| {
        let line = line.to_ascii_lowercase();
        ["error", "failed", "not found", "cannot", "refus"].iter().any(|word| line.contains(word))
    };
    let line = lines.iter().find(telling).or(lines.last())?;
    Some(line.chars().take(240).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plugin_is_found_in_the_layout_of_older_and_of_newer_releases() {
        for layout in ["npm", "npm/projects/openclaw-codex-0123456789"] {
            let directory = tempfile::tempdir().unwrap();
            let state = Utf8Path::from_path(directory.path()).unwrap();
            assert_eq!(project(state), None);
            let wanted = state.join(layout);
            fs::create_dir_all(wanted.join("node_modules/@openclaw/codex")).unwrap();
            fs::write(wanted.join("package-lock.json"), "{}").unwrap();
            assert_eq!(project(state), Some(wanted));
        }
    }

    #[test]
    fn the_first_line_that_speaks_of_an_error_is_the_reason() {
        let said = "Installing ...\nnpm error code E404\nnpm error 404 gone\n";
        assert_eq!(reason(said).unwrap(), "npm error code E404");
        assert_eq!(reason("only this\n").unwrap(), "only this");
        assert_eq!(reason(""), None);
    }
}
