//! The user's own login, lent to candidates: a service that plays OpenAI, with
//! single-use refresh tokens, says what became of it.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::{Value, json};

use crate::agent;
use crate::machine::Machine;
use crate::service::{Account, Entry, Login, Service};

/// Where releases of May keep logins, in a home.
pub(crate) const STORE: &str = ".openclaw/agents/main/agent/auth-profiles.json";

/// A machine with a live installation's state, whose login is good at the service.
pub(crate) struct Lived {
    pub(crate) machine: Machine,
    pub(crate) service: Service,
    pub(crate) account: Account,
    pub(crate) login: Login,
    _home: tempfile::TempDir,
    pub(crate) home: Utf8PathBuf,
}

impl Lived {
    fn in_with(machine: Machine) -> Self {
        let (mut machine, service) = (machine, Service::start());
        // Not under /tmp, which candidates find empty anyway.
        let guard = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let home = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        fs_err::copy(machine.npmrc(), home.join(".npmrc")).unwrap();
        let account = service.account();
        let login = account.login.clone().unwrap();
        machine.set("HOME", home.as_str());
        for (name, value) in service.environment(&[]) {
            machine.set(name, value);
        }
        let lived = Self { machine, service, account, login, _home: guard, home };
        lived.store(&lived.login);
        lived.write(
            ".openclaw/openclaw.json",
            &json!({
                "agents": { "defaults": { "model": { "primary": "openai-codex/gpt-5.5" } } },
                "auth": { "profiles": { "openai-codex:default": {
                    "provider": "openai-codex", "mode": "oauth",
                } } },
            }),
        );
        lived
    }

    fn new() -> Self {
        Self::in_with(Machine::new())
    }

    fn write(&self, file: &str, value: &Value) {
        let file = self.home.join(file);
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, value.to_string()).unwrap();
    }

    /// As releases of May keep a login.
    pub(crate) fn store(&self, login: &Login) {
        self.store_in(&self.home, &[("openai-codex:default", login)]);
    }

    /// The same in another home, or under other names.
    pub(crate) fn store_in(&self, home: &Utf8Path, logins: &[(&str, &Login)]) {
        let profile = |login: &Login| {
            json!({
                "type": "oauth", "provider": "openai-codex",
                "access": login.access, "refresh": login.refresh, "expires": login.expires * 1000,
                "accountId": login.account_id, "email": self.account.email,
            })
        };
        let profiles: serde_json::Map<_, _> =
            logins.iter().map(|(name, login)| ((*name).to_owned(), profile(login))).collect();
        let file = json!({ "version": 1, "profiles": profiles });
        self.write(home.join(STORE).as_str(), &file);
    }

    fn stored(&self) -> String {
        fs_err::read_to_string(self.home.join(STORE)).unwrap()
    }

    /// The live agent can go on as if codexpin had never been there.
    #[track_caller]
    pub(crate) fn is_unharmed(&self) {
        assert!(self.service.unspent(&self.login), "{:#?}", self.service.refreshes());
        assert!(!self.service.revoked(&self.login));
        assert!(self.service.refreshes().is_empty(), "{:#?}", self.service.refreshes());
        assert!(self.service.most_at_once(&self.account) <= 1);
        assert!(self.stored().contains(&self.login.refresh));
    }

    /// The secrets of the login, by name.
    fn secrets(&self) -> Value {
        json!({
            "access token": self.login.access,
            "refresh token": self.login.refresh,
            "account id": self.account.id,
            "address": self.account.email,
        })
    }

    /// No file of codexpin's holds a secret.
    #[track_caller]
    pub(crate) fn has_told_nobody(&self) {
        for directory in [self.machine.state(), self.machine.cache(), self.machine.work()] {
            for (file, text) in texts(&directory) {
                for (name, secret) in self.secrets().as_object().unwrap() {
                    assert!(!text.contains(secret.as_str().unwrap()), "{name} is in {file}");
                }
            }
        }
    }
}

/// Every file under a directory, but those of installed packages.
fn texts(directory: &Utf8Path) -> Vec<(Utf8PathBuf, String)> {
    let mut all = Vec::new();
    for entry in directory.read_dir_utf8().into_iter().flatten().flatten() {
        let path = entry.path().to_owned();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && entry.file_name() != "node_modules" => {
                all.extend(texts(&path));
            }
            Ok(kind) if kind.is_file() => {
                let bytes = fs_err::read(&path).unwrap_or_default();
                all.push((path, String::from_utf8_lossy(&bytes).into_owned()));
            }
            _ => {}
        }
    }
    all
}

pub(crate) fn broken_since_june() -> Lived {
    let machine = Machine::new();
    for core in ["2026.6.1", "2026.6.5", "2026.6.11", "2026.7.1"] {
        machine.registry.script(core, [agent::unknown_model()]);
    }
    Lived::in_with(machine)
}

