//! The options of a command that ask a question again as it was asked.

use camino::Utf8Path;

use crate::question::{AskBy, Probe, Question, Require, Through, Upgrade, Upstream};

/// The options, each with a space before it. `name` is how a config file is named: a path
/// says more than who reads an issue may know.
pub(super) fn of(question: &Question, name: fn(&Utf8Path) -> Option<&str>) -> String {
    let mut words = String::new();
    let mut add = |word: String| {
        words.push(' ');
        words.push_str(&word);
    };
    for route in &question.routes {
        add(format!("--route {route}"));
    }
    if question.require == Require::Any {
        add("--require any".to_owned());
    }
    match &question.ask {
        AskBy::Probe(Probe::Text) => {}
        AskBy::Probe(probe) => add(format!("--probe {probe}")),
        AskBy::Command(command) => add(format!("--exec '{}'", command.replace('\'', r"'\''"))),
    }
    if question.through == Through::Gateway {
        add("--through gateway".to_owned());
    }
    if let Some(config) = &question.config {
        add(format!("--config {}", name(config).unwrap_or("openclaw.json")));
    }
    if question.upgrade == Upgrade::Doctor {
        add("--upgrade doctor".to_owned());
    }
    for host in &question.open_install {
        add(format!("--open-install {host}"));
    }
    if question.unenclosed {
        add("--unenclosed".to_owned());
    }
    match &question.upstream {
        Upstream::Loopback => add("--upstream loopback".to_owned()),
        Upstream::Live(lending) if lending.relay => add("--upstream live --relay".to_owned()),
        Upstream::Live(_) => add("--upstream live".to_owned()),
        Upstream::Installation => {}
    }
    let usual = Question::text_through(Vec::new());
    if question.timeout_s != usual.timeout_s {
        add(format!("--timeout {}", question.timeout_s));
    }
    if question.reply != usual.reply && question.ask.command().is_none() {
        add(format!("--reply '{}'", question.reply.replace('\'', r"'\''")));
    }
    words
}

/// The same for a command that is typed on this machine.
pub(super) fn here(question: &Question) -> String {
    of(question, |config| Some(config.as_str()))
}
