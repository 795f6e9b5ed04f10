//! What `codexpin doctor` found: the verdict, then what to mend and how, then
//! what was looked at and is sound.

use std::fmt::Write as _;

use camino::Utf8Path;
use serde::Serialize;

use super::paint::Paint as _;
use super::{OutputForm, counted, print_if_json, terminal};
use crate::doctor::{DoctorReading, Facts, Finding, Level};
use crate::release::Version;

/// How wide prose is. Characters.
const WIDTH: usize = 92;

/// An installation, and what was found of it.
#[derive(Debug, Serialize)]
pub struct DoctorReport<'a> {
    /// `sound` (there can be notes), `warning` or `problem`.
    pub verdict: &'static str,
    /// The core.
    pub core: Option<Version>,
    /// The plugin.
    pub plugin: Option<Version>,
    /// The `@openai/codex` that is installed with it.
    pub codex_cli: Option<&'a str>,
    /// The Node that it runs on.
    pub node: Option<&'a str>,
    /// The state directory.
    pub state: &'a Utf8Path,
    /// The config.
    pub config: &'a Utf8Path,
    /// What was found.
    #[serde(flatten)]
    pub diagnosis: DoctorReading,
}

impl<'a> DoctorReport<'a> {
    /// Says of what the diagnosis is.
    pub fn new(facts: &'a Facts, diagnosis: DoctorReading) -> Self {
        let plugin = facts.plugin.as_ref();
        Self {
            verdict: match diagnosis.worst() {
                None | Some(Level::Note) => "sound",
                Some(level) => word(level),
            },
            core: facts.core.as_ref().map(|core| core.version),
            plugin: plugin.map(|plugin| plugin.version),
            codex_cli: plugin
                .and_then(|plugin| plugin.codex.as_ref())
                .map(|codex| codex.version.as_str()),
            node: facts.node.as_ref().map(|node| node.version.as_str()),
            state: &facts.state,
            config: &facts.config,
            diagnosis,
        }
    }

    /// Prints it, for a person or as JSON.
    pub fn print(&self, form: OutputForm) {
        if !print_if_json(form, self) {
            terminal::print(self.text().trim_end());
        }
    }

    /// As a person reads it.
    fn text(&self) -> String {
        let mut text = self.verdict_line();
        for finding in &self.diagnosis.findings {
            text.push('\n');
            text.push_str(&shown(finding));
        }
        let sound = &self.diagnosis.sound;
        let width = sound.iter().map(|sound| sound.what.len()).max().unwrap_or_default();
        if !sound.is_empty() {
            let _ = writeln!(text, "\n{}", "looked at, and sound".bold());
        }
        for sound in sound {
            let _ = writeln!(text, "  {:width$}  {}", sound.what, sound.is);
        }
        let left = &self.diagnosis.not_looked_at;
        let width = left.iter().map(|left| left.what.len()).max().unwrap_or_default();
        if !left.is_empty() {
            let _ = writeln!(text, "\n{}", "not looked at".bold());
        }
        for left in left {
            let _ = writeln!(text, "  {:width$}  {}", left.what, left.see);
        }
        if self.core.is_some() && self.diagnosis.worst() != Some(Level::Problem) {
            let _ = writeln!(
                text,
                "  next  codexpin check live    asks it for a reply, which doctor does not"
            );
        }
        text
    }

    fn verdict_line(&self) -> String {
        let count = |level| self.diagnosis.count(level);
        let notes = match count(Level::Note) {
            0 => String::new(),
            n => format!(", {}", counted(n, "note", "notes")),
        };
        let warnings = counted(count(Level::Warning), "warning", "warnings");
        let first = self.diagnosis.findings.first().map_or("", |finding| finding.title.as_str());
        let others = |n: usize| match n {
            0 => String::new(),
            _ => format!(", {warnings}"),
        };
        match self.diagnosis.worst() {
            Some(Level::Problem) => {
                let problems = counted(count(Level::Problem), "problem", "problems");
                let more = others(count(Level::Warning));
                format!("{}{more}: {first}\n", problems.red().bold())
            }
            Some(Level::Warning) => format!("{}, no problem: {first}\n", warnings.yellow().bold()),
            _ => {
                let what = match (self.core, self.plugin) {
                    (Some(core), Some(plugin)) => format!("{core} with plugin {plugin}"),
                    (Some(core), None) => core.to_string(),
                    _ => "nothing is installed".to_owned(),
                };
                format!("{}: {what}{notes}\n", "this installation looks sound".green().bold())
            }
        }
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Problem => "problem",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

fn shown(finding: &Finding) -> String {
    let level = word(finding.level);
    let level = match finding.level {
        Level::Problem => level.red().bold(),
        Level::Warning => level.yellow().bold(),
        Level::Note => level.dimmed(),
    };
    let check = finding.openclaw_check.as_ref().map(|check| format!(" {check}"));
    let check = check.unwrap_or_default();
    let mut text = format!("{level}: {}  [{}{check}]\n", finding.title, finding.id);
    let mut row = |name: &str, what: &str| {
        let _ = writeln!(text, "  {name:<5} {what}");
    };
    match (&finding.file, &finding.key) {
        (Some(file), Some(key)) => row("where", &format!("{file}: {key}")),
        (Some(file), None) => row("where", file.as_str()),
        (None, Some(key)) => row("where", key),
        (None, None) => {}
    }
    for (at, line) in wrapped(&finding.why).iter().enumerate() {
        row(if at == 0 { "why" } else { "" }, line);
    }
    for (at, command) in finding.commands.iter().enumerate() {
        row(if at == 0 { "do" } else { "" }, command);
    }
    text
}

/// Prose in lines; a word that is longer than a line stays whole.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_between_words_and_no_word_is_lost() {
        let text = format!("{} {} end", "word ".repeat(40).trim(), "x".repeat(120));
        let lines = wrapped(&text);
        assert!(lines.len() > 3, "{lines:?}");
        assert_eq!(lines.join(" "), text);
        assert!(wrapped("").is_empty());
    }
}
