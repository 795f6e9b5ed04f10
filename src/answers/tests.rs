#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::observation::sample;
use crate::process::Limit;
use crate::question::{AskBy, Fault, Lender, Lending, Question, StateCarry, Variation};
use crate::release::pairing::Candidate;

/// What a candidate is asked.
struct Job {
    candidate: Candidate,
    question: Question,
    variation: Variation,
}

struct Kept {
    directory: tempfile::TempDir,
}

impl Kept {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    fn store(&self) -> AnswerStore {
        AnswerStore::new(self.path().join("answers"), Catalogue::built_in())
    }
}

fn job() -> Job {
    let candidate = Candidate {
        core: "2026.5.18".parse().unwrap(),
        core_integrity: Some("sha512-made-up".to_owned()),
        node: None,
        plugin: None,
    };
    let question = Question::text_through(vec!["openai-codex/gpt-5.5".parse().unwrap()]);
    Job { candidate, question, variation: Variation::default() }
}

fn asked_with(content: &str) -> AskedWith {
    let (content, node) = (content.to_owned(), "22.23.3".to_owned());
    AskedWith { content, node, ..AskedWith::default() }
}

fn key_with(job: &Job, asked: AskedWith) -> Option<AnswerKey> {
    AnswerKey::of(&job.candidate, &job.question, &job.variation, asked)
}

fn key(job: &Job) -> AnswerKey {
    key_with(job, asked_with("one")).unwrap()
}

fn now() -> Timestamp {
    sample::good().started + SignedDuration::from_mins(5)
}

#[test]
fn what_was_seen_is_found_by_the_same_question_alone() {
    let kept = Kept::new();
    let store = kept.store();
    let seen = vec![sample::good()];
    store.keep(&key(&job()), &seen).unwrap();
    assert_eq!(store.find(&key(&job()), now()), Some(seen));

    let with = |change: fn(&mut Job)| {
        let mut other = job();
        change(&mut other);
        key(&other)
    };
    let others = [
        key_with(&job(), asked_with("two")).unwrap(),
        key_with(&job(), AskedWith { node: "24.1.0".to_owned(), ..asked_with("one") }).unwrap(),
        key_with(&job(), AskedWith { config: Some("a".to_owned()), ..asked_with("one") }).unwrap(),
        key_with(&job(), AskedWith { account: Some("b".to_owned()), ..asked_with("one") }).unwrap(),
        with(|job| job.question.timeout_s = 60),
        with(|job| job.question.reply = "YES".to_owned()),
        with(|job| job.question.routes = vec!["openai/gpt-5.5".parse().unwrap()]),
        with(|job| job.candidate.core_integrity = Some("sha512-other".to_owned())),
        with(|job| job.candidate.core = "2026.5.19".parse().unwrap()),
    ];
    for other in others {
        assert_eq!(store.find(&other, now()), None, "{other:?}");
    }
}

#[test]
fn what_more_decides_than_can_be_named_has_no_key() {
    let changes: [fn(&mut Job); 4] = [
        |job| job.question.ask = AskBy::Command("./ask".to_owned()),
        |job| job.question.carry_state = true,
        |job| job.variation.fault = Some(Fault::UsageLimit),
        |job| {
            let state = StateCarry::RestoreFrom("/state".into());
            job.variation = Variation { state, ..Variation::default() };
        },
    ];
    for change in changes {
        let mut job = job();
        change(&mut job);
        assert_eq!(key_with(&job, asked_with("one")), None);
    }
}

#[test]
fn trouble_of_the_machine_and_limits_are_no_answers() {
    let kept = Kept::new();
    let store = kept.store();
    let no_answers = [
        sample::failed("Error: ENOSPC: no space left on device, write"),
        Observation { ending: AgentEnding::TimedOut, reply: None, ..sample::good() },
        Observation { ending: AgentEnding::Limited(Limit::Processes(9)), ..sample::good() },
        Observation {
            enclosure: Isolation::ProxySettings { why: "no namespaces".to_owned() },
            ..sample::good()
        },
    ];
    for seen in no_answers {
        store.keep(&key(&job()), std::slice::from_ref(&seen)).unwrap();
        assert_eq!(store.find(&key(&job()), now()), None, "{seen:?}");
    }
    let failed = vec![sample::failed("FailoverError: Unknown model: x")];
    store.keep(&key(&job()), &failed).unwrap();
    assert_eq!(store.find(&key(&job()), now()), Some(failed));
}

#[test]
fn what_a_service_answered_counts_for_a_day_and_what_is_of_tomorrow_never() {
    let kept = Kept::new();
    let store = kept.store();
    let mut live = job();
    let profile = "openai-codex:default".to_owned();
    live.question.upstream = Upstream::Live(Lending { lender: Lender::Own, profile, relay: false });
    for (job, after_two_days) in [(job(), true), (live, false)] {
        let (key, seen) = (key(&job), vec![sample::good()]);
        store.keep(&key, &seen).unwrap();
        let found = |at: Timestamp| store.find(&key, at).is_some();
        assert!(found(now()));
        assert_eq!(found(now() + SignedDuration::from_hours(48)), after_two_days);
        assert!(!found(now() - SignedDuration::from_hours(1)));
    }
}

#[test]
fn one_answer_speaks_once_in_a_session_and_not_for_what_the_session_asked_itself() {
    let kept = Kept::new();
    let seen = vec![sample::good()];
    kept.store().keep(&key(&job()), &seen).unwrap();
    let first_of = |known: KnownAnswers| {
        let first = known.of_first_ask(&key(&job()));
        assert_eq!(known.of_first_ask(&key(&job())), None, "the second time it is asked itself");
        first
    };
    assert_eq!(first_of(KnownAnswers::used_again(kept.store(), [])), Some(seen));
    assert_eq!(first_of(KnownAnswers::used_again(kept.store(), [job().candidate.core])), None);
    assert_eq!(first_of(KnownAnswers::only_kept(kept.store())), None);
}

#[test]
fn a_damaged_answer_is_none_and_is_written_anew() {
    let kept = Kept::new();
    let store = kept.store();
    let (key, seen) = (key(&job()), vec![sample::good()]);
    store.keep(&key, &seen).unwrap();
    let path = files(&kept.path().join("answers")).remove(0);
    let whole = fs::read(&path).unwrap();
    let cuts = (0..whole.len()).step_by(whole.len() / 50);
    let older = String::from_utf8_lossy(&whole).replacen("\"format\":1", "\"format\":0", 1);
    for damaged in cuts.map(|at| whole[..at].to_vec()).chain([older.into_bytes()]) {
        fs::write(&path, damaged).unwrap();
        assert_eq!(store.find(&key, now()), None);
    }
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
    assert_eq!(store.find(&key, now()), None);
    store.keep(&key, &seen).unwrap();
    assert_eq!(store.find(&key, now()), Some(seen));
}

#[test]
fn the_oldest_answers_are_forgotten_first() {
    let kept = Kept::new();
    let store = kept.store();
    store.keep(&key(&job()), &[sample::good()]).unwrap();
    let answers = kept.path().join("answers");
    let old = std::time::SystemTime::UNIX_EPOCH;
    for number in 0..MOST {
        let file = fs::File::create(answers.join(format!("{number}.jsonl"))).unwrap();
        file.set_modified(old + std::time::Duration::from_secs(number as u64)).unwrap();
    }
    store.keep(&key(&job()), &[sample::good()]).unwrap();
    assert_eq!(files(&answers).len(), MOST);
    assert!(!answers.join("0.jsonl").exists() && answers.join("1.jsonl").exists());
    assert!(store.find(&key(&job()), now()).is_some());
}
