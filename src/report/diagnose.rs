//! What a log says, for a person at night: what happened, whose it is, the line that
//! shows it, and what to do now.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::paint::Paint as _;
use super::{OutputForm, counted, print_if_json, terminal};
use crate::catalogue::{FailureKind, Subject};
use crate::diagnose::next::{NextStep, OnHand, steps};
use crate::diagnose::{Diagnosis, LogFinding, Silence, UnknownFailure};

#[derive(Serialize)]
struct DiagnosisJson<'a> {
    log: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    main: Option<MainFinding<'a>>,
    next: Vec<NextStep>,
    #[serde(flatten)]
    diagnosis: &'a Diagnosis,
}

/// What to begin with.
#[derive(Serialize)]
struct MainFinding<'a> {
    id: &'a str,
    kind: FailureKind,
    subject: Subject,
}

/// What a diagnosis is told with.
#[derive(Debug, Clone, Copy)]
pub struct DiagnosisReport<'a> {
    /// What the log says.
    pub diagnosis: &'a Diagnosis,
    /// Where it was read.
    pub log: &'a str,
    /// What the machine has.
    pub hand: &'a OnHand,
    /// When it is told.
    pub now: Timestamp,
}

impl DiagnosisReport<'_> {
    /// Prints it.
    pub fn print(&self, form: OutputForm) {
        let main = self.diagnosis.main().map(|main| MainFinding {
            id: &main.signature.id,
            kind: main.signature.kind,
            subject: main.signature.subject,
        });
        let next = steps(self.diagnosis, self.hand);
        let json = DiagnosisJson { log: self.log, main, next, diagnosis: self.diagnosis };
        if print_if_json(form, &json) {
            return;
        }
        terminal::print(self.text().trim_end());
    }

    fn text(&self) -> String {
        let mut text = String::new();
        match (self.diagnosis.main(), &self.diagnosis.unknown) {
            (Some(main), unknown) => {
                self.findings(&mut text, main);
                if let Some(unknown) = unknown {
                    let quote = &unknown.quote;
                    let _ = writeln!(
                        text,
                        "\nalso without a name  {}  ({}:{})",
                        quote.text, self.log, quote.line
                    );
                }
            }
            (None, Some(unknown)) => self.unknown(&mut text, unknown),
            (None, None) => self.silence(&mut text),
        }
        self.noise(&mut text);
        next(&mut text, &steps(self.diagnosis, self.hand));
        if self.diagnosis.main().is_some() || self.diagnosis.unknown.is_some() {
            let _ = writeln!(text, "\n{} of {}", self.lines(), self.log);
        }
        text
    }

    fn lines(&self) -> String {
        let lines = usize::try_from(self.diagnosis.lines).unwrap_or(usize::MAX);
        counted(lines, "line", "lines")
    }

    fn findings(&self, text: &mut String, main: &LogFinding) {
        let diagnosis = self.diagnosis;
        let _ = writeln!(text, "{}\n{}", main.signature.title.bold(), whose(main));
        if let Some(answered) = diagnosis.answered.as_ref().filter(|_| diagnosis.is_over(main)) {
            let at = answered.at.map(|at| format!(" at {at:.0}")).unwrap_or_default();
            let _ = writeln!(
                text,
                "It is over: a turn was answered since{at} (line {}).",
                answered.line
            );
        }
        self.details(text, main, true);
        let others = diagnosis.findings.iter().filter(|finding| !finding.is_noise());
        let others = others.filter(|finding| {
            (&finding.signature.id, finding.signature.subject)
                != (&main.signature.id, main.signature.subject)
        });
        let (over, now): (Vec<_>, Vec<_>) = others.partition(|other| diagnosis.is_over(other));
        for finding in now {
            self.details(text, finding, false);
        }
        self.earlier(text, &over);
    }

    fn details(&self, text: &mut String, finding: &LogFinding, is_main: bool) {
        let LogFinding { signature, count, first, last, .. } = finding;
        let times = match (*count, last) {
            (1, _) => String::new(),
            (n, Some(last)) => format!(", {n} times, last at {last:.0}"),
            (n, None) => format!(", {n} times"),
        };
        let (kind, subject) = (signature.kind.word(), signature.subject.word());
        let whose = if kind == subject { kind.to_owned() } else { format!("{kind}, {subject}") };
        let _ = writeln!(text, "\n  {} ({whose}){times}", signature.id.bold());
        let _ = writeln!(text, "    {}  ({}:{})", first.text, self.log, first.line);
        if let Some(meaning) = &signature.meaning {
            let _ = writeln!(text, "    {meaning}");
        }
        // What helps against the first is told at the end.
        if let Some(advice) = signature.advice().filter(|_| !is_main) {
            let _ = writeln!(text, "    {advice}");
        }
        let mut known = Vec::new();
        if !signature.issues.is_empty() {
            let issues: Vec<_> = signature.issues.iter().map(|issue| format!("#{issue}")).collect();
            known.push(format!("openclaw issues {}", issues.join(" ")));
        }
        known.extend(signature.since.as_ref().map(|since| format!("since {since}")));
        known.extend(signature.fixed.as_ref().map(|fixed| format!("said to be mended in {fixed}")));
        known.extend(signature.releases.clone());
        if !known.is_empty() {
            let _ = writeln!(text, "    {}", known.join("; ").dimmed());
        }
    }

    fn earlier(&self, text: &mut String, over: &[&LogFinding]) {
        if !over.is_empty() {
            text.push('\n');
        }
        for LogFinding { signature, last, first, count, .. } in over {
            let last = last.map(|last| format!(", last at {last:.0}")).unwrap_or_default();
            let times = counted(usize::try_from(*count).unwrap_or(usize::MAX), "time", "times");
            let _ = writeln!(
                text,
                "earlier  {} ({}), {times}{last}  ({}:{})",
                signature.id,
                signature.kind.word(),
                self.log,
                first.line
            );
        }
    }

    fn unknown(&self, text: &mut String, unknown: &UnknownFailure) {
        let UnknownFailure { quote, subject, .. } = unknown;
        let _ = writeln!(text, "{}", "a failure that codexpin does not know".bold());
        let _ = writeln!(text, "{}", place(*subject));
        if self.diagnosis.answered_since(quote.line) {
            let _ = writeln!(text, "A turn was answered since.");
        }
        let _ = writeln!(text, "\n  {}  ({}:{})", quote.text, self.log, quote.line);
    }

    fn silence(&self, text: &mut String) {
        // What is noise may be a failure of something else's.
        let whose = if self.diagnosis.findings.is_empty() { "" } else { " of the agent" };
        let found = format!("no failure{whose} in {} of {}", self.lines(), self.log);
        let _ = writeln!(text, "{}", found.bold());
        match self.diagnosis.silence(self.now) {
            Silence::Tells => {}
            Silence::TooShort => {
                let _ = writeln!(
                    text,
                    "That is too short to tell: no turn ends in it. Take more of the log: `openclaw logs --limit 2000`, or codexpin diagnose --since 3d."
                );
            }
            Silence::TooOld(newest) => {
                let _ =
                    writeln!(text, "It ends at {newest:.0}: too old to tell what is wrong now.");
            }
        }
    }

    fn noise(&self, text: &mut String) {
        for finding in self.diagnosis.findings.iter().filter(|finding| finding.is_noise()) {
            let LogFinding { signature, first, .. } = finding;
            let place = format!("({}:{})", self.log, first.line);
            let _ = writeln!(text, "\nnoise {}  {place}\n  {}", signature.title, first.text);
        }
    }
}

