use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::Barrier;

use super::*;
use crate::observation::{Observation, sample};
use crate::question::{Lender, Lending, Question, Upstream};
use crate::release::Version;
use crate::route::Route;
use crate::search::{Mark, Purpose, Reason};
use crate::verdict::SkipReason;
use journal::{JournalError, SessionRequest};
use summary::SessionSummary;

/// What a scripted candidate does each time that it is asked; the last one for good.
type Script = Vec<&'static str>;

/// A lab without npm: candidates do what their scripts say.
#[derive(Clone)]
struct ScriptedLab {
    scripts: Vec<Script>,
    asked: Arc<Mutex<Vec<Version>>>,
    installed: Arc<Mutex<Vec<Version>>>,
    fail_after: Option<usize>,
    /// So many checks have to be under way at once before the first of them ends.
    together: Arc<Barrier>,
    at_once: usize,
    /// How many checks are under way, and how many were at the most.
    under_way: Arc<Mutex<(usize, usize)>>,
}

impl ScriptedLab {
    fn of(scripts: &[Script]) -> Self {
        Self {
            scripts: scripts.to_vec(),
            asked: Arc::default(),
            installed: Arc::default(),
            fail_after: None,
            together: Arc::new(Barrier::new(1)),
            at_once: 1,
            under_way: Arc::default(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(ToString::to_string).collect()
    }

    fn script(&self, core: Version) -> &Script {
        let place: usize = core.to_string()[7..].parse().unwrap();
        &self.scripts[place - 1]
    }

    fn look(&self, core: Version) -> Result<Vec<Observation>, LabError> {
        let mut asked = self.asked.lock().unwrap();
        if self.fail_after.is_some_and(|limit| asked.len() >= limit) {
            return Err(LabError::Infrastructure("the disk is full".into()));
        }
        let times = asked.iter().filter(|known| **known == core).count();
        asked.push(core);
        let script = self.script(core);
        Ok(vec![observation(core, script[times.min(script.len() - 1)])])
    }
}

impl Lab for ScriptedLab {
    type Ready = Version;

    fn installers(&self) -> usize {
        1
    }

    async fn install(
        &self,
        job: &Job,
        _events: &Events,
        _stop: &CancellationToken,
    ) -> Result<Version, LabError> {
        let core = job.candidate.core;
        if self.script(core)[0] == "cannot be installed" {
            let why = "cssomnom is not in the registry (E404)".to_owned();
            return Err(SkipReason::CannotInstall { why }.into());
        }
        self.installed.lock().unwrap().push(core);
        Ok(core)
    }

    fn reused(_: &Version) -> bool {
        false
    }

    async fn check(
        &self,
        core: &Version,
        job: &Job,
        _logs: &Utf8Path,
        stop: &CancellationToken,
    ) -> Result<Vec<Observation>, LabError> {
        assert_eq!(job.candidate.core, *core);
        let is_early = {
            let mut under_way = self.under_way.lock().unwrap();
            let is_early = under_way.1 < self.at_once;
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
            is_early
        };
        let seen = self.look(*core);
        if is_early {
            tokio::select! {
                _ = self.together.wait() => {}
                () = stop.cancelled() => {}
            }
        }
        self.under_way.lock().unwrap().0 -= 1;
        if stop.is_cancelled() {
            return Err(LabError::Stopped);
        }
        seen
    }
}

fn observation(core: Version, stderr: &str) -> Observation {
    let seen = if stderr == "OK" { sample::good() } else { sample::failed(stderr) };
    Observation { core, ..seen }
}

const BAD: &str = "FailoverError: Unknown model: openai-codex/gpt-5.5";

fn scripts(text: &str) -> Vec<Script> {
    let script = |letter| match letter {
        'g' => vec!["OK"],
        'b' => vec![BAD],
        _ => vec!["cannot be installed"],
    };
    text.chars().map(script).collect()
}

struct Bench {
    _guard: tempfile::TempDir,
    sessions: Utf8PathBuf,
    line: Vec<Candidate>,
}

impl Bench {
    fn new(length: usize) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let sessions = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let candidate = |place: usize| Candidate {
            core: format!("2026.5.{}", place + 1).parse().unwrap(),
            core_integrity: None,
            node: None,
            plugin: None,
        };
        Self { _guard: guard, sessions, line: (0..length).map(candidate).collect() }
    }

    fn begin(&self) -> Journal {
        self.begin_with(Upstream::Loopback, false)
    }

    fn begin_live(&self) -> Journal {
        let profile = "openai-codex:default".to_owned();
        self.begin_with(
            Upstream::Live(Lending { lender: Lender::Own, profile, relay: false }),
            false,
        )
    }

    fn begin_with(&self, upstream: Upstream, any_failure: bool) -> Journal {
        let request = SessionRequest {
            question: Question { upstream, ..Question::text_through(vec![Route::of_most()]) },
            line: self.line.clone(),
            nodes: vec![None; self.line.len()],
            pin_file: "known-good.toml".into(),
            any_failure,
            max_turns: Some(7),
        };
        Journal::begin(&self.sessions, request, jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    async fn run(
        &self,
        lab: &ScriptedLab,
        journal: &mut Journal,
    ) -> Result<Conclusion, SessionError> {
        self.run_side_by_side(1, lab, journal).await
    }

    async fn run_side_by_side(
        &self,
        parallel: usize,
        lab: &ScriptedLab,
        journal: &mut Journal,
    ) -> Result<Conclusion, SessionError> {
        let events = Events::to(|_| ());
        let session = Session {
            lab,
            catalogue: &Catalogue::built_in(),
            events: &events,
            stop: &CancellationToken::new(),
            parallel,
        };
        run(&session, journal).await
    }
}

#[tokio::test]
async fn the_first_bad_candidate_is_found_and_every_check_is_in_the_journal() {
    let bench = Bench::new(9);
    let lab = ScriptedLab::of(&scripts("gggggbbbb"));
    let mut journal = bench.begin();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.asked(), ["2026.5.1", "2026.5.9", "2026.5.5", "2026.5.7", "2026.5.6"]);
    let id = journal.id().to_owned();
    drop(journal);
    let read = Journal::resume(&bench.sessions, Some(&id)).unwrap();
    assert_eq!(read.checks().len(), 5);
    let ids: Vec<_> = read.checks().iter().map(|check| check.ask.id).collect();
    assert_eq!(ids, [1, 2, 3, 4, 5]);
    assert_eq!(read.outcome(), Some(&conclusion.outcome));
    assert_eq!(journal::unfinished(&bench.sessions), [""; 0]);
}

#[tokio::test]
async fn a_resumed_session_repeats_no_check() {
    let bench = Bench::new(9);
    let mut lab = ScriptedLab::of(&scripts("gggggbbbb"));
    lab.fail_after = Some(3);
    let mut journal = bench.begin();
    let error = bench.run(&lab, &mut journal).await.unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
    drop(journal);

    lab.fail_after = None;
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    assert_eq!(lab.asked(), ["2026.5.1", "2026.5.9", "2026.5.5", "2026.5.7", "2026.5.6"]);
}

#[tokio::test]
async fn a_line_that_a_crash_cut_short_is_left_out_and_asked_again() {
    let bench = Bench::new(3);
    let lab = ScriptedLab::of(&scripts("gbb"));
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap();
    let path = journal.directory().join("journal.jsonl");
    drop(journal);
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().collect();
    // Begun and one check whole, the second check cut in the middle.
    let cut = format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..40]);
    std::fs::write(&path, cut).unwrap();
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    assert_eq!(journal.checks().len(), 1);
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 0, first_bad: 1 });
}

