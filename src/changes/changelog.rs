//! A release's `CHANGELOG.md`, as far as it speaks of certain releases.
//!
//! Up to 2026.5.28 the file in the package has every release since the first
//! (2.4 MB); from 2026.6.1 on it has its own release only. A release is a heading
//! `## 2026.6.1`, a part of it `### Fixes`, an entry one `- ` line; that is so
//! simple, and has been for every release looked at, that lines do.

use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::release::Version;

/// One thing that a release says it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangelogEntry {
    /// The release.
    pub release: Version,
    /// Under which heading: `Fixes`, `Changes`, `Highlights`, `Pull requests`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// Its words, without issue numbers, thanks and bold type.
    pub text: String,
    /// The issues and pull requests that it names, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub issues: Vec<u64>,
}

/// What a file says of the releases after one and up to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ChangelogExcerpt {
    /// The releases that it has a heading for, in the file's order.
    pub releases: Vec<Version>,
    /// Every entry of theirs, in the file's order.
    pub entries: Vec<ChangelogEntry>,
}

/// What `text` says of the releases after `after` and up to `up_to`. A beta is
/// described under the heading of the release that it leads to.
pub(super) fn covered(text: &str, after: Version, up_to: Version) -> ChangelogExcerpt {
    let last = up_to.max(up_to.base());
    let mut covered = ChangelogExcerpt::default();
    let (mut release, mut section, mut raw) = (None, None, Vec::<(Version, _, String)>::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            release = version(heading).filter(|version| after < *version && *version <= last);
            section = None;
            let new = release.filter(|version| !covered.releases.contains(version));
            covered.releases.extend(new);
            continue;
        }
        let Some(release) = release else { continue };
        if line.starts_with('#') {
            section = Some(line.trim_start_matches('#').trim().to_owned());
        } else if let Some(item) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            raw.push((release, section.clone(), item.to_owned()));
        } else if line.starts_with([' ', '\t'])
            && let Some((.., item)) = raw.last_mut()
            && !line.trim().is_empty()
        {
            item.push(' ');
            item.push_str(line.trim());
        }
    }
    let entries = raw.into_iter().map(|(release, section, item)| {
        let (text, issues) = plain(&item);
        ChangelogEntry { release, section, text, issues }
    });
    // A line of bare pull request numbers tells a reader nothing.
    covered.entries = entries.filter(|entry| !entry.text.is_empty()).collect();
    covered
}

/// The entries that name Codex, or the provider or the model of a route.
pub(super) fn naming(entries: Vec<ChangelogEntry>, routes: &[String]) -> Vec<ChangelogEntry> {
    let parts = routes.iter().flat_map(|route| route.split(['/', '@']));
    let words: Vec<_> = parts.filter(|part| !part.is_empty()).map(regex::escape).collect();
    let pattern = format!(r"(?i)\b(?:{})\b", [vec!["codex".to_owned()], words].concat().join("|"));
    let pattern = regex(&pattern);
    entries.into_iter().filter(|entry| pattern.is_match(&entry.text)).collect()
}

/// `2026.6.1` of `2026.6.1`, `[2026.6.1] - 2026-06-03` and the like.
fn version(heading: &str) -> Option<Version> {
    heading.split_whitespace().next()?.trim_matches(['[', ']']).parse().ok()
}

