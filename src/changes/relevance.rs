//! Which entries of a changelog touch what failed: those that speak of Codex,
//! logins, providers, the Gateway, models or routes, and those with words of the
//! failure itself. A word that few entries have says more than one that many
//! have, and one in an entry's heading more than one in its text.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::changelog::ChangelogEntry;
use crate::release::Version;

/// How long [`Touching::gist`] may be. Characters.
const GIST: usize = 140;
/// How much more a word in an entry's heading says than one in its text.
const IN_HEADING: f64 = 1.5;

/// What is looked for in any case, with the words that speak of it.
const TOPICS: &[(&str, &[&str])] = &[
    ("codex", &["codex"]),
    (
        "auth",
        &[
            "auth",
            "oauth",
            "reauth",
            "authentication",
            "authorization",
            "login",
            "log-in",
            "re-login",
            "sign-in",
            "credential",
        ],
    ),
    ("provider", &["provider"]),
    ("gateway", &["gateway"]),
    ("model", &["model"]),
    ("route", &["route", "routing"]),
];

/// Entries under these headings, and pull requests of these kinds, are about the
/// making of a release and not about what it does.
const WORKSHOP: &[&str] = &[
    "release", "ci", "docs", "doc", "build", "qa", "test", "tests", "e2e", "chore", "style",
    "refactor", "scripts",
];

/// Words that say nothing about where a failure is.
const EMPTY: &[&str] = &[
    "about", "after", "all", "and", "any", "are", "before", "but", "can", "cannot", "could", "did",
    "does", "error", "fail", "failed", "failure", "for", "found", "from", "had", "has", "have",
    "into", "its", "know", "known", "line", "not", "one", "out", "release", "see", "than", "that",
    "the", "then", "there", "this", "unknown", "use", "used", "was", "were", "when", "which",
    "will", "with",
];

/// The words of a failure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Area {
    words: BTreeSet<String>,
}

impl Area {
    /// From whatever is known of the failure: its name, its title, the line that
    /// decided, the route.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let said = texts.into_iter().flat_map(words);
        Self { words: said.filter(|word| tells(word)).collect() }
    }
}

/// Whether a word of a failure can be looked for: no version, no number.
fn tells(word: &str) -> bool {
    word.len() > 2
        && !EMPTY.contains(&word)
        && word.bytes().any(|b| b.is_ascii_alphabetic())
        && word.parse::<Version>().is_err()
}

/// An entry that touches what failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touching {
    /// The entry.
    #[serde(flatten)]
    pub entry: ChangelogEntry,
    /// What it was found by.
    pub words: Vec<String>,
    /// The part of its text that says most about it.
    pub gist: String,
}

/// One thing that is looked for.
struct Term {
    name: String,
    words: BTreeSet<String>,
    weight: f64,
}

impl Term {
    fn is_in(&self, said: &BTreeSet<String>) -> bool {
        self.words.iter().any(|word| said.contains(word))
    }
}

/// The entries that touch the area, the nearest first.
pub(super) fn touching(entries: Vec<ChangelogEntry>, area: &Area) -> Vec<Touching> {
    let entries: Vec<_> = entries
        .into_iter()
        .filter(|entry| !is_of_the_workshop(&entry.text))
        .map(|entry| {
            let said: BTreeSet<_> = words(&entry.text).collect();
            (entry, said)
        })
        .collect();
    let terms = terms(area, &entries);
    let mut ranked: Vec<(f64, Touching)> = Vec::new();
    for (entry, said) in entries {
        let heading: BTreeSet<_> = heading(&entry.text).map(words).into_iter().flatten().collect();
        let found: Vec<_> = terms.iter().filter(|term| term.is_in(&said)).collect();
        if found.is_empty() {
            continue;
        }
        let weigh = |term: &&Term| {
            if term.is_in(&heading) { term.weight * IN_HEADING } else { term.weight }
        };
        let weight = found.iter().map(weigh).sum();
        let mut names: Vec<_> = found.iter().map(|term| term.name.clone()).collect();
        names.dedup();
        let gist = gist(&entry.text, &found);
        ranked.push((weight, Touching { entry, words: names, gist }));
    }
    // Stable: among equals, the order of the file.
    ranked.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    ranked.into_iter().map(|(_, touching)| touching).collect()
}