#[test]
fn the_live_login_is_found_and_lent_by_its_access_token() {
    let lived = Lived::new();
    let run = lived.machine.run("check 2026.5.18").exits(0);
    assert!(
        run.stdout.contains(
            "live upstream, this installation's login openai-codex:default, its access token only"
        ),
        "{}",
        run.stdout
    );
    assert!(run.stderr.contains("live upstream, 1 turn"), "{}", run.stderr);
    assert!(run.stderr.contains("the live logins are as they were"), "{}", run.stderr);
    let turns = lived.service.turns();
    assert_eq!(turns.len(), 1);
    assert_eq!(turns[0].account(), Some(lived.account.id.as_str()));
    lived.is_unharmed();
    lived.has_told_nobody();
}

#[test]
fn a_bisect_ends_the_same_by_every_way_of_lending_and_costs_the_live_login_nothing() {
    for way in ["", "--relay"] {
        let lived = broken_since_june();
        let (run, value) = lived.machine.run_json(&format!("bisect 2026.5.18 2026.7.1 {way}"));
        run.exits(0);
        assert_eq!(value["first_bad"], "2026.6.1", "{value:#}");
        assert_eq!(value["upstream"], "live");
        let checked = value["checked"].as_array().unwrap();
        let made_for = |purpose| checked.iter().filter(|check| check["purpose"] == purpose).count();
        let controlled = made_for("controlled");
        assert!(controlled >= 2, "{value:#}");
        assert_eq!(controlled, made_for("control"), "{value:#}");
        assert!(value["confidence"].as_f64().unwrap() >= 0.99, "{value:#}");
        let pin = fs_err::read_to_string(lived.machine.pin_file()).unwrap();
        assert!(pin.contains("upstream = \"live\""), "{pin}");
        lived.is_unharmed();
        lived.has_told_nobody();
    }
}

#[test]
fn a_candidate_that_wants_to_renew_the_login_is_skipped_and_renews_nothing() {
    for (way, times) in [("", 1), ("", 20), ("--relay", 1), ("--relay", 20)] {
        let lived = Lived::new();
        lived.machine.registry.script("2026.5.18", [agent::renews_its_login(times)]);
        let (run, value) = lived.machine.run_json(&format!("check 2026.5.18 {way}"));
        run.exits(125);
        assert_eq!(value["reason"]["failure"]["signature"], "wants-refresh", "{value:#}");
        lived.is_unharmed();
        lived.has_told_nobody();
    }
}

#[test]
fn a_burglar_finds_no_refresh_token_and_where_codexpin_relays_no_secret_at_all() {
    for (way, expected) in [("", vec!["access token", "account id"]), ("--relay", vec![])] {
        let lived = Lived::new();
        let root = lived.machine.root().as_str();
        let directories = [root, lived.home.as_str(), "/tmp", "/var/tmp"];
        let looks = agent::looks_for(&lived.secrets(), &directories);
        lived.machine.registry.script("2026.5.18", [looks]);
        lived.machine.run(&format!("check 2026.5.18 {way}")).exits(0);
        let notes = lived.machine.registry.notes();
        let found = notes.iter().find_map(|note| note.get("found")).unwrap();
        println!("{way}: {found:#}");
        assert!(found["files"].as_u64().unwrap() > 10, "it did look around: {found:#}");
        let names: Vec<_> =
            found.as_object().unwrap().keys().filter(|key| *key != "files").collect();
        assert_eq!(names, expected, "{found:#}");
        lived.is_unharmed();
    }
}

#[test]
fn a_candidate_that_prints_what_it_is_lent_puts_it_into_no_log() {
    let lived = Lived::new();
    let lines = [lived.login.access.as_str(), lived.account.id.as_str()];
    lived.machine.registry.script("2026.5.18", [agent::answers_after(&lines)]);
    let (run, value) = lived.machine.run_json("check 2026.5.18");
    let run = run.exits(0);
    assert!(!run.stdout.contains(&lived.login.access), "{}", run.stdout);
    let stdout = value["routes"][0]["observation"]["stdout"].as_str().unwrap();
    assert!(stdout.starts_with("[token]\n[account]\n"), "{stdout}");
    lived.has_told_nobody();
}

