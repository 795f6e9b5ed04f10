//! The built `codexpin apply` and `codexpin undo`: what they print, how they end and
//! what they leave.

use std::process::Output;

use codexpin::failpoint::{Failpoint, Moment, StepName};
use serde_json::Value;

use crate::world::{NEW, OLD, World};

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    #[track_caller]
    fn of(output: &Output, code: i32) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        let said = Self { code: output.status.code(), stdout, stderr };
        assert_eq!(said.code, Some(code), "{}{}", said.stdout, said.stderr);
        said
    }

    fn lines(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// The names of the events between the first line and the last.
fn events(lines: &[Value]) -> String {
    let names = lines[1..lines.len() - 1].iter().map(|line| line["event"].as_str().unwrap());
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn an_apply_changes_nothing_without_a_yes_and_is_followed_line_by_line_with_one() {
    let world = World::new();
    world.write_pin(OLD);
    let before = world.fingerprint();
    let refused = "nobody is there to say yes; nothing was changed";
    let said = Said::of(&world.command("apply"), 2);
    assert!(said.stdout.contains(&format!("{NEW} with plugin {NEW} -> {OLD}")), "{}", said.stdout);
    assert!(said.stderr.contains(refused), "{}", said.stderr);
    assert!(said.stderr.contains("`codexpin apply --yes` does not ask"), "{}", said.stderr);
    let lines = Said::of(&world.command("apply --json-lines"), 2).lines();
    let last = lines.last().unwrap();
    assert_eq!((&last["event"], &last["message"]), (&"failed".into(), &refused.into()));
    assert_eq!(world.fingerprint(), before);
    assert!(!world.root.join("codexpin/backups").exists(), "no backup is begun");

    let planned =
        |more: &str| Said::of(&world.command(&format!("apply --dry-run{more}")), 0).stdout;
    let live = "prove that the agent replies through its Gateway";
    assert!(planned("").contains(live) && !planned(" --no-live-check").contains(live));

    let lines = Said::of(&world.command("apply --yes --json-lines"), 0).lines();
    assert_eq!((&lines[0]["format"], &lines[0]["command"]), (&1.into(), &"apply".into()));
    let expected = "planned staging staging stopping stopped saved swapped swapped held starting \
                    started proving proved";
    assert_eq!(events(&lines).replace("apply-", ""), expected);
    let last = lines.last().unwrap();
    assert_eq!((&last["format"], &last["outcome"]), (&1.into(), &"done".into()), "{last:#}");
    assert_eq!(last["to"]["core"], OLD);
    world.assert_is(OLD, "applied");
    let log = format!("{}/codexpin.log", last["backup"].as_str().unwrap());
    let log = fs_err::read_to_string(log).unwrap();
    for words in ["starts ", "exit status 0 after", "systemctl"] {
        assert!(log.contains(words), "{words} is not in\n{log}");
    }

    let again = Said::of(&world.command("apply --json"), 0);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["outcome"], "already-as-pinned", "{again}");

    Said::of(&world.command("undo"), 2);
    world.assert_is(OLD, "not undone without a yes");
    let undone = Said::of(&world.command("undo --yes --json"), 0);
    let undone: Value = serde_json::from_str(&undone.stdout).unwrap();
    assert_eq!((&undone["outcome"], &undone["operation"]), (&"done".into(), &"undo".into()));
    world.assert_is(NEW, "undone");
}

#[test]
fn a_gateway_that_no_unit_of_this_user_runs_is_not_changed_under_it() {
    let world = World::new();
    world.write_pin(OLD);
    world.stop_service();
    let mut by_hand = world.gateway_by_hand();
    let before = world.fingerprint();
    for words in ["apply --yes", "apply --dry-run"] {
        let said = Said::of(&world.command(words), 6);
        let held = format!("(process {}", by_hand.id());
        assert!(said.stderr.contains(&held), "{}", said.stderr);
        assert!(said.stderr.contains("stop it"), "{}", said.stderr);
    }
    assert_eq!(world.fingerprint(), before);
    by_hand.kill().unwrap();
    by_hand.wait().unwrap();
    Said::of(&world.command("apply --yes"), 0);
    let mut by_hand = world.gateway_by_hand();
    let said = Said::of(&world.command("undo --yes"), 6);
    assert!(said.stderr.contains(&format!("(process {}", by_hand.id())), "{}", said.stderr);
    by_hand.kill().unwrap();
    by_hand.wait().unwrap();
}

#[test]
fn an_apply_where_no_pin_is_ends_first_what_was_cut_short() {
    let world = World::new();
    world.write_pin(OLD);
    world.command_killed_at("apply --yes", Failpoint::Step(StepName::Stop, Moment::After));
    assert_eq!(world.serving(), None, "the service is down");
    fs_err::remove_file(world.root.join("pins/known-good.toml")).unwrap();
    let said = Said::of(&world.command("apply --dry-run"), 1);
    assert!(said.stderr.contains("known-good.toml"), "{}", said.stderr);
    assert_eq!(world.serving(), None, "a dry run changes nothing");
    let said = Said::of(&world.command("apply --yes"), 1);
    assert!(said.stderr.contains("known-good.toml"), "{}", said.stderr);
    world.assert_is(NEW, "put back, and served again");
}

#[test]
fn an_apply_whose_proof_cannot_be_had_stays_and_says_how_to_ask_again() {
    let world = World::new();
    world.write_pin(OLD);
    // Where the output of a check is to go, as on a disk that is full.
    let checks = world.root.join("codexpin/checks");
    fs_err::create_dir_all(checks.parent().unwrap()).unwrap();
    fs_err::write(&checks, "").unwrap();
    let why = "the state directory cannot be used: ";

    let said = Said::of(&world.command("apply --yes"), 75);
    for words in [
        format!("applied, but could not be proved: {NEW} with plugin {NEW} -> {OLD}"),
        format!("why     {why}"),
        "next    codexpin check live    asks it for a reply".to_owned(),
        format!("codexpin undo          goes back to {NEW}"),
    ] {
        assert!(said.stdout.contains(&words), "{words} is not in\n{}", said.stdout);
    }
    assert!(said.stderr.contains(&format!("unproven: {why}")), "{}", said.stderr);
    assert!(said.stderr.contains("nothing is put back"), "{}", said.stderr);
    world.assert_is(OLD, "applied, and not put back");
    let records = world.root.join("codexpin/backups").read_dir_utf8().unwrap();
    let records: Vec<_> = records.map(|entry| entry.unwrap().path().join("backup.json")).collect();
    assert_eq!(records.len(), 1);
    let record: Value = serde_json::from_slice(&fs_err::read(&records[0]).unwrap()).unwrap();
    assert_eq!(record["progress"]["state"], "unproven", "{record:#}");
    assert!(record["unproven"][0].as_str().unwrap().starts_with(why), "{record:#}");

    Said::of(&world.command("undo --yes"), 0);
    world.assert_is(NEW, "undone");
    for form in ["--json", "--json-lines"] {
        world.write_pin(if form == "--json" { OLD } else { NEW });
        let said = Said::of(&world.command(&format!("apply --yes {form}")), 75);
        let lines: Vec<Value> = if form == "--json" {
            vec![serde_json::from_str(&said.stdout).unwrap()]
        } else {
            said.lines()
        };
        let last = lines.last().unwrap();
        assert_eq!(last["outcome"], "unproven", "{form}: {last:#}");
        assert!(last["why"][0].as_str().unwrap().starts_with(why), "{form}: {last:#}");
        if form == "--json-lines" {
            assert!(
                events(&lines).ends_with("apply-proving apply-unproven apply-unproven"),
                "{lines:#?}"
            );
        }
    }
    world.assert_is(NEW, "applied twice, and not put back");
}

#[test]
fn what_runs_here_and_what_was_done_to_it_is_told_at_every_time() {
    let world = World::new();
    let told = |words: &str| Said::of(&world.command(words), 0).stdout;
    let json = |words: &str| -> Value { serde_json::from_str(&told(words)).unwrap() };
    assert_eq!(told("history"), "nothing was done yet\n");
    let unpinned = told("status");
    assert!(unpinned.starts_with(&format!("{NEW}, and no pin here\n")), "{unpinned}");
    assert!(unpinned.contains("active (running)"), "{unpinned}");
    assert!(unpinned.contains(world.package().as_str()), "{unpinned}");

    world.write_pin(OLD);
    let drifted = told("status");
    let headline = format!("{NEW}: not as pinned (core {NEW} in place of {OLD}");
    assert!(drifted.starts_with(&headline), "{drifted}");
    assert!(drifted.contains("codexpin apply    brings this machine to the pin"), "{drifted}");
    let drift = &json("status --json")["pin"]["drift"][0];
    assert_eq!((&drift["pinned"], &drift["installed"]), (&OLD.into(), &NEW.into()));

    let point = Failpoint::Step(StepName::ExchangeCore, Moment::After);
    world.command_killed_at("apply --yes", point);
    let cut_short = told("status");
    assert!(cut_short.contains("cut short") && cut_short.contains("ends what was cut short"));
    Said::of(&world.command("apply --yes"), 0);
    let applied = told("status");
    assert!(applied.starts_with(&format!("{OLD}, as pinned\n")), "{applied}");
    assert!(applied.contains(&format!("codexpin undo     goes back to {NEW}")), "{applied}");
    world.stop_service();
    let down = told("status");
    assert!(down.starts_with(&format!("{OLD}, as pinned, and its service does not run\n")));

    let silent = Said::of(&world.command("check live"), 1);
    let why = "the agent does not answer: openclaw-gateway.service is not running";
    assert!(silent.stderr.contains(why), "{}", silent.stderr);

    let past = json("history --json");
    let last = &past["operations"][0];
    assert_eq!((&last["operation"], &last["end"]), (&"apply".into(), &"done".into()), "{past:#}");
    assert_eq!(last["can_be_undone"], true, "{past:#}");
    let undo = format!("codexpin undo {}", last["backup"].as_str().unwrap());
    assert!(told("history").contains(&undo));
    fs_err::write(
        world
            .root
            .join("codexpin/backups")
            .join(last["backup"].as_str().unwrap())
            .join("backup.json"),
        "{",
    )
    .unwrap();
    let damaged = Said::of(&world.command("history"), 0);
    assert!(damaged.stderr.contains("backup.json cannot be read"), "{}", damaged.stderr);
}

#[test]
fn an_undo_that_is_typed_again_after_a_kill_finishes_the_first_and_stops_there() {
    let world = World::new();
    world.write_pin(OLD);
    Said::of(&world.command("apply --yes"), 0);
    let after = |step| Failpoint::Step(step, Moment::After);
    world.command_killed_at("undo --yes", after(StepName::ExchangeCore));
    let again = Said::of(&world.command("undo --yes --json"), 0);
    let again: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(again["recovered"][0]["outcome"], "done", "{again:#}");
    assert!(again["outcome"].is_null(), "{again:#}");
    world.assert_is(NEW, "undone once");

    // An undo that was put back is asked for all the same.
    Said::of(&world.command("apply --yes"), 0);
    world.command_killed_at("undo --yes", after(StepName::Stop));
    Said::of(&world.command("undo --yes"), 0);
    world.assert_is(NEW, "put back, and then undone");

    // An apply that is put back is undone, and the apply before it stays.
    Said::of(&world.command("apply --yes"), 0);
    world.write_pin(NEW);
    world.command_killed_at("apply --yes", after(StepName::Save));
    Said::of(&world.command("undo --yes"), 0);
    world.assert_is(OLD, "as it was before the apply that was killed");
}

#[test]
fn doctor_says_what_a_killed_apply_left_stopped_and_what_to_type() {
    let world = World::new();
    world.write_pin(OLD);
    world.command_killed_at("apply --yes", Failpoint::Step(StepName::Stop, Moment::After));
    assert_eq!(world.serving(), None, "the service is down");
    let said = Said::of(&world.command("doctor --json"), 1);
    let said: Value = serde_json::from_str(&said.stdout).unwrap();
    let findings = said["findings"].as_array().unwrap();
    let of = |id: &str| findings.iter().find(|finding| finding["id"] == id);
    let left = of("apply-unfinished").unwrap();
    assert_eq!(
        (&left["level"], &left["commands"][0]),
        (&"problem".into(), &"codexpin apply".into())
    );
    let why = left["why"].as_str().unwrap();
    assert!(why.contains("it had stopped the service and changed nothing else"), "{why}");
    assert!(of("service-stopped").is_none(), "one finding for one cause: {said:#}");
    Said::of(&world.command("apply --yes"), 0);
    world.assert_is(OLD, "what it said helps");
}

#[test]
fn a_damaged_old_backup_is_named_and_blocks_nothing() {
    let world = World::new();
    let damaged = world.root.join("codexpin/backups/20260101T000000Z-1-to-2");
    fs_err::create_dir_all(&damaged).unwrap();
    fs_err::write(damaged.join("backup.json"), "{\"format\": 2,").unwrap();
    world.write_pin(OLD);
    for (words, now) in [("apply --yes", OLD), ("undo --yes", NEW)] {
        let said = Said::of(&world.command(words), 0);
        assert!(
            said.stderr.contains("20260101T000000Z-1-to-2/backup.json cannot be read"),
            "{}",
            said.stderr
        );
        world.assert_is(now, words);
    }
}
