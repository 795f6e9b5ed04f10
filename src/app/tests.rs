//! Requests and their results, without a command line and without a process.

use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::SignedDuration;

use super::AppError;
use super::bisect::{BisectAim, BisectRequest, ResumeRequest, SearchRequest, bisect, resume};
use super::check::{CheckExtras, CheckRequest, check};
use super::context::{Context, Watching};
use super::diagnose::{DiagnoseRequest, Follower, ReadLog, diagnose};
use super::pin::pins;
use super::question::QuestionRequest;
use super::upstream::{UpstreamChoice, UpstreamRequest};
use crate::diagnose::LogFinding;
use crate::env::Environment;
use crate::event::{Event, Events, SystemClock};
use crate::explain::Class;
use crate::paths::Directories;
use crate::question::{AskBy, Lender, Probe, Require, Through, Upgrade, Upstream};

/// A machine on which nothing is: no npm, no Node, no OpenClaw.
struct EmptyMachine {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
    told: Arc<Mutex<Vec<Event>>>,
    environment: Environment,
}

impl EmptyMachine {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let environment = Environment::default().with("HOME", root.join("home"));
        Self { _guard: guard, root, told: Arc::default(), environment }
    }

    fn context(&self) -> Context {
        let told = Arc::clone(&self.told);
        let directories = Directories {
            cache: self.root.join("cache"),
            state: self.root.join("state"),
            config: self.root.join("config"),
            home: self.root.join("home"),
        };
        let watching = Watching {
            events: Events::to(move |event| told.lock().unwrap().push(event.event)),
            clock: Arc::new(SystemClock::start()),
            show_log: None,
        };
        Context::new(self.environment.clone(), directories, self.root.clone(), None, watching)
    }

    fn write(&self, file: &str, text: &str) {
        let file = self.root.join(file);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, text).unwrap();
    }

    fn notes(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let texts = told.iter().filter_map(|event| match event {
            Event::Note { text } | Event::Warning { text } => Some(text.clone()),
            _ => None,
        });
        texts.collect()
    }
}

fn question() -> QuestionRequest {
    QuestionRequest {
        routes: Vec::new(),
        require: Require::All,
        ask: AskBy::Probe(Probe::Text),
        through: Through::Local,
        config: None,
        upgrade: Upgrade::AsIs,
        open_install: Vec::new(),
        unenclosed: false,
        upstream: UpstreamRequest::default(),
        timeout_s: 120,
        reply: "OK".to_owned(),
    }
}

async fn prepared(machine: &EmptyMachine, request: &QuestionRequest) -> Result<String, AppError> {
    let needed = SignedDuration::from_mins(1);
    let prepared = request.prepare(&machine.context(), needed, None).await?;
    let routes: Vec<_> = prepared.question.routes.iter().map(ToString::to_string).collect();
    Ok(format!("{} by {}", routes.join(", "), prepared.question.upstream.word()))
}

#[tokio::test]
async fn without_a_config_and_a_login_the_most_usual_route_is_asked_through_the_loopback() {
    let machine = EmptyMachine::new();
    assert_eq!(prepared(&machine, &question()).await.unwrap(), "openai-codex/gpt-5.5 by loopback");
}

#[tokio::test]
async fn the_route_of_a_config_that_is_carried_over_is_asked() {
    let machine = EmptyMachine::new();
    machine.write("mine.json", "{agents: {defaults: {model: 'openai/gpt-5.5'}}} // JSON5");
    let request = QuestionRequest { config: Some("mine.json".into()), ..question() };
    assert_eq!(prepared(&machine, &request).await.unwrap(), "openai/gpt-5.5 by loopback");
}

