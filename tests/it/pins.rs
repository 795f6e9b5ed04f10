//! `codexpin pin`, `codexpin pins` and the file behind them.

use insta::assert_snapshot;

use crate::agent;
use crate::machine::{Machine, entries};

#[test]
fn a_release_that_answers_is_pinned() {
    let machine = Machine::new();
    let run = machine.run("pin 2026.5.18").exits(0);
    assert_snapshot!("pinned", machine.shown_stdout(&run));
    machine.run("pin 2026.5.19").exits(0);
    let run = machine.run("pins").exits(0);
    assert_snapshot!("pins", machine.shown(&run));
    let run = machine.run("releases 2026.5.12..2026.5.19").exits(0);
    assert_snapshot!("marked", machine.shown_stdout(&run));
    let (_, pins) = machine.run_json("pins");
    assert_eq!(pins["current"], "2026.5.19");
    assert_eq!(pins["pins"].as_array().unwrap().len(), 2);
}

#[test]
fn a_release_that_does_not_answer_is_not_pinned() {
    let machine = Machine::new();
    machine.registry.script("2026.6.1", [agent::unknown_model()]);
    machine.run("pin 2026.6.1").exits(1);
    machine.registry.script("2026.6.1", [agent::fails("listen EADDRINUSE: address in use")]);
    machine.run("pin 2026.6.1").exits(125);
    assert_eq!(entries(&machine.work()), [""; 0]);
    let run = machine.run("pins").exits(1);
    assert_snapshot!(machine.shown(&run));
}

#[test]
fn a_pin_file_that_cannot_be_understood_is_left_as_it_is() {
    let machine = Machine::new();
    let mut said = Vec::new();
    for text in [
        "format = 1\n<<<<<<< HEAD\ncurrent = \"2026.5.18\"\n=======\n>>>>>>> other\n",
        "format = 2\ncurrent = \"2026.5.18\"\n",
        "current = \"2026.5.18\"\n",
        "format = 1\n[[pin]]\ncore = \"yesterday's\"\n",
        "",
    ] {
        fs_err::write(machine.pin_file(), text).unwrap();
        for words in ["pins", "pin 2026.5.18", "bisect 2026.5.18 2026.6.1"] {
            let run = machine.run(words).exits(1);
            if words == "pins" {
                said.push(machine.shown(&run));
            }
            assert!(run.stderr.contains("known-good.toml"), "{}", run.stderr);
        }
        assert_eq!(fs_err::read_to_string(machine.pin_file()).unwrap(), text);
    }
    assert_snapshot!(said.join("\n\n"));
    assert_eq!(entries(&machine.work()), ["known-good.toml"]);
    assert!(machine.registry.turns().is_empty(), "it is known before anything is asked");
}

#[test]
fn a_team_s_comments_and_keys_stay_in_the_file() {
    let machine = Machine::new();
    let text = "# ours\nformat = 1\nowner = \"ops\" # ask them\n";
    fs_err::write(machine.pin_file(), text).unwrap();
    machine.run("pin 2026.5.18").exits(0);
    let text = fs_err::read_to_string(machine.pin_file()).unwrap();
    assert!(text.starts_with("# ours\nformat = 1\nowner = \"ops\" # ask them\n"), "{text}");
}

#[test]
fn a_pin_file_that_cannot_be_written_is_told_before_the_first_check() {
    let machine = Machine::new();
    fs_err::write(machine.work().join("file"), "").unwrap();
    let mut said = Vec::new();
    for place in ["file/known-good.toml", "/proc/known-good.toml"] {
        for words in ["bisect 2026.5.18 2026.6.1", "pin 2026.5.18"] {
            let run = machine.run(&format!("{words} --pin-file {place}")).exits(1);
            said.push(machine.shown(&run));
        }
    }
    assert_snapshot!(said.join("\n\n"));
    assert!(machine.registry.turns().is_empty());
}

#[test]
fn lock_files_are_not_written_through_a_link() {
    let machine = Machine::new();
    let elsewhere = machine.work().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let link = machine.work().join("known-good.lock");
    std::os::unix::fs::symlink(&elsewhere, link).unwrap();
    let run = machine.run("pin 2026.5.18").exits(1);
    assert!(run.stderr.contains("known-good.lock is a symbolic link"), "{}", run.stderr);
    assert_eq!(entries(&elsewhere), [""; 0]);
    assert!(machine.registry.turns().is_empty(), "it is known before anything is asked");
}