#[test]
fn a_usage_limit_pauses_a_bisect_which_goes_on_when_it_is_lifted() {
    let mut lived = broken_since_june();
    lived.machine.provide("codex", "[ \"$*\" = 'login status' ] && echo 'Logged in using ChatGPT'");
    lived.service.usage_limit(&lived.account, 1);
    let run = lived.machine.run("bisect 2026.5.18 2026.7.1 --relay").exits(75);
    assert!(run.stderr.contains("codexpin resume "), "{}", run.stderr);
    let control = "`codex login status` says: Logged in using ChatGPT";
    assert!(run.stderr.contains(control), "{}", run.stderr);
    lived.service.lift_usage_limit(&lived.account);
    let (run, value) = lived.machine.run_json("bisect --resume");
    run.exits(0);
    assert_eq!(value["first_bad"], "2026.6.1");
    lived.is_unharmed();
}

fn is_let_in(entry: &Entry) -> bool {
    entry.path.contains("responses") && entry.status == Some(200)
}

#[test]
fn an_outage_and_a_refused_login_in_mid_session_are_no_release_s_fault() {
    for (way, outage) in [("", true), ("--relay", true), ("", false), ("--relay", false)] {
        let lived = broken_since_june();
        // The good end answers, and nobody after it.
        lived.machine.registry.script("2026.7.1", [agent::answers()]);
        lived.service.hold();
        let run = lived.machine.start(&format!("bisect 2026.5.18 2026.7.1 {way}"));
        // Let in, and held before its last event.
        lived.service.until(|entries| entries.iter().any(is_let_in));
        if outage {
            lived.service.outage(true);
        } else {
            lived.service.expire(&lived.account);
        }
        lived.service.release();
        let run = run.finish().exits(75);
        assert!(run.stderr.contains("codexpin resume "), "{}", run.stderr);
        assert!(!lived.machine.pin_file().exists());

        lived.service.outage(false);
        if !outage {
            lived.store(&lived.service.login(&lived.account));
        }
        let script = agent::unknown_model();
        lived.machine.registry.script("2026.7.1", [script]);
        let (run, value) = lived.machine.run_json("bisect --resume");
        run.exits(0);
        assert_eq!(value["first_bad"], "2026.6.1", "{way} {outage}");
        assert!(lived.service.refreshes().is_empty());
    }
}

#[test]
fn a_login_that_ends_too_soon_is_not_lent_and_the_way_out_is_told() {
    let lived = Lived::new();
    let mut ending = lived.login.clone();
    ending.expires = 1_700_000_000;
    lived.store(&ending);
    let run = lived.machine.run("check 2026.5.18").exits(0);
    assert!(run.stderr.contains("the loopback answers instead"), "{}", run.stderr);
    let run = lived.machine.run("check 2026.5.18 --upstream live").exits(75);
    assert!(run.stderr.contains("ask your agent anything"), "{}", run.stderr);
    assert!(lived.service.turns().is_empty());
    lived.is_unharmed();
}

#[test]
fn two_codexpins_do_not_ask_one_account_side_by_side() {
    let lived = Lived::new();
    lived.machine.run("check 2026.5.18").exits(0);
    lived.service.hold();
    let runs = [0, 1].map(|_| lived.machine.start("check 2026.5.18"));
    lived.service.until(|entries| entries.iter().filter(|e| is_let_in(e)).count() >= 2);
    lived.service.release();
    for run in runs {
        run.finish().exits(0);
    }
    assert_eq!(lived.service.turns().len(), 3);
    lived.is_unharmed();
}

#[test]
fn what_a_killed_codexpin_leaves_of_a_login_is_swept_by_the_next_one() {
    let lived = Lived::new();
    lived.machine.run("check 2026.5.18").exits(0);
    lived.service.hold();
    let run = lived.machine.start("check 2026.5.18");
    lived.service.until(|entries| entries.iter().filter(|e| is_let_in(e)).count() >= 2);
    run.signal(nix::sys::signal::Signal::SIGKILL);
    run.finish().exits(137);
    lived.service.release();
    lived.machine.run("releases").exits(0);
    lived.is_unharmed();
    lived.has_told_nobody();
}

#[test]
fn an_api_key_is_used_only_where_it_is_asked_for() {
    let mut lived = Lived::new();
    let key = lived.service.api_key();
    lived.machine.set("OPENAI_API_KEY", key.clone());
    lived.machine.run("check 2026.5.18").exits(0);
    assert!(lived.service.turns().iter().all(|turn| turn.host == "chatgpt.com"));
    for way in ["", "--relay"] {
        let words =
            format!("check 2026.5.18 --route openai/gpt-5.5 --api-key-env OPENAI_API_KEY {way}");
        let run = lived.machine.run(&words).exits(0);
        assert!(run.stdout.contains("the API key in OPENAI_API_KEY"), "{}", run.stdout);
    }
    assert_eq!(
        lived.service.turns().iter().filter(|turn| turn.host == "api.openai.com").count(),
        2
    );
    let texts = texts(&lived.machine.state());
    assert!(texts.iter().all(|(_, text)| !text.contains(&key)));
    lived.is_unharmed();
}
