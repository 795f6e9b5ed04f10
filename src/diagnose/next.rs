//! What to do next: by what failed, whose it is, and what the machine has.

use serde::Serialize;

use super::{Diagnosis, LogFinding, UnknownFailure};
use crate::catalogue::{FailureKind, Subject};
use crate::release::Version;

/// What there is to go back to, and to go on from.
#[derive(Debug, Clone, Copy, Default)]
pub struct OnHand {
    /// The installed release.
    pub installed: Option<Version>,
    /// The release of the pin file, where it is another one.
    pub pinned: Option<Version>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NextStep {
    /// In words.
    pub say: String,
    /// As it is typed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub run: Vec<String>,
}

impl NextStep {
    fn new(say: impl Into<String>, run: &[&str]) -> Self {
        Self { say: say.into(), run: run.iter().map(|&command| command.to_owned()).collect() }
    }
}

/// What helps against what a log shows first.
pub fn steps(diagnosis: &Diagnosis, hand: &OnHand) -> Vec<NextStep> {
    match (diagnosis.main(), &diagnosis.unknown) {
        (Some(main), _) => of_finding(main, diagnosis, hand),
        (None, Some(unknown)) => of_unknown(unknown),
        (None, None) => {
            let noise = diagnosis.findings.first();
            let remedy = noise.and_then(|finding| finding.signature.remedy.clone());
            remedy.map(|remedy| NextStep::new(remedy, &[])).into_iter().collect()
        }
    }
}

fn of_finding(finding: &LogFinding, diagnosis: &Diagnosis, hand: &OnHand) -> Vec<NextStep> {
    let signature = &finding.signature;
    let running = diagnosis.release.as_ref().and_then(|release| release.parse().ok());
    let running: Option<Version> = running.or(hand.installed);
    let mut steps = Vec::new();
    let fixed: Option<Version> = signature.fixed.as_ref().and_then(|fixed| fixed.parse().ok());
    if let Some(fixed) = fixed.filter(|fixed| running.is_some_and(|running| running < *fixed)) {
        let say = format!("go forward to {fixed} or newer, which is said to be without it");
        steps.push(NextStep::new(say, &["openclaw update"]));
    }
    if let Some(remedy) = &signature.remedy {
        // Going back is a step of its own, with what there is to go back to.
        let back = |command: &&String| !command.starts_with("codexpin apply");
        let run = signature.commands.iter().filter(back).cloned().collect();
        steps.push(NextStep { say: remedy.clone(), run });
    }
    let answers = || NextStep::new("see whether the agent answers again", &["codexpin check live"]);
    match (signature.kind, signature.subject) {
        (FailureKind::Release | FailureKind::Route, _) => steps.push(back(hand)),
        (FailureKind::Outdated, _) => steps.push(NextStep::new(
            "neither a rollback nor a bisection helps: older releases meet the same",
            &[],
        )),
        (FailureKind::Incomplete, Subject::Channel | Subject::Plugin)
        | (FailureKind::State, _)
        | (_, Subject::Gateway | Subject::State | Subject::Updater) => {
            steps.push(NextStep::new("see what else is out of order here", &["codexpin doctor"]));
        }
        (FailureKind::Conversation, _) => steps.push(NextStep::new(
            "see whether a new conversation is answered: then nothing else is wrong",
            &["codexpin check live"],
        )),
        (FailureKind::Incomplete, _) => {
            steps.push(NextStep::new("see what belongs together here", &["codexpin doctor"]));
        }
        (_, Subject::Channel | Subject::Plugin | Subject::Tool) => {}
        (FailureKind::Account | FailureKind::Environment | FailureKind::Cosmetic, _) => {
            steps.push(answers());
        }
    }
    steps
}

/// The way back, or to it.
fn back(hand: &OnHand) -> NextStep {
    match hand.pinned {
        Some(pinned) if hand.installed == Some(pinned) => NextStep::new(
            format!("{pinned} is the pinned release: see whether it answers now"),
            &["codexpin check live"],
        ),
        Some(pinned) => {
            NextStep::new(format!("or go back to the pin {pinned}"), &["codexpin apply"])
        }
        None => NextStep::new(
            "or find the release where it began, and a pin to go back to",
            &["codexpin bisect GOOD installed"],
        ),
    }
}

fn of_unknown(unknown: &UnknownFailure) -> Vec<NextStep> {
    let doctor = NextStep::new("see whether the installation is sound", &["codexpin doctor"]);
    match unknown.subject {
        Subject::Gateway => vec![
            NextStep::new(
                "read what the Gateway wrote before it ended",
                &["journalctl --user -u openclaw-gateway -n 200", "openclaw gateway status --deep"],
            ),
            doctor,
        ],
        Subject::Channel => vec![NextStep::new(
            "look at this channel; the agent itself may be well",
            &["openclaw channels status --probe", "codexpin check live"],
        )],
        Subject::Plugin => vec![NextStep::new(
            "look at this plugin; the agent itself may be well",
            &["openclaw plugins list", "codexpin check live"],
        )],
        Subject::Tool => vec![NextStep::new(
            "look at what this tool reaches for; the agent itself may be well",
            &["codexpin check live"],
        )],
        Subject::Updater => vec![
            NextStep::new("ask the updater what it waits for", &["openclaw update status --json"]),
            doctor,
        ],
        _ => vec![
            NextStep::new("see whether the agent answers now", &["codexpin check live"]),
            doctor,
        ],
    }
}
