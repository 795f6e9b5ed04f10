//! A session with a lent login that goes on later: with no other login, and within
//! its turns.

use camino::Utf8PathBuf;

use crate::live::{Lived, STORE, broken_since_june};
use crate::machine::Run;

const LENT: &str = "the session was begun with this installation's login openai-codex:default, \
                    its access token only: ";

/// A session that has taken its two turns. The release of the second fails before it
/// asks anybody.
fn paused() -> Lived {
    let lived = broken_since_june();
    lived.machine.run("bisect 2026.5.18 2026.7.1 --max-turns 2").exits(75);
    assert_eq!(lived.service.turns().len(), 1);
    lived
}

/// Goes on, which has to be refused before anybody is asked and anything is written.
#[track_caller]
fn refused(lived: &Lived) -> Run {
    let journal = lived.machine.session().join("journal.jsonl");
    let before = (lived.service.ledger().len(), fs_err::read(&journal).unwrap());
    let run = lived.machine.run("resume --max-turns 40").exits(1);
    assert_eq!((lived.service.ledger().len(), fs_err::read(&journal).unwrap()), before);
    if !own(lived).exists() {
        lived.has_told_nobody();
    }
    run
}

#[track_caller]
fn says(run: &Run, words: &[&str]) {
    for words in words {
        assert!(run.stderr.contains(words), "{words}\n is not in\n{}", run.stderr);
    }
}

/// Where a login of codexpin's own lives.
fn own(lived: &Lived) -> Utf8PathBuf {
    lived.machine.state().join("login")
}

#[test]
fn a_session_goes_on_with_no_other_account_and_with_a_new_login_of_its_own() {
    let lived = paused();
    let other = lived.service.account().login.unwrap();
    lived.store(&other);
    let run = refused(&lived);
    let place = format!("it is another account's in {} now", lived.home.join(".openclaw"));
    says(&run, &[LENT, &place, "log in to that account again in OpenClaw; or begin anew"]);
    assert!(lived.service.unspent(&other));

    lived.store(&lived.service.login(&lived.account));
    let (run, value) = lived.machine.run_json("resume --max-turns 40");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.1");
}

#[test]
fn a_login_that_is_gone_is_not_replaced_by_codexpins_own() {
    let lived = paused();
    let other = lived.service.account().login.unwrap();
    lived.store_in(&own(&lived), &[("openai-codex:default", &other)]);
    fs_err::remove_file(lived.home.join(STORE)).unwrap();
    let run = refused(&lived);
    let place = format!("{} has no login of that name now", lived.home.join(".openclaw"));
    says(&run, &[LENT, &place, "log in to that account again in OpenClaw; or begin anew"]);
    // As nothing else is, where nothing is left at all.
    fs_err::remove_dir_all(own(&lived)).unwrap();
    says(&refused(&lived), &[LENT, "has no login of that name now"]);
}

#[test]
fn logins_that_have_come_meanwhile_are_passed_over_for_the_one_of_the_session() {
    let lived = paused();
    lived.service.access_lifetime(std::time::Duration::from_hours(960));
    let other = lived.service.account().login.unwrap();
    assert!(other.expires > lived.login.expires);
    lived.store_in(&own(&lived), &[("openai-codex:default", &other)]);
    let both = [("openai-codex:default", &lived.login), ("openai-codex:second", &other)];
    lived.store_in(&lived.home, &both);
    let (run, value) = lived.machine.run_json("resume --max-turns 40");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.1");
    let turns = lived.service.turns();
    assert!(turns.iter().all(|turn| turn.account() == Some(lived.account.id.as_str())));
    lived.is_unharmed();
}

#[test]
fn a_session_with_codexpins_own_login_goes_on_with_that_account_or_not_at_all() {
    let lived = broken_since_june();
    lived.store_in(&own(&lived), &[("openai-codex:default", &lived.login)]);
    lived.machine.run("bisect 2026.5.18 2026.7.1 --max-turns 2").exits(75);
    let lent = "the session was begun with codexpin's own login openai-codex:default";
    // It has ended as well, and is not renewed: that would ask its account.
    let mut other = lived.service.account().login.unwrap();
    other.expires = 1_700_000_000;
    lived.store_in(&own(&lived), &[("openai-codex:default", &other)]);
    let again = "make it again, as that account: `codexpin login`; or begin anew";
    says(&refused(&lived), &[lent, "it is another account's in", again]);
    // The installation's is of the same account, and not what was lent.
    lived.machine.run("login --forget").exits(0);
    says(&refused(&lived), &[lent, "codexpin has no login of its own", again]);
}

#[test]
fn the_turns_of_all_parts_count_and_what_is_said_anew_holds_for_one_part() {
    let lived = paused();
    let id = lived.machine.session().file_name().unwrap().to_owned();
    // Turns in the journal, requests at the service, prefixes.
    let state = || {
        let journal = lived.machine.session().join("journal.jsonl");
        let journal = fs_err::read_to_string(journal).unwrap();
        let turns = journal.matches("\"entry\":\"checked\"").count();
        (turns, lived.service.ledger().len(), lived.machine.prefixes())
    };
    let spent = |words: &str, allowed: usize| {
        let run = lived.machine.run(words).exits(75);
        let why = format!("all turns that were allowed have been taken (--max-turns {allowed})");
        let more = format!("codexpin resume {id} --max-turns {}", state().0 + 40);
        says(&run, &[&why, "everything seen so far is saved", &more]);
    };
    // What is asked for next would have to be installed anew.
    fs_err::remove_dir_all(lived.machine.cache().join("prefixes")).unwrap();
    let before = state();
    for (words, allowed) in [("resume", 2), ("resume --max-turns 1", 1)] {
        spent(words, allowed);
        assert_eq!(state(), before, "{words}: at once, nothing installed and nobody asked");
    }
    spent("resume --max-turns 3", 3);
    let after = state();
    assert_eq!((before.0, after.0), (2, 3));
    spent("bisect --resume", 2);
    assert_eq!(state(), after, "without a limit said anew, the session's own counts");
    let (run, value) = lived.machine.run_json("resume --max-turns 40");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.1");
    // What is found needs no more turns.
    lived.machine.run(&format!("resume {id}")).exits(0);
    lived.is_unharmed();
}