#[tokio::test]
async fn candidates_that_cannot_be_installed_give_a_range() {
    let bench = Bench::new(5);
    let lab = ScriptedLab::of(&scripts("gg-bb"));
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 1, first_bad: 3 });
}

#[tokio::test]
async fn a_failure_that_surprises_is_asked_once_more_and_a_known_one_is_not() {
    let bench = Bench::new(5);
    let mut script = scripts("ggggb");
    script[2] = vec!["TypeError: x is not a function", "OK"];
    let lab = ScriptedLab::of(&script);
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 3, first_bad: 4 });
    assert_eq!(lab.asked(), ["2026.5.1", "2026.5.5", "2026.5.3", "2026.5.3", "2026.5.4"]);
}

#[tokio::test]
async fn another_failure_on_the_way_is_a_skip_unless_any_failure_counts() {
    let bench = Bench::new(6);
    let mut script = scripts("ggbbbb");
    script[2] = vec!["Error [ERR_MODULE_NOT_FOUND]: no such file"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 1, first_bad: 3 });
    let third = conclusion.checks.iter().find(|c| c.place() == 2 && c.counts).unwrap();
    assert_eq!((third.purpose, third.mark()), (Purpose::Another, Mark::Skip));
    drop(journal);

    let mut journal = bench.begin_with(Upstream::Loopback, true);
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
}

