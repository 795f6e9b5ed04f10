use std::sync::{Arc, Mutex};

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::observation::{Observation, sample};
use crate::question::{Lender, Lending, Question, Upstream};
use crate::release::Version;
use crate::route::Route;
use journal::Request;

/// What a scripted candidate does each time that it is asked; the last one for good.
type Script = Vec<&'static str>;

/// A lab without npm: candidates do what their scripts say.
struct ScriptedLab {
    scripts: Vec<Script>,
    asked: Mutex<Vec<Version>>,
    installed: Arc<Mutex<Vec<Version>>>,
    fail_after: Option<usize>,
}

impl ScriptedLab {
    fn of(scripts: &[Script]) -> Self {
        Self {
            scripts: scripts.to_vec(),
            asked: Mutex::default(),
            installed: Arc::default(),
            fail_after: None,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(ToString::to_string).collect()
    }
}

impl Lab for ScriptedLab {
    type Ready = Version;

    fn installers(&self) -> usize {
        1
    }

    fn install(
        &self,
        candidate: &Candidate,
        _events: Events,
        _stop: CancellationToken,
    ) -> impl Future<Output = Result<Version, LabError>> + Send + 'static {
        let core = candidate.core;
        let place = usize::try_from(core.to_string()[7..].parse::<u32>().unwrap()).unwrap() - 1;
        let script = self.scripts[place].clone();
        let installed = Arc::clone(&self.installed);
        async move {
            if script[0] == "cannot be installed" {
                let why = "cssomnom is not in the registry (E404)".to_owned();
                return Err(SkipReason::CannotInstall { why }.into());
            }
            installed.lock().unwrap().push(core);
            Ok(core)
        }
    }

    fn reused(_: &Version) -> bool {
        false
    }

    async fn check(
        &self,
        core: &Version,
        _logs: &Utf8Path,
        _stop: &CancellationToken,
    ) -> Result<Vec<Observation>, LabError> {
        let mut asked = self.asked.lock().unwrap();
        if self.fail_after.is_some_and(|limit| asked.len() >= limit) {
            return Err(LabError::Infrastructure("the disk is full".into()));
        }
        let times = asked.iter().filter(|known| *known == core).count();
        asked.push(*core);
        let script = &self.scripts
            [usize::try_from(core.to_string()[7..].parse::<u32>().unwrap()).unwrap() - 1];
        Ok(vec![observation(*core, script[times.min(script.len() - 1)])])
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
        let request = Request {
            question: Question { upstream, ..Question::text_through(vec![Route::of_most()]) },
            line: self.line.clone(),
            nodes: vec![None; self.line.len()],
            pin_file: "known-good.toml".into(),
            any_failure,
        };
        Journal::begin(&self.sessions, request, jiff::Timestamp::UNIX_EPOCH).unwrap()
    }

    async fn run(
        &self,
        lab: &ScriptedLab,
        journal: &mut Journal,
    ) -> Result<Conclusion, SessionError> {
        let events = Events::to(|_| ());
        let session = Session {
            line: &self.line,
            lab,
            catalogue: &Catalogue::built_in(),
            events: &events,
            stop: &CancellationToken::new(),
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
    assert_eq!(read.checked().len(), 5);
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
    assert_eq!(journal.checked().len(), 1);
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
    let third = journal::counting(journal.checked()).find(|check| check.place == 2).unwrap();
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
    let counting: Vec<_> = journal::counting(journal.checked()).map(|check| check.place).collect();
    assert_eq!(counting, [0, 4, 2, 3]);
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
    assert_eq!(journal::counting(journal.checked()).count(), 1);
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
    // Both ends, and the middle ahead of them.
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
async fn a_story_is_read_while_the_session_is_held_and_changes_nothing() {
    let bench = Bench::new(4);
    let lab = ScriptedLab { fail_after: Some(2), ..ScriptedLab::of(&scripts("ggbb")) };
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let file = journal.directory().join("journal.jsonl");
    let begun = [fs_err::read(&file).unwrap(), br#"{"entry":"checked","pla"#.to_vec()].concat();
    fs_err::write(&file, &begun).unwrap();

    let story = story::Story::read(&bench.sessions, None).unwrap();
    assert_eq!((story.id.as_str(), story.outcome.as_ref()), (journal.id(), None));
    assert_eq!((story.checked.len(), story.ends()), (2, (Some(0), Some(3))));
    assert_eq!(fs_err::read(&file).unwrap(), begun);

    let missing = story::Story::read(&bench.sessions, Some("yesterday")).unwrap_err();
    assert!(matches!(missing, JournalError::Missing { .. }), "{missing}");
    let none = story::Story::read(&bench.sessions.join("none"), None).unwrap_err();
    assert!(matches!(none, JournalError::NoSession { .. }), "{none}");
}

#[tokio::test]
async fn a_story_takes_another_failure_for_no_end() {
    let bench = Bench::new(5);
    let (good, bad, other) = (vec!["OK"], vec![BAD], vec!["something else"]);
    let scripts = [good, other.clone(), other.clone(), other, bad];
    let lab = ScriptedLab { fail_after: Some(4), ..ScriptedLab::of(&scripts) };
    let mut journal = bench.begin();
    bench.run(&lab, &mut journal).await.unwrap_err();
    let story = story::Story::read(&bench.sessions, None).unwrap();
    assert!(story.checked.iter().any(|checked| checked.purpose == Purpose::Another));
    assert_eq!(story.ends(), (Some(0), Some(4)));
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
    std::fs::write(&path, text.replace("\"format\":3", "\"format\":9")).unwrap();
    let error = Journal::resume(&bench.sessions, None).unwrap_err().to_string();
    assert!(error.contains("has format 9; this codexpin knows format 3"), "{error}");
    let error = Journal::resume(&bench.sessions, Some("nonesuch")).unwrap_err().to_string();
    assert!(error.starts_with("there is no session nonesuch"), "{error}");
}