#[tokio::test]
async fn a_config_that_cannot_be_read_is_an_error_with_its_line() {
    let machine = EmptyMachine::new();
    machine.write("mine.json", "{\n  agents: {\n");
    let request = QuestionRequest { config: Some("mine.json".into()), ..question() };
    let error = prepared(&machine, &request).await.unwrap_err().to_string();
    assert!(error.contains("mine.json") && error.contains(":3"), "{error}");
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_a_usage_error_that_names_what() {
    let machine = EmptyMachine::new();
    let route = || "openai/gpt-5.5".parse().unwrap();
    let upstream = |choice, relay| UpstreamRequest { choice, relay, ..UpstreamRequest::default() };
    let key = Some("NOBODYS_KEY".to_owned());
    let cases = [
        (QuestionRequest { routes: vec![route(), route()], ..question() }, "is given twice"),
        (QuestionRequest { reply: "a\nb".to_owned(), ..question() }, "--reply takes one line"),
        (QuestionRequest { ask: AskBy::Command(" ".to_owned()), ..question() }, "takes a command"),
        (
            QuestionRequest {
                ask: AskBy::Command("ask --token sk-madeup0123456789".to_owned()),
                ..question()
            },
            "--exec holds a secret: `ask --token [token]`",
        ),
        (
            QuestionRequest { upstream: upstream(UpstreamChoice::Loopback, true), ..question() },
            "are for --upstream live",
        ),
        (
            QuestionRequest {
                ask: AskBy::Probe(Probe::Tool),
                upstream: upstream(UpstreamChoice::Live, false),
                ..question()
            },
            "--probe tool wants --upstream loopback",
        ),
        (
            QuestionRequest {
                upstream: UpstreamRequest { api_key_env: key, ..UpstreamRequest::default() },
                ..question()
            },
            "NOBODYS_KEY is not set",
        ),
    ];
    for (request, says) in cases {
        let error = prepared(&machine, &request).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(error.class(), Class::Usage, "{error}");
    }
}

#[tokio::test]
async fn a_login_that_is_asked_for_and_is_not_there_is_no_fault_of_the_command_line() {
    let machine = EmptyMachine::new();
    let upstream = UpstreamRequest { choice: UpstreamChoice::Live, ..UpstreamRequest::default() };
    let request = QuestionRequest { upstream, ..question() };
    let error = prepared(&machine, &request).await.unwrap_err();
    assert!(error.to_string().contains("there is no OpenClaw state in"), "{error}");
    assert_eq!(error.class(), Class::Infrastructure);
    assert!(error.hint().unwrap().contains("codexpin login"));
}

#[tokio::test]
async fn an_api_key_is_named_and_never_shown() {
    let mut machine = EmptyMachine::new();
    machine.environment = machine.environment.clone().with("MY_KEY", "sk-madeup0123456789");
    let upstream =
        UpstreamRequest { api_key_env: Some("MY_KEY".to_owned()), ..UpstreamRequest::default() };
    let request = QuestionRequest { upstream, ..question() };
    let needed = SignedDuration::from_mins(1);
    let prepared = request.prepare(&machine.context(), needed, None).await.unwrap();
    let Upstream::Live(lending) = &prepared.question.upstream else { panic!("{prepared:?}") };
    assert_eq!((lending.lender, lending.profile.as_str()), (Lender::ApiKey, "MY_KEY"));
    assert!(!format!("{prepared:?}").contains("madeup"), "{prepared:?}");
}

#[tokio::test]
async fn a_reply_with_a_secret_is_masked_and_that_is_told() {
    let machine = EmptyMachine::new();
    let reply = "sk-madeup0123456789".to_owned();
    prepared(&machine, &QuestionRequest { reply, ..question() }).await.unwrap();
    assert_eq!(machine.notes(), ["--reply is masked: the agent is asked for `[token]`"]);
}

#[tokio::test]
async fn an_end_that_names_no_release_is_refused_before_anything_is_looked_for() {
    let machine = EmptyMachine::new();
    let request = CheckRequest {
        version: Some("2026-5-18".to_owned()),
        question: question(),
        extras: CheckExtras::default(),
    };
    let error = check(&machine.context(), request).await.unwrap_err();
    assert_eq!(error.class(), Class::Usage, "{error}");
    assert!(error.hint().unwrap().contains("2026-05-18"), "{:?}", error.hint());

    let request = BisectRequest {
        good: Some("2026.5.18".to_owned()),
        bad: Some("what is this".to_owned()),
        aim: BisectAim::FirstBad { forward: true },
        betas: false,
        question: question(),
        pin_file: "known-good.toml".into(),
        carry_state: false,
        search: SearchRequest::default(),
        fresh: false,
    };
    let error = bisect(&machine.context(), request).await.unwrap_err();
    assert!(error.to_string().contains("what is this"), "{error}");
    assert!(!machine.root.join("state").exists(), "no session was begun");
}

#[tokio::test]
async fn there_is_nothing_to_go_on_with_where_nothing_was_interrupted() {
    let machine = EmptyMachine::new();
    let error = resume(&machine.context(), ResumeRequest::default()).await.unwrap_err();
    assert!(error.to_string().contains("no unfinished session"), "{error}");
    let named = ResumeRequest { session: Some("nonesuch".to_owned()), ..ResumeRequest::default() };
    let error = resume(&machine.context(), named).await.unwrap_err();
    assert!(error.to_string().contains("nonesuch"), "{error}");
}

#[test]
fn a_pin_file_is_looked_for_where_codexpin_was_started() {
    let machine = EmptyMachine::new();
    let error = pins(&machine.context(), Utf8Path::new("known-good.toml")).unwrap_err();
    assert!(error.to_string().contains(machine.root.join("known-good.toml").as_str()), "{error}");
}

#[derive(Default)]
struct Heard(Vec<String>);

impl Follower for Heard {
    fn begun(&mut self, log: &ReadLog) {
        self.0.push(format!("{}: {} findings", log.name, log.diagnosis.findings.len()));
    }

    fn came(&mut self, finding: &LogFinding, times: u64) {
        self.0.push(format!("{} {times}", finding.signature.id));
    }
}

const UNKNOWN_MODEL: &str = "2026-05-19T12:00:00.000Z error Unknown model: openai-codex/gpt-5.5\n";

#[tokio::test]
async fn a_log_is_read_by_its_name_from_where_codexpin_was_started() {
    let machine = EmptyMachine::new();
    machine.write("gateway.log", UNKNOWN_MODEL);
    let request = DiagnoseRequest {
        file: Some("gateway.log".into()),
        since: None,
        follow: false,
        pin_file: "known-good.toml".into(),
    };
    let log = diagnose(&machine.context(), &request, &mut Heard::default()).await.unwrap();
    assert_eq!(log.name, "gateway.log");
    assert_eq!(log.diagnosis.main().unwrap().signature.id, "unknown-model");

    let request = DiagnoseRequest { since: Some("yesterday".to_owned()), ..request };
    let error = diagnose(&machine.context(), &request, &mut Heard::default()).await.unwrap_err();
    assert_eq!(error.class(), Class::Usage, "{error}");
}

#[tokio::test]
async fn a_followed_log_tells_what_was_in_it_and_ends_when_codexpin_is_stopped() {
    let machine = EmptyMachine::new();
    machine.write("gateway.log", UNKNOWN_MODEL);
    let context = machine.context();
    context.stop.cancel();
    let request = DiagnoseRequest {
        file: Some("gateway.log".into()),
        since: None,
        follow: true,
        pin_file: "known-good.toml".into(),
    };
    let mut heard = Heard::default();
    diagnose(&context, &request, &mut heard).await.unwrap();
    assert_eq!(heard.0.len(), 1, "{:?}", heard.0);
}