/// Says that more will be told as it comes.
pub fn following(log: &str) {
    terminal::note(&format!("reading on in {log}; Ctrl-C ends"));
}

/// Tells of a failure that has just come.
pub fn came(finding: &LogFinding, times: u64) {
    let at = finding.last.map(|at| format!("{at:.0} ")).unwrap_or_default();
    let times = if times > 1 { format!(" ({times} times)") } else { String::new() };
    terminal::print(&format!(
        "{at}{}  {}{times}",
        finding.signature.id.bold(),
        finding.signature.title
    ));
}

fn next(text: &mut String, steps: &[NextStep]) {
    let mut head = "\nnext  ";
    for step in steps {
        let _ = writeln!(text, "{head}{}", step.say);
        for command in &step.run {
            let _ = writeln!(text, "        {command}");
        }
        head = "      ";
    }
}

fn whose(main: &LogFinding) -> &'static str {
    match (main.signature.kind, main.signature.subject) {
        (_, Subject::Channel) => {
            "It is a channel or its plugin; the model's route is not in question."
        }
        (_, Subject::Plugin) if main.signature.kind != FailureKind::Incomplete => {
            "It is another plugin; the model's route is not in question."
        }
        (_, Subject::Updater) => {
            "It is OpenClaw's updater, stopped half-way; no release is judged by it."
        }
        (FailureKind::Release, _) => "It is the release.",
        (FailureKind::Route, _) => "It is the route: a setting that this release does not take.",
        (FailureKind::Account, _) => "It is the account, and not a release.",
        (FailureKind::Environment, Subject::Service) => "It is OpenAI, and not a release.",
        (FailureKind::Environment, Subject::Gateway) => {
            "It is what the Gateway runs with here, and not a release."
        }
        (FailureKind::Environment, Subject::State) => {
            "It is who else uses the state on this machine, and not a release."
        }
        (FailureKind::Environment, _) => "It is this machine or its network, and not a release.",
        (FailureKind::Incomplete, _) => {
            "It is a piece that is not installed, or not of this release."
        }
        (FailureKind::State, _) => {
            "It is the state on disk, and not what the release does with a turn."
        }
        (FailureKind::Conversation, _) => {
            "It is this one conversation: not the release, not the login, not the other conversations."
        }
        (FailureKind::Outdated, _) => {
            "It is the client's age: OpenAI no longer takes it. Only going forward helps."
        }
        (FailureKind::Cosmetic, _) => "It is noise.",
    }
}