#[tokio::test]
async fn two_unknown_failures_are_told_apart_by_what_they_say() {
    let bench = Bench::new(4);
    let mut script = scripts("gggg");
    script[2] = vec!["TypeError: x is not a function at /a/b.js:10"];
    script[3] = vec!["TypeError: y is not a function at /a/b.js:10"];
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Range { last_good: 1, first_bad: 3 });
    // The same words at another place of another run are the same failure.
    script[2] = vec!["TypeError: y is not a function at /c/d/e.js:7"];
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 1, first_bad: 2 });
}

#[tokio::test]
async fn with_an_account_a_failure_counts_once_the_last_good_one_has_answered_again() {
    let bench = Bench::new(5);
    let lab = ScriptedLab::of(&scripts("gggbb"));
    let mut journal = bench.begin_live();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
    let asked = ["2026.5.1", "2026.5.5", "2026.5.1", "2026.5.3", "2026.5.4", "2026.5.3"];
    assert_eq!(lab.asked(), asked);
    let counting = conclusion.checks.iter().filter(|check| check.counts);
    assert_eq!(counting.map(CheckRecord::place).collect::<Vec<_>>(), [0, 4, 2, 3]);
    assert_eq!(conclusion.checks[2].ask.reason, Reason::Control { of: 2 });
    assert_eq!(conclusion.checks[5].ask.reason, Reason::Control { of: 5 });
}

#[tokio::test]
async fn a_failure_whose_control_fails_stops_the_session_and_counts_for_nothing() {
    let bench = Bench::new(5);
    let mut script = scripts("gggbb");
    script[0] = vec!["OK", "HTTP 429 usage limit reached", "OK"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin_live();
    let error = bench.run(&lab, &mut journal).await.unwrap_err();
    assert!(error.to_string().starts_with("2026.5.1 answered before and does not now"), "{error}");
    drop(journal);

    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let summary = SessionSummary::read(&bench.sessions, None).unwrap();
    assert_eq!(summary.checks.iter().filter(|check| check.counts).count(), 1);
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
    let twice = lab.asked().iter().filter(|core| *core == "2026.5.5").count();
    assert_eq!(twice, 2, "the failure was asked for again");
}

#[tokio::test]
async fn a_usage_limit_pauses_the_session_and_blames_nobody() {
    let bench = Bench::new(5);
    let mut script = scripts("gggbb");
    script[2] = vec!["429 The usage limit has been reached", "OK"];
    let lab = ScriptedLab::of(&script);
    let mut journal = bench.begin_live();
    let error = bench.run(&lab, &mut journal).await.unwrap_err().to_string();
    assert!(
        error.starts_with("the account cannot be asked now: the account's usage limit"),
        "{error}"
    );
    drop(journal);
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 2, first_bad: 3 });
}

#[tokio::test]
async fn nothing_is_installed_that_the_search_has_no_use_for() {
    let bench = Bench::new(30);
    let lab = ScriptedLab::of(&vec![vec!["OK"]; 30]);
    let conclusion = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::NoRegression);
    // Both ends, and the middle ahead of them: what is needed first goes first.
    let places: Vec<_> = lab.installed.lock().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(places[..2], ["2026.5.1", "2026.5.30"]);
    assert!(lab.installed.lock().unwrap().len() <= 3, "{:?}", lab.installed);
}

#[tokio::test]
async fn two_codexpins_cannot_work_at_one_session() {
    let bench = Bench::new(3);
    let journal = bench.begin();
    let error = Journal::resume(&bench.sessions, Some(journal.id())).unwrap_err();
    assert!(error.to_string().starts_with("another codexpin"), "{error}");
}