/// An entry's words, and the issues in it. Who is thanked is left out: quoted in
/// an issue, a name would call that person.
fn plain(item: &str) -> (String, Vec<u64>) {
    static ISSUE: LazyLock<Regex> = LazyLock::new(|| regex(r"#(\d{1,9})\b"));
    static NOISE: LazyLock<Regex> = LazyLock::new(|| {
        regex(concat!(
            r"^\s*(?:\*\*)?PR #\d+(?:\*\*)?\s*|\*\*|\s*\bThanks\b(?: to)?:? @.*$",
            r"|\s*\(\s*#\d+(?:(?:,|\s+and|\s+)\s*#\d+)*\s*\)",
            r"|\s*\b(?:Related|Fixes|Closes|Refs|See)\s+#\d+(?:(?:,|,?\s+and)\s*#\d+)*\.?",
        ))
    });
    let mut issues = Vec::new();
    for found in ISSUE.captures_iter(item) {
        if let Ok(number) = found[1].parse()
            && !issues.contains(&number)
        {
            issues.push(number);
        }
    }
    let text = NOISE.replace_all(item, "");
    (text.split_whitespace().collect::<Vec<_>>().join(" "), issues)
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of this file")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v(text: &str) -> Version {
        text.parse().unwrap()
    }

    const TEXT: &str = "\
# Changelog

Docs: https://docs.example.test

## Unreleased

- Later: not yet. (#9)

## 2026.6.1

### Highlights

- **Agents/Codex:** keep
  going. (#11, #12) Related #13, and #14. Thanks @someone and @other.

### Fixes

- Gateway: `a` (b) stays. Fixes #15 Thanks @someone.

#### Pull requests

- **PR #16** fix(auth): hold on. Related #17. Thanks @someone.
- **PR #18** Thanks @someone.

## [2026.5.28] - 2026-05-30

- Old: all of it.

## 2026.5.12

- Older.
";

    #[test]
    fn the_entries_of_the_releases_in_question_are_read_with_their_issues_and_without_thanks() {
        let covered = covered(TEXT, v("2026.5.28"), v("2026.6.1"));
        assert_eq!(covered.releases, [v("2026.6.1")]);
        let entries: Vec<_> = covered
            .entries
            .iter()
            .map(|e| (e.section.as_deref().unwrap(), e.text.as_str(), &e.issues[..]))
            .collect();
        assert_eq!(
            entries,
            [
                ("Highlights", "Agents/Codex: keep going.", &[11, 12, 13, 14][..]),
                ("Fixes", "Gateway: `a` (b) stays.", &[15]),
                ("Pull requests", "fix(auth): hold on.", &[16, 17]),
            ]
        );
    }

    #[test]
    fn a_beta_is_told_of_under_its_release_and_a_correction_under_its_own_heading() {
        let releases = |after, up_to| covered(TEXT, v(after), v(up_to)).releases;
        assert_eq!(releases("2026.5.28", "2026.6.1-beta.2"), [v("2026.6.1")]);
        assert_eq!(releases("2026.5.12", "2026.6.1"), [v("2026.6.1"), v("2026.5.28")]);
        assert_eq!(releases("2026.6.1", "2026.6.1-1"), []);
    }

    #[test]
    fn entries_that_name_codex_or_the_route_are_told_from_the_others() {
        let text = "## 2026.6.1\n- Agents/Codex: keep.\n- Add gpt-5.5 to the list.\n- A gpt-555 is no \
                    model.\n- Codexes differ.\n- OpenAI-Codex OAuth: mend.\n";
        let entries = covered(text, v("2026.5.28"), v("2026.6.1")).entries;
        let naming = |routes: &[String]| -> Vec<String> {
            naming(entries.clone(), routes).into_iter().map(|entry| entry.text).collect()
        };
        let route = ["openai-codex/gpt-5.5".to_owned()];
        assert_eq!(
            naming(&route),
            ["Agents/Codex: keep.", "Add gpt-5.5 to the list.", "OpenAI-Codex OAuth: mend."]
        );
        assert_eq!(naming(&[]), ["Agents/Codex: keep.", "OpenAI-Codex OAuth: mend."]);
    }

    #[test]
    fn no_file_is_too_strange() {
        for text in ["", "\n\n", "## ", "- a", "## 2026.6.1\n  lost\n-\n- \n"] {
            assert_eq!(covered(text, v("2026.5.28"), v("2026.6.1")).entries, [], "{text:?}");
        }
    }
}
