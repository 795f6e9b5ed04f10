//! The catalogue of known failures, for reading.

use std::fmt::Write as _;

use serde::Serialize;

use super::paint::Paint as _;
use super::{OutputForm, print_if_json, terminal};
use crate::catalogue::{FailureScope, Signature};

#[derive(Serialize)]
struct SignaturesJson<'a> {
    signatures: &'a [&'a Signature],
}

/// Prints them: a line each, or all of one.
pub fn print(signatures: &[&Signature], whole: bool, form: OutputForm) {
    if print_if_json(form, &SignaturesJson { signatures }) {
        return;
    }
    let text: String = signatures
        .iter()
        .map(|signature| if whole { details(signature) } else { line(signature) })
        .collect();
    terminal::print(text.trim_end());
}

fn line(signature: &Signature) -> String {
    let own = if signature.own { " (yours)" } else { "" };
    let kind = format!("{:<12}", signature.kind.word());
    format!("{:<24} {} {}{own}\n", signature.id, kind.dimmed(), signature.title)
}

fn details(signature: &Signature) -> String {
    let mut text = format!("{}: {}\n\n", signature.id.bold(), signature.title);
    let mut row = |name: &str, what: &str| {
        let _ = writeln!(text, "  {} {what}", format!("{name:<8}").dimmed());
    };
    row("kind", signature.kind.word());
    row("subject", signature.subject.word());
    if signature.scope == FailureScope::EveryCandidate {
        row("scope", "every candidate alike");
    }
    if let Some(meaning) = &signature.meaning {
        row("meaning", meaning);
    }
    if let Some(remedy) = &signature.remedy {
        row("remedy", remedy);
    }
    for command in &signature.commands {
        row("", command);
    }
    if !signature.issues.is_empty() {
        let issues: Vec<_> = signature.issues.iter().map(|issue| format!("#{issue}")).collect();
        row("issues", &issues.join(" "));
    }
    if let Some(releases) = &signature.releases {
        row("seen", releases);
    }
    if let Some(since) = &signature.since {
        row("since", since);
    }
    if let Some(fixed) = &signature.fixed {
        row("fixed", fixed);
    }
    if signature.own {
        row("from", "your own table");
    }
    text
}