#[tokio::test]
async fn a_summary_is_read_while_the_session_is_held_and_changes_nothing() {
    let bench = Bench::new(4);
    let lab = ScriptedLab { fail_after: Some(2), ..ScriptedLab::of(&scripts("ggbb")) };
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let file = journal.directory().join("journal.jsonl");
    let begun = [fs_err::read(&file).unwrap(), br#"{"entry":"checked","pla"#.to_vec()].concat();
    fs_err::write(&file, &begun).unwrap();

    let summary = SessionSummary::read(&bench.sessions, None).unwrap();
    assert_eq!((summary.id.as_str(), summary.outcome.as_ref()), (journal.id(), None));
    assert_eq!((summary.checks.len(), summary.ends()), (2, (Some(0), Some(3))));
    assert_eq!(fs_err::read(&file).unwrap(), begun);

    let missing = SessionSummary::read(&bench.sessions, Some("yesterday")).unwrap_err();
    assert!(matches!(missing, JournalError::Missing { .. }), "{missing}");
    let none = SessionSummary::read(&bench.sessions.join("none"), None).unwrap_err();
    assert!(matches!(none, JournalError::NoSession { .. }), "{none}");
}

#[tokio::test]
async fn a_summary_takes_another_failure_for_no_end() {
    let bench = Bench::new(5);
    let (good, bad, other) = (vec!["OK"], vec![BAD], vec!["something else"]);
    let scripts = [good, other.clone(), other.clone(), other, bad];
    let lab = ScriptedLab { fail_after: Some(4), ..ScriptedLab::of(&scripts) };
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let summary = SessionSummary::read(&bench.sessions, None).unwrap();
    assert!(summary.checks.iter().any(|check| check.purpose == Purpose::Another));
    assert_eq!(summary.ends(), (Some(0), Some(4)));
}

#[test]
fn a_journal_that_cannot_be_read_is_refused_with_the_line() {
    let bench = Bench::new(3);
    let journal = bench.begin();
    let path = journal.directory().join("journal.jsonl");
    drop(journal);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}nonsense\n")).unwrap();
    let error = Journal::resume(&bench.sessions, None).unwrap_err().to_string();
    assert!(error.contains("journal.jsonl:2 cannot be read"), "{error}");
    std::fs::write(&path, text.replace("\"format\":4", "\"format\":9")).unwrap();
    let error = Journal::resume(&bench.sessions, None).unwrap_err().to_string();
    assert!(error.contains("has format 9; this codexpin knows formats 3 and 4"), "{error}");
    let error = Journal::resume(&bench.sessions, Some("nonesuch")).unwrap_err().to_string();
    assert!(error.starts_with("there is no session nonesuch"), "{error}");
}

#[tokio::test]
async fn three_candidates_are_asked_side_by_side_with_the_same_answer() {
    let bench = Bench::new(20);
    let lab = ScriptedLab::of(&scripts("gggggggggggggbbbbbbb"));
    let alone = bench.run(&lab, &mut bench.begin()).await.unwrap();
    assert_eq!(*lab.under_way.lock().unwrap(), (0, 1));

    let at_once = |at_once, fail_after| {
        let together = Arc::new(Barrier::new(at_once));
        let lab = ScriptedLab::of(&scripts("gggggggggggggbbbbbbb"));
        ScriptedLab { fail_after, together, at_once, ..lab }
    };
    let mut journal = bench.begin();
    let lab = at_once(2, Some(2));
    bench.run_side_by_side(3, &lab, &mut journal).await.unwrap_err();
    assert!(lab.under_way.lock().unwrap().1 >= 2, "both ends at once");
    assert_eq!(lab.asked().len(), 2);
    drop(journal);
    let lab = at_once(3, None);
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let three = bench.run_side_by_side(3, &lab, &mut journal).await.unwrap();
    assert_eq!(three.outcome, alone.outcome);
    assert_eq!(*lab.under_way.lock().unwrap(), (0, 3), "three at once, and none left running");
    let mut ids: Vec<_> = three.checks.iter().map(|check| check.ask.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), three.checks.len());
}