/// What is looked for, each weighed by how few entries have it.
fn terms(area: &Area, entries: &[(ChangelogEntry, BTreeSet<String>)]) -> Vec<Term> {
    let one = |word: &String| BTreeSet::from([word.clone()]);
    let topics = TOPICS.iter().map(|(name, words)| {
        ((*name).to_owned(), words.iter().map(|word| (*word).to_owned()).collect())
    });
    let own = area.words.iter().map(|word| (word.clone(), one(word)));
    // A topic that the failure itself speaks of is there twice: it counts twice.
    let mut terms: Vec<_> =
        topics.chain(own).map(|(name, words)| Term { name, words, weight: 0.0 }).collect();
    for term in &mut terms {
        let having = entries.iter().filter(|(_, said)| term.is_in(said)).count();
        term.weight = ratio(entries.len() + 1, having.max(1)).ln();
    }
    terms.sort_by(|a, b| a.name.cmp(&b.name));
    terms
}

fn ratio(all: usize, having: usize) -> f64 {
    let number = |count| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    number(all) / number(having)
}

/// What stands before the first colon, where that is a heading and no sentence.
fn heading(text: &str) -> Option<&str> {
    let (heading, _) = text.split_once(": ")?;
    (heading.chars().count() <= 60).then_some(heading)
}

fn is_of_the_workshop(text: &str) -> bool {
    let Some(heading) = heading(text) else { return false };
    let first = heading.split(['/', '(', '!', ' ']).next().unwrap_or_default();
    WORKSHOP.contains(&first.to_ascii_lowercase().as_str())
}

/// The words of a text as they are compared: small letters, no plural; of one
/// with a hyphen its longer parts as well.
fn words(text: &str) -> impl Iterator<Item = String> {
    let whole = text.split(|c: char| !(c.is_alphanumeric() || "-._".contains(c)));
    whole.map(|word| word.trim_matches(['-', '.', '_'])).filter(|word| !word.is_empty()).flat_map(
        |word| {
            let parts = word.split(['-', '.', '_']).filter(move |part| *part != word);
            let parts = parts.filter(|part| part.chars().count() > 3);
            std::iter::once(word).chain(parts).map(singular)
        },
    )
}

fn singular(word: &str) -> String {
    let small = word.to_lowercase();
    match small.strip_suffix('s') {
        Some(one) if one.len() > 3 && !one.ends_with('s') => one.to_owned(),
        _ => small,
    }
}

/// The heading and, of a long list of things, those around the one that says most.
fn gist(text: &str, terms: &[&Term]) -> String {
    if text.chars().count() <= GIST {
        return text.to_owned();
    }
    let (heading, body) = match heading(text) {
        Some(heading) => (format!("{heading}: "), &text[heading.len() + 2..]),
        None => (String::new(), text),
    };
    let room = GIST.saturating_sub(heading.chars().count());
    let clauses = clauses(body);
    let mut best = (0.0, 0);
    for (at, clause) in clauses.iter().enumerate() {
        let said: BTreeSet<_> = words(&body[clause.clone()]).collect();
        let weight: f64 = terms.iter().filter(|t| t.is_in(&said)).map(|t| t.weight).sum();
        if weight > best.0 {
            best = (weight, at);
        }
    }
    let (mut first, mut last) = (best.1, best.1);
    let length = |first: usize, last: usize| {
        body[clauses[first].start..clauses[last].end].trim().chars().count()
    };
    loop {
        if last + 1 < clauses.len() && length(first, last + 1) <= room {
            last += 1;
        } else if first > 0 && length(first - 1, last) <= room {
            first -= 1;
        } else {
            break;
        }
    }
    let shown = body[clauses[first].start..clauses[last].end].trim();
    let cut = shown.chars().count() > room;
    let mut shown: String = if cut { shown.chars().take(room).collect() } else { shown.to_owned() };
    if let Some(word) = shown.rfind(' ').filter(|_| cut) {
        shown.truncate(word);
    }
    let before = if first > 0 { "... " } else { "" };
    let after = if cut || last + 1 < clauses.len() { " ..." } else { "" };
    format!("{heading}{before}{}{after}", shown.trim_end().trim_end_matches([',', ';']))
}