fn place(subject: Subject) -> &'static str {
    match subject {
        Subject::Gateway => "It is the Gateway's process; nothing says that a release is to blame.",
        Subject::Channel => "It is a channel or its plugin; the model's route is not in question.",
        Subject::Plugin => "It is another plugin; the model's route is not in question.",
        Subject::Tool => "It is a tool; the model's route is not in question.",
        Subject::Updater => "It is OpenClaw's updater.",
        _ => "Nothing says yet whose it is.",
    }
}

#[cfg(test)]
mod tests {
    use super::super::paint::unpainted;
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::diagnose::Scan;
    use crate::transcript::LogClock;

    fn of(log: &str) -> String {
        with(log, &OnHand::default())
    }

    fn with(log: &str, hand: &OnHand) -> String {
        let catalogue = Catalogue::built_in();
        let now: Timestamp = "2026-11-21T13:00:00Z".parse().unwrap();
        let mut scan = Scan::new(&catalogue, LogClock::utc(now), None);
        scan.feed(log.as_bytes());
        let diagnosis = &scan.end();
        let report = DiagnosisReport { diagnosis, log: "gateway.log", hand, now };
        unpainted(&report.text())
    }

    #[test]
    fn the_answer_comes_first_then_why_then_what_to_do() {
        insta::assert_snapshot!(of(
            "[gateway] ready\n2026-11-21T08:00:00Z duplicate plugin id: codex\n\
             2026-11-21T08:00:00Z [openai-transport] status=429 message=429 The usage limit has been reached\n\
             2026-11-21T08:00:01Z FailoverError: Unknown model: openai-codex/gpt-5.5\n\
             2026-11-21T08:30:01Z FailoverError: Unknown model: openai-codex/gpt-5.5\n"
        ));
    }

    #[test]
    fn what_was_over_an_hour_before_the_newest_failure_is_told_in_a_line() {
        insta::assert_snapshot!(of(
            "2026-11-21T08:00:00Z Error: getaddrinfo ENOTFOUND chatgpt.com\n\
             2026-11-21T12:00:01Z FailoverError: Unknown model: openai-codex/gpt-5.5\n"
        ));
    }

    #[test]
    fn nothing_and_the_unknown_are_told_apart() {
        insta::assert_snapshot!(of("[gateway] ready\n"));
        insta::assert_snapshot!(of("TypeError: x is not a function\n"));
        insta::assert_snapshot!(of(
            "2026-11-01T08:00:00Z [agent/embedded] embedded run agent end: runId=7 isError=false\n"
        ));
    }

    #[test]
    fn the_way_back_goes_to_what_there_is() {
        let log = "Codex stopped before confirming the turn was complete.\n";
        let pinned = "2026.5.18".parse().ok();
        let told = with(log, &OnHand { installed: "2026.5.19".parse().ok(), pinned });
        assert!(told.contains("or go back to the pin 2026.5.18\n        codexpin apply"), "{told}");
        assert!(of(log).contains("codexpin bisect GOOD installed"), "{}", of(log));
        let told = with(log, &OnHand { installed: pinned, pinned });
        assert!(!told.contains("codexpin apply"), "{told}");
    }

    #[test]
    fn what_a_turn_was_answered_after_is_told_as_over() {
        let told = of("2026-11-21T08:00:00Z Error: getaddrinfo ENOTFOUND chatgpt.com\n\
             2026-11-21T08:01:00Z [agent/embedded] embedded run agent end: runId=7 isError=false\n");
        assert!(told.contains("It is over: a turn was answered since"), "{told}");
    }
}