#[test]
fn a_result_is_told_even_where_the_pin_cannot_be_written_any_more() {
    let machine = Machine::new();
    machine.registry.script("2026.6.5", [agent::unknown_model(), agent::unknown_model()]);
    let place = machine.work().join("team");
    fs_err::create_dir_all(&place).unwrap();
    let running =
        machine.start("bisect 2026.6.1 2026.6.5 --no-forward --pin-file team/known-good.toml");
    machine.registry.wait_for_turns(1);
    fs_err::remove_dir_all(&place).unwrap();
    fs_err::write(&place, "no directory any more").unwrap();
    let run = running.finish().exits(1);
    assert!(run.stdout.contains("2026.6.5 is the first bad release"), "{}", run.stdout);
    assert!(!run.stdout.contains("pinned"), "{}", run.stdout);
    assert!(run.stderr.contains("error: "), "{}", run.stderr);
    // The result is saved: the pin can be had without another check.
    fs_err::remove_file(&place).unwrap();
    let id = machine.session();
    machine.run(&format!("bisect --resume {}", id.file_name().unwrap())).exits(0);
    assert!(place.join("known-good.toml").is_file());
    // The bad end is asked once more where nothing else fails.
    assert_eq!(machine.registry.asked().len(), 3);
}

#[test]
fn a_pin_file_that_asks_for_a_newer_codexpin_is_refused_by_whatever_reads_or_writes_it() {
    let machine = Machine::new();
    let text = "format = 1\nrequires-codexpin = \">=999.0\"\n";
    fs_err::write(machine.pin_file(), text).unwrap();
    for words in ["pins", "pin 2026.5.18", "bisect 2026.5.18 2026.6.1", "apply", "releases"] {
        let run = machine.run(words).exits(1);
        let said =
            format!("asks for codexpin >=999.0; this is codexpin {}", env!("CARGO_PKG_VERSION"));
        assert!(run.stderr.contains(&said), "{words}: {}", run.stderr);
        assert!(run.stderr.contains("hint: install a codexpin that is >=999.0"), "{}", run.stderr);
    }
    assert!(machine.run("doctor").stdout.contains("asks for codexpin >=999.0"));
    assert_eq!(fs_err::read_to_string(machine.pin_file()).unwrap(), text);
    assert_eq!(machine.registry.turns().len(), 0, "it is refused before the first check");

    fs_err::write(machine.pin_file(), "format = 1\nrequires-codexpin = \"soon\"\n").unwrap();
    let run = machine.run("pins").exits(1);
    assert!(run.stderr.contains("`requires-codexpin = \"soon\"` in "), "{}", run.stderr);
}

#[test]
fn what_is_pinned_is_the_lock_file_that_npm_wrote_whatever_the_release_made_of_it() {
    let machine = Machine::new();
    machine.add_to_npmrc("//registry.example/:_authToken=made-up-token\n");
    machine.run("check 2026.5.18").exits(0);
    let lock = machine.prefix("2026.5.18").join("core/package-lock.json");
    let written = fs_err::read_to_string(&lock).unwrap();
    let npmrc = machine.npmrc();
    for attack in [format!("echo '{{}}' > {lock}"), format!("ln -sf {npmrc} {lock}")] {
        machine.start_with(&["pin", "2026.5.18", "--exec", &attack], &[]).finish().exits(0);
        assert_ne!(fs_err::read_to_string(&lock).unwrap(), written, "nothing was attacked");
        let pinned = machine.work().join("known-good.lock/2026.5.18.json");
        assert_eq!(fs_err::read_to_string(pinned).unwrap(), written);
    }
}

#[test]
fn what_is_on_record_of_a_prefix_is_out_of_the_reach_of_what_runs_from_it() {
    let mut machine = Machine::new();
    // Where a command of the user's own runs, what is in it is kept visible.
    let cache = machine.work().join("cache");
    machine.set("CODEXPIN_CACHE_DIR", cache.as_str());
    machine.run("check 2026.5.18").exits(0);
    let look = format!("test -d {cache} && ! ls {cache}/prefixes/*.jso?");
    machine.start_with(&["check", "2026.5.18", "--exec", &look], &[]).finish().exits(0);
}

#[test]
fn lock_files_are_not_written_to_where_a_link_leads() {
    let machine = Machine::new();
    let elsewhere = machine.root().join("elsewhere");
    fs_err::create_dir(&elsewhere).unwrap();
    let link = machine.work().join("known-good.lock");
    fs_err::os::unix::fs::symlink(&elsewhere, &link).unwrap();
    for words in ["pin 2026.5.18", "bisect 2026.5.18 2026.6.1"] {
        let run = machine.run(words).exits(1);
        assert!(run.stderr.contains("known-good.lock is a symbolic link"), "{}", run.stderr);
    }
    assert_eq!(fs_err::read_dir(&elsewhere).unwrap().count(), 0);
    assert_eq!(machine.prefixes(), [""; 0], "it is told before anything is installed");
}