/// Where the parts of a list are: up to a comma or semicolon that a space
/// follows, not inside brackets.
fn clauses(text: &str) -> Vec<Range<usize>> {
    let (mut clauses, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, c) in text.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' | ';' if depth == 0 && text[at + 1..].starts_with(' ') => {
                clauses.push(start..at + 1);
                start = at + 1;
            }
            _ => {}
        }
    }
    clauses.push(start..text.len());
    clauses
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries(texts: &[&str]) -> Vec<ChangelogEntry> {
        let release = "2026.6.1".parse().unwrap();
        let entry = |text: &&str| ChangelogEntry {
            release,
            section: None,
            text: (*text).to_owned(),
            issues: Vec::new(),
        };
        texts.iter().map(entry).collect()
    }

    fn found(texts: &[&str], failure: &[&str]) -> Vec<String> {
        let area = Area::of(failure.iter().copied());
        touching(entries(texts), &area).into_iter().map(|t| t.entry.text).collect()
    }

    #[test]
    fn what_touches_the_failure_comes_first_and_what_touches_nothing_is_left_out() {
        let texts = [
            "Telegram: larger stickers.",
            "Gateway: list rooms faster.",
            "Gateway: open rooms faster.",
            "Agents: move the openai-codex routes to the new catalog.",
            "Release/CI: check the Codex login of the build machine.",
            "docs(auth): how to log in.",
        ];
        let failure = ["unknown-model", "Unknown model: openai-codex/gpt-5.5"];
        assert_eq!(found(&texts, &failure), [texts[3], texts[1], texts[2]]);
        assert_eq!(found(&texts, &[])[0], texts[3], "rarer words weigh more");
        assert_eq!(found(&texts[..1], &["stickers stay small"]), texts[..1]);
    }

    #[test]
    fn plurals_and_parts_of_words_are_found_and_parts_of_other_words_are_not() {
        assert_eq!(
            found(&["Providers: more.", "A providential change.", "Add author."], &[]),
            ["Providers: more."]
        );
        let touching = touching(entries(&["Fix the OpenAI-Codex OAuth login."]), &Area::default());
        assert_eq!(touching[0].words, ["auth", "codex"]);
    }

    #[test]
    fn neither_versions_nor_empty_words_of_a_failure_are_looked_for() {
        let area = Area::of(["the release 2026.6.1 could not 42", "turn/completed"]);
        assert_eq!(area.words.into_iter().collect::<Vec<_>>(), ["completed", "turn"]);
    }

    #[test]
    fn of_a_long_list_the_part_that_says_most_is_shown() {
        let filler = "keep one more thing (with, commas) steady";
        let text = format!(
            "Agents: {filler}, {filler}, move the Codex login, {filler}, {filler}, {filler}."
        );
        let touching = touching(entries(&[&text]), &Area::default());
        let gist = &touching[0].gist;
        assert!(gist.starts_with("Agents: ... "), "{gist}");
        assert!(gist.contains("move the Codex login") && gist.ends_with(" ..."), "{gist}");
    }

    proptest! {
        #[test]
        fn a_gist_is_short_and_every_entry_of_a_topic_is_found(
            text in "[a-z ,;:()é]{0,400}", at in 0usize..2
        ) {
            let text = if at == 0 { format!("codex {text}") } else { format!("{text} codex") };
            let touching = touching(entries(&[&text]), &Area::default());
            if !is_of_the_workshop(&text) {
                prop_assert_eq!(touching.len(), 1);
                prop_assert!(touching[0].gist.chars().count() <= GIST + 70);
            }
        }
    }
}