#[tokio::test]
async fn both_answers_of_a_candidate_that_contradicts_itself_are_kept_and_told() {
    let bench = Bench::new(5);
    let mut script = scripts("ggggb");
    script[2] = vec!["TypeError: x is not a function", "OK"];
    let mut journal = bench.begin();
    let conclusion = bench.run(&ScriptedLab::of(&script), &mut journal).await.unwrap();
    let told = &conclusion.contradictions[0];
    assert_eq!((told.place, &told.bad[..], &told.good[..]), (2, &[3][..], &[4][..]));
    let of_it: Vec<_> = conclusion.checks.iter().filter(|c| c.place() == 2).collect();
    assert_eq!((of_it[0].mark(), of_it[1].mark()), (Mark::Bad, Mark::Good));
    assert_eq!(of_it[1].ask.reason, Reason::Recheck { of: 3 });
    drop(journal);
    // A session that is taken up again tells it as well.
    let id = journal::sessions(&bench.sessions).pop().unwrap();
    let mut journal = Journal::resume(&bench.sessions, Some(&id)).unwrap();
    let again = bench.run(&ScriptedLab::of(&script), &mut journal).await.unwrap();
    assert_eq!(again.contradictions, conclusion.contradictions);
}

/// The journal as format 3 had it: no ids, and each check says what it is for.
fn in_format_3(text: &str) -> String {
    let line = |line: &str| {
        let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
        if value["entry"] == "begun" {
            value["format"] = 3.into();
        }
        if value["entry"] == "checked" {
            let fields = value.as_object_mut().unwrap();
            for field in ["id", "reason", "of"] {
                fields.shift_remove(field);
            }
        }
        value.to_string()
    };
    text.lines().map(|text| line(text) + "\n").collect()
}

#[tokio::test]
async fn a_journal_of_the_format_before_this_one_is_read_and_gone_on_with() {
    let bench = Bench::new(9);
    let mut script = scripts("gggggbbbb");
    script[4] = vec!["TypeError: x is not a function", "OK"];
    let mut lab = ScriptedLab { fail_after: Some(8), ..ScriptedLab::of(&script) };
    let mut journal = bench.begin_live();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let path = journal.directory().join("journal.jsonl");
    let asks: Vec<_> = journal.checks().iter().map(|check| check.ask.clone()).collect();
    drop(journal);
    let today = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, in_format_3(&today)).unwrap();

    let summary = SessionSummary::read(&bench.sessions, None).unwrap();
    assert_eq!(summary.checks.iter().map(|c| c.ask.clone()).collect::<Vec<_>>(), asks);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), in_format_3(&today), "only read");

    lab.fail_after = None;
    let mut journal = Journal::resume(&bench.sessions, None).unwrap();
    let conclusion = bench.run(&lab, &mut journal).await.unwrap();
    assert_eq!(conclusion.outcome, Outcome::Found { last_good: 4, first_bad: 5 });
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("{\"entry\":\"begun\",\"format\":4"), "{text}");
    assert!(text.starts_with(today.trim_end()), "what was there is as it would be today");
}

#[tokio::test]
async fn the_turns_of_a_session_and_their_limit_outlive_it() {
    let bench = Bench::new(5);
    let lab = ScriptedLab { fail_after: Some(4), ..ScriptedLab::of(&scripts("gggbb")) };
    let lending = |lender| {
        let profile = "openai-codex:default".to_owned();
        Upstream::Live(Lending { lender, profile, relay: false })
    };
    let mut journal = bench.begin_with(lending(Lender::Own), false);
    bench.run(&lab, &mut journal).await.unwrap_err();
    drop(journal);
    let journal = Journal::resume(&bench.sessions, None).unwrap();
    assert_eq!(journal.turns_taken(), 4);
    assert_eq!(journal.request().max_turns, Some(7));

    assert!(journal.request().accepts(&lending(Lender::Own)).is_ok());
    let other = journal.request().accepts(&lending(Lender::Installation)).unwrap_err();
    assert_eq!(
        other.to_string(),
        "the session was begun with live upstream, codexpin's own login openai-codex:default, its access token only, \
         and what could answer now is live upstream, this installation's login openai-codex:default, its access token only"
    );
}
