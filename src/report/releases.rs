//! The table of releases.

use jiff::Timestamp;
use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::{counted, print_json, terminal};
use crate::release::{Channel, Version};

/// What the pins say about a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PinState {
    /// It is the current pin.
    Current,
    /// It is pinned as good.
    Good,
    /// A pin names it as the first bad release.
    Bad,
}

/// A line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// The core release.
    pub core: Version,
    /// Its channel.
    pub channel: Channel,
    /// The plugin release that pairs with it.
    pub plugin: Option<Version>,
    /// The plugin's `@openai/codex`.
    pub codex_cli: Option<semver::Version>,
    /// `engines.node`.
    pub node: Option<String>,
    /// When it was published, as far as the registry knows.
    pub published: Option<Timestamp>,
    /// The publisher's word against it.
    pub deprecated: Option<String>,
    /// What the pins say.
    pub pin: Option<PinState>,
    /// The dist-tags that stand for it.
    pub tags: Vec<String>,
}

/// The releases that were asked for.
#[derive(Debug, Serialize)]
pub struct Table {
    /// In order of release.
    pub releases: Vec<Listed>,
    /// Whether the registry has the plugin at all.
    #[serde(skip)]
    pub has_plugin: bool,
}

impl Table {
    /// Prints it, as a table or as JSON.
    pub fn print(&self, json: bool) {
        if json {
            print_json(self);
            return;
        }
        terminal::print(&self.text());
        let paired = self.releases.iter().filter(|listed| listed.plugin.is_some()).count();
        terminal::say(&format!(
            "{}, {paired} with a plugin",
            counted(self.releases.len(), "release", "releases")
        ));
        if !self.has_plugin {
            terminal::note("this registry has no @openclaw/codex at all");
        }
    }

    fn text(&self) -> String {
        let head = ["RELEASE", "CHANNEL", "PLUGIN", "CODEX CLI", "PUBLISHED", "NODE", ""];
        let rows: Vec<[String; 7]> = self.releases.iter().map(row).collect();
        let width = |column: usize| {
            let cells = rows.iter().map(|row| row[column].chars().count());
            cells.chain([head[column].len()]).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..head.len()).map(width).collect();
        let line = |cells: &[String]| {
            let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut lines = vec![line(&head.map(str::to_owned)).bold().to_string()];
        for (row, listed) in rows.iter().zip(&self.releases) {
            let text = line(row);
            lines.push(match listed.pin {
                Some(PinState::Current | PinState::Good) => text.green().to_string(),
                Some(PinState::Bad) => text.red().to_string(),
                None => text,
            });
        }
        lines.join("\n")
    }
}

fn row(listed: &Listed) -> [String; 7] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let mut remarks: Vec<String> = listed.tags.clone();
    match listed.pin {
        Some(PinState::Current) => remarks.push("pinned".to_owned()),
        Some(PinState::Good) => remarks.push("known good".to_owned()),
        Some(PinState::Bad) => remarks.push("known bad".to_owned()),
        None => {}
    }
    if let Some(word) = &listed.deprecated {
        remarks.push(format!("deprecated: {word}"));
    }
    [
        listed.core.to_string(),
        listed.channel.to_string(),
        or_dash(listed.plugin.map(|plugin| plugin.to_string())),
        or_dash(listed.codex_cli.as_ref().map(ToString::to_string)),
        or_dash(listed.published.map(|at| at.strftime("%Y-%m-%d").to_string())),
        or_dash(listed.node.clone()),
        remarks.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_shows_what_pairs_and_what_is_pinned() {
        let listed = |core: &str, plugin: Option<&str>, pin, tags: &[&str]| Listed {
            core: core.parse().unwrap(),
            channel: core.parse::<Version>().unwrap().channel(),
            plugin: plugin.map(|text| text.parse().unwrap()),
            codex_cli: plugin.map(|_| semver::Version::new(0, 154, 0)),
            node: Some(">=22.19.0".to_owned()),
            published: Some("2026-05-18T10:00:00Z".parse().unwrap()),
            deprecated: None,
            pin,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        let table = Table {
            releases: vec![
                listed("2026.5.18", None, Some(PinState::Current), &[]),
                listed("2026.6.1", None, Some(PinState::Bad), &[]),
                listed("2026.9.5", Some("2026.9.5"), None, &["latest"]),
            ],
            has_plugin: true,
        };
        insta::assert_snapshot!(anstream::adapter::strip_str(&table.text()).to_string());
    }
}
