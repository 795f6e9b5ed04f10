//! What a failure is in, where the line that shows it is not the turn's.

use crate::catalogue::{FailureKind, Signature, Subject};
use crate::transcript::Line;

/// Whether a failure in this part is one of the turn: it can be why nobody answers.
pub(super) fn is_of_the_turn(subject: Subject) -> bool {
    !matches!(subject, Subject::Tool | Subject::Channel | Subject::Plugin)
}

/// Whose a failure is in this line, where it is not what its signature says.
pub(super) fn another_owner(
    signature: &Signature,
    line: &Line,
    whose: Option<Subject>,
) -> Option<Subject> {
    // A database, a disk or a conversation is what it is, whoever tells of it.
    let may_be_anothers = match signature.subject {
        Subject::Route | Subject::Account | Subject::Service => true,
        Subject::Machine => signature.is_of_a_network(),
        _ => false,
    };
    let whose = whose.filter(|whose| !is_of_the_turn(*whose));
    let of_a_tool = || signature.is_of_a_network() && line.names_another_host();
    may_be_anothers.then(|| whose.or_else(|| of_a_tool().then_some(Subject::Tool))).flatten()
}

/// The signature as it is meant of another owner: a tool's network is not the route's, a
/// channel's login is not OpenAI's, another plugin's pairing is no release's fault.
pub(super) fn assigned(signature: &Signature, owner: Option<Subject>) -> Signature {
    let mut assigned = signature.clone();
    match owner {
        Some(Subject::Tool) => of_a_tool(&mut assigned),
        Some(owner) => of_a_plugin(&mut assigned, owner),
        None => {}
    }
    assigned
}

fn of_a_tool(signature: &mut Signature) {
    signature.kind = FailureKind::Cosmetic;
    signature.subject = Subject::Tool;
    "a tool failed, and not the agent".clone_into(&mut signature.title);
    signature.meaning = Some(
        "The line is a tool's, of another host than OpenAI's. The route is not judged by it."
            .to_owned(),
    );
    let remedy = "look at what this tool reaches for: its host, its key, the network; the release has no part in it";
    signature.remedy = Some(remedy.to_owned());
    signature.commands.clear();
    signature.trials.clear();
}

fn of_a_plugin(signature: &mut Signature, subject: Subject) {
    let pairing = matches!(signature.kind, FailureKind::Release | FailureKind::Route);
    signature.subject = subject;
    signature.trials.clear();
    let whose = if subject == Subject::Channel { "a channel" } else { "a plugin" };
    signature.title = match (pairing, signature.kind) {
        (true, _) => format!("{whose} and the core do not fit together"),
        (_, FailureKind::Account) => format!("{whose} has its own login or limit refused"),
        _ => format!("{whose} does not reach its host"),
    };
    if pairing {
        signature.kind = FailureKind::Incomplete;
        signature.meaning = Some(
            "This plugin comes from another release than the core. The model's route has no part in it."
                .to_owned(),
        );
        signature.remedy =
            Some("bring this plugin to the core's release, and start the Gateway again".to_owned());
        signature.commands =
            ["openclaw plugins update --all", "openclaw gateway restart"].map(str::to_owned).into();
        return;
    }
    signature.meaning =
        Some("The line is not the model's route's, and does not judge it.".to_owned());
    let (remedy, command) = match subject {
        Subject::Channel => {
            ("look at this channel: its token, its network", "openclaw channels status --probe")
        }
        _ => ("look at this plugin: its key, its network", "openclaw plugins list"),
    };
    signature.remedy = Some(remedy.to_owned());
    signature.commands = vec![command.to_owned()];
}
