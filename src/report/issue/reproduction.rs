//! How to see it again: with codexpin, and by hand.

use std::fmt::Write as _;

use camino::Utf8Path;

use super::super::markdown::{code, fence};
use super::super::options;
use super::Issue;
use crate::question::{Question, Through, Upgrade, Upstream};
use crate::release::PackageName;
use crate::release::pairing::Candidate;
use crate::route::Route;

/// The section.
pub(super) fn section(issue: &Issue<'_>) -> String {
    let question = issue.question();
    let (good, bad) = issue.session.ends();
    let words = options::of(question, Utf8Path::file_name);
    let check = |at: Option<usize>, what: &str| {
        Some(format!("codexpin check {}{words}    # {what}", issue.candidate(at?).core))
    };
    let checks: Vec<_> =
        [check(good, "answers"), check(bad, "does not")].into_iter().flatten().collect();
    let mut text = String::new();
    if !checks.is_empty() {
        if question.upstream == Upstream::Loopback {
            text.push_str("No account is needed. ");
        }
        text.push_str("Each command installs the release into a directory of its own:\n\n");
        text.push_str(&fence("sh", &checks.join("\n")));
        if question.carry_state {
            text.push_str(
                "\nIn the search, each release met the state that the good end had left: ",
            );
            let _ = writeln!(text, "{}.", code(&bisect(issue, &words)));
        }
    }
    if let (Some(at), None) = (bad.or(good), question.ask.command()) {
        text.push_str("\nBy hand:\n\n");
        text.push_str(&fence("sh", &by_hand(issue.candidate(at), question)));
    }
    text
}

fn bisect(issue: &Issue<'_>, words: &str) -> String {
    let line = &issue.session.request.line;
    let ends = [line.first(), line.last()].into_iter().flatten();
    let ends: Vec<_> = ends.map(|candidate| candidate.core.to_string()).collect();
    format!("codexpin bisect {} --carry-state{words}", ends.join(" "))
}

/// What a check does, for who has no codexpin at hand or does not want it to.
fn by_hand(candidate: &Candidate, question: &Question) -> String {
    let mut packages = format!("openclaw@{}", candidate.core);
    if let Some(plugin) = &candidate.plugin {
        let _ = write!(packages, " {}@{}", PackageName::PLUGIN, plugin.version);
    }
    let route = question.routes.first().map(Route::model_id).unwrap_or_default();
    let mut lines = vec![
        format!("npm install --prefix ./repro {packages} --no-audit --no-fund --omit=dev"),
        "export OPENCLAW_STATE_DIR=$PWD/repro/state OPENCLAW_NO_AUTO_UPDATE=1".to_owned(),
        format!(
            "# its openclaw.json: agents.defaults.model = {{ \"primary\": \"{route}\", \"fallbacks\": [] }}"
        ),
    ];
    lines.push(match &question.upstream {
        Upstream::Loopback => {
            "# in another shell, `codexpin loopback` tells what to export; any login of the right form will do".to_owned()
        }
        _ => "# and a login of your own for that provider".to_owned(),
    });
    let openclaw = "./repro/node_modules/.bin/openclaw";
    if question.upgrade == Upgrade::Doctor {
        lines.push(format!("{openclaw} doctor --fix --non-interactive"));
    }
    let local = match question.through {
        Through::Local => " --local",
        Through::Gateway => {
            lines.push(format!("{openclaw} gateway run &"));
            ""
        }
    };
    lines.push(format!(
        "{openclaw} agent{local} --agent main --session-id repro --message 'Reply exactly: {}' --timeout {} --json",
        question.reply.replace('\'', r"'\''"),
        question.timeout_s
    ));
    lines.join("\n")
}
