//! Stores as releases leave them, with made-up tokens.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest as _, Sha256};

use super::*;

/// What must be nowhere but in the live stores.
const CANARY: &str = "rt-canary-of-a-refresh-token";

struct Machine {
    _guard: tempfile::TempDir,
    place: Place,
}

impl Machine {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(guard.path()).unwrap();
        let place = Place::new(&home.join(".openclaw"), home);
        Self { _guard: guard, place }
    }

    fn write(&self, path: &str, content: &str) -> Utf8PathBuf {
        let path = self.place.home.join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }

    fn inline(&self, profile: &str) -> Utf8PathBuf {
        let store = format!(r#"{{"version":1,"profiles":{{"openai-codex:default":{profile}}}}}"#);
        self.write(".openclaw/agents/main/agent/auth-profiles.json", &store)
    }

    /// As 2026.5.12 wrote it.
    fn sealed(&self, seed: &str) {
        let id = "b5e70f9905e7a5f737cab6ff2dcff285";
        self.inline(&format!(
            r#"{{"type":"oauth","provider":"openai-codex","expires":1796137250000,
            "oauthRef":{{"source":"openclaw-credentials","provider":"openai-codex","id":"{id}"}}}}"#
        ));
        let key = Sha256::digest(format!("openclaw:auth-profile-oauth:{seed}"));
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key).unwrap());
        let aad = Aad::from(format!("{id}\0openai-codex:default\0openai-codex"));
        let mut text = format!(r#"{{"access":"{}","refresh":"{CANARY}"}}"#, token(1_800_000_000));
        let mut bytes = std::mem::take(&mut text).into_bytes();
        let nonce = Nonce::assume_unique_for_key([7; 12]);
        let tag = key.seal_in_place_separate_tag(nonce, aad, &mut bytes).unwrap();
        let envelope = serde_json::json!({
            "version": 1, "profileId": "openai-codex:default", "provider": "openai-codex",
            "encrypted": {
                "algorithm": "aes-256-gcm", "iv": base64([7; 12]), "tag": base64(tag.as_ref()),
                "ciphertext": base64(bytes),
            },
        });
        let path = format!(".openclaw/credentials/auth-profiles/{id}.json");
        self.write(&path, &envelope.to_string());
        self.write(".config/openclaw/auth-profile-secret-key", "a-made-up-seed\n");
    }

    /// As 2026.7.1 (`auth_profile_store`) or 9.5 (`config_machine_state`) wrote it.
    fn database(&self, table: &str) -> rusqlite::Connection {
        let store = format!(
            r#"{{"version":1,"profiles":{{"openai:default":{{"type":"oauth","provider":"openai",
            "email":"me@example.invalid","access":"{}","refresh":"{CANARY}","accountId":"acct-1",
            "expires":1796113297000}}}}}}"#,
            token(1_800_000_000)
        );
        let (file, key, row) = match table {
            "auth_profile_store" => ("agents/main/agent/openclaw-agent.sqlite", "store", "primary"),
            _ => ("state/openclaw.sqlite", "state", "authProfiles.store"),
        };
        let path = self.write(&format!(".openclaw/{file}"), "");
        let database = rusqlite::Connection::open(path).unwrap();
        database.pragma_update(None, "journal_mode", "wal").unwrap();
        let (json, at) = match key {
            "store" => ("store_json", "updated_at"),
            _ => ("value_json", "updated_at_ms"),
        };
        let columns = format!("{key}_key primary key, {json}, {at}");
        let sql = format!("create table {table} ({columns}); create table t (x)");
        database.execute_batch(&sql).unwrap();
        let sql = format!("insert into {table} values (?1, ?2, 1)");
        database.execute(&sql, [row, &store]).unwrap();
        database
    }

    fn only(&self) -> Login {
        let mut logins = read(&self.place).unwrap();
        assert_eq!(logins.len(), 1, "{logins:?}");
        logins.remove(0)
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn token(exp: i64) -> String {
    let claims = format!(
        r#"{{"exp":{exp},"https://api.openai.com/auth":{{"chatgpt_account_id":"acct-of-the-token"}}}}"#
    );
    format!("{}.{}.sig", base64("{}"), base64(claims))
}

fn inline_profile(more: &str) -> String {
    let access = token(1_800_000_000);
    format!(r#"{{"type":"oauth","provider":"openai-codex","access":"{access}"{more}}}"#)
}

/// Every file below, as bytes.
fn bytes_below(directory: &Utf8Path) -> Vec<(Utf8PathBuf, Vec<u8>)> {
    let entries = walkdir::WalkDir::new(directory).into_iter().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().is_file());
    let mut all: Vec<_> = files
        .map(|entry| {
            let path = Utf8PathBuf::from_path_buf(entry.into_path()).unwrap();
            let content = fs_err::read(&path).unwrap();
            (path, content)
        })
        .collect();
    all.sort();
    all
}

#[test]
fn an_inline_login_is_read_and_its_refresh_token_is_only_noticed() {
    let machine = Machine::new();
    machine.inline(&inline_profile(&format!(r#","refresh":"{CANARY}","expires":1796137250000"#)));
    let login = machine.only();
    assert_eq!((login.kind, login.format), (LoginKind::OAuth, LoginFormat::Inline));
    assert_eq!((login.profile.as_str(), login.agent.as_str()), ("openai-codex:default", "main"));
    assert_eq!(login.access, Some(Secret::new(token(1_800_000_000))));
    assert_eq!(login.account, Some(Secret::new("acct-of-the-token")));
    assert_eq!(login.expires.unwrap().as_millisecond(), 1_796_137_250_000);
    assert!(login.holds_refresh && !format!("{login:?}").contains("canary"));
}

#[test]
fn the_end_that_comes_first_counts_and_a_blank_refresh_token_is_none() {
    for (more, expected) in [
        (r#","expires":1900000000000,"refresh":"""#, 1_800_000_000),
        (r#","expires":1700000000000,"refresh":" ""#, 1_700_000_000),
        (r#","expires":"soon","refresh":null"#, 1_800_000_000),
        ("", 1_800_000_000),
    ] {
        let machine = Machine::new();
        machine.inline(&inline_profile(more));
        let login = machine.only();
        assert_eq!(login.expires.unwrap().as_second(), expected, "{more}");
        assert!(!login.holds_refresh, "{more}");
        assert!(login.serves_until(Timestamp::from_second(expected - 1).unwrap()));
        assert!(!login.serves_until(Timestamp::from_second(expected).unwrap()));
    }
}

#[test]
fn keys_and_static_tokens_are_seen_and_not_taken() {
    let machine = Machine::new();
    machine.inline(r#"{"type":"api_key","provider":"openai","key":"sk-canary","access":"x"}"#);
    let login = machine.only();
    assert_eq!((login.kind, login.access.clone()), (LoginKind::ApiKey, None));
    assert_eq!(LentLogin::of(&login), None);
}

#[test]
fn a_label_has_no_address_in_it() {
    let machine = Machine::new();
    machine.inline(&inline_profile(""));
    let mut login = machine.only();
    assert_eq!(login.label(), "openai-codex:default");
    "openai:me@example.invalid".clone_into(&mut login.profile);
    assert_eq!(login.label(), "openai:***");
}

#[test]
fn a_sealed_login_is_opened_with_the_key_that_is_kept_elsewhere() {
    let mut machine = Machine::new();
    machine.sealed("a-made-up-seed");
    let login = machine.only();
    assert_eq!((login.format, login.holds_refresh), (LoginFormat::Sealed, true));
    assert_eq!(login.access, Some(Secret::new(token(1_800_000_000))));
    machine.place.seed = Some(Secret::new("another seed"));
    let error = read(&machine.place).unwrap_err();
    assert!(matches!(error, LoginError::WrongKey { .. }) && error.hint().is_some(), "{error}");
    machine.place.seed = None;
    fs_err::remove_dir_all(machine.place.home.join(".config")).unwrap();
    let error = read(&machine.place).unwrap_err().to_string();
    assert!(error.contains(".config/openclaw/auth-profile-secret-key"), "{error}");
}

#[test]
fn logins_in_databases_are_read_while_a_gateway_has_them_open() {
    for table in ["auth_profile_store", "config_machine_state"] {
        let machine = Machine::new();
        let gateway = machine.database(table);
        let names = || {
            let all = bytes_below(&machine.place.home).into_iter();
            all.map(|(path, _)| path).collect::<Vec<_>>()
        };
        let before = names();
        let login = machine.only();
        assert_eq!((login.format, login.holds_refresh), (LoginFormat::Sqlite, true), "{table}");
        assert_eq!(login.account, Some(Secret::new("acct-1")));
        assert_eq!(names(), before);
        drop(gateway);
        let before = bytes_below(&machine.place.home);
        assert_eq!(machine.only(), login);
        assert_eq!(bytes_below(&machine.place.home), before, "{table}");
    }
}

#[test]
fn what_is_no_store_is_named_and_not_quoted() {
    let machine = Machine::new();
    for content in [format!(r#"{{"profiles":"{CANARY}"}}"#), CANARY.to_owned()] {
        let path = machine.write(".openclaw/agents/main/agent/auth-profiles.json", &content);
        let error = read(&machine.place).unwrap_err().to_string();
        assert!(error.contains(path.as_str()) && !error.contains("canary"), "{error}");
    }
}

#[test]
fn a_machine_without_openclaw_has_no_logins() {
    let machine = Machine::new();
    assert_eq!(read(&machine.place).unwrap(), []);
    assert!(Fingerprint::take(&machine.place).unwrap().is_empty());
}

#[test]
fn a_fingerprint_tells_which_store_changed_and_not_that_a_database_was_used() {
    let machine = Machine::new();
    machine.sealed("a-made-up-seed");
    let gateway = machine.database("config_machine_state");
    let before = Fingerprint::take(&machine.place).unwrap();
    gateway.execute_batch("insert into t values (1)").unwrap();
    machine.write(".openclaw/agents/main/agent/auth-state.json", "{}");
    machine.write(".openclaw/credentials/whatsapp/session.json", "{}");
    let used = Fingerprint::take(&machine.place).unwrap();
    assert_eq!(before.differences(&used), Vec::<Utf8PathBuf>::new());
    assert_eq!(before.len(), 4);
    gateway.execute_batch("update config_machine_state set value_json = '{}'").unwrap();
    let key = machine.write(".config/openclaw/auth-profile-secret-key", "another\n");
    let came = machine.write(".openclaw/agents/main/agent/auth-profiles.json.1.bak", "{}");
    let after = Fingerprint::take(&machine.place).unwrap();
    let database = machine.place.state.join("state/openclaw.sqlite");
    assert_eq!(before.differences(&after), [key, came, database]);
}

#[test]
fn what_is_lent_from_every_format_can_be_read_and_has_no_refresh_token() {
    let formats: [fn(&Machine); 4] = [
        |machine| drop(machine.inline(&inline_profile(&format!(r#","refresh":"{CANARY}""#)))),
        |machine| machine.sealed("a-made-up-seed"),
        |machine| drop(machine.database("auth_profile_store")),
        |machine| drop(machine.database("config_machine_state")),
    ];
    for write in formats {
        let live = Machine::new();
        write(&live);
        let login = live.only();
        let lent = LentLogin::of(&login).unwrap().under("openai:lent", "openai");
        for store in [AuthStore::Inline, AuthStore::Agent, AuthStore::State] {
            let scratch = Machine::new();
            lend(std::slice::from_ref(&lent), &scratch.place.state, store).unwrap();
            let found = read(&scratch.place).unwrap();
            assert_eq!(found.len(), if store == AuthStore::Agent { 2 } else { 1 });
            for found in found {
                assert_eq!(found.access, login.access);
                assert_eq!((found.profile.as_str(), found.holds_refresh), ("openai:lent", false));
            }
            for (path, bytes) in bytes_below(&scratch.place.home) {
                assert!(!has(&bytes, CANARY), "{path}");
                let mode = fs_err::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{path}");
            }
        }
    }
}

fn has(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_database_that_a_plugin_left_gets_the_login_besides_what_it_has() {
    let scratch = Machine::new();
    let path = scratch.write(".openclaw/state/openclaw.sqlite", "");
    let left = rusqlite::Connection::open(&path).unwrap();
    left.execute_batch(
        "create table config_machine_state (state_key TEXT NOT NULL PRIMARY KEY,
           value_json TEXT NOT NULL, updated_at_ms INTEGER NOT NULL) STRICT;
         insert into config_machine_state values ('plugins', '{}', 1);
         pragma user_version = 17",
    )
    .unwrap();
    lend(&[LentLogin::made_up("openai:default", "openai")], &scratch.place.state, AuthStore::State)
        .unwrap();
    let rows: i64 =
        left.query_row("select count(*) from config_machine_state", [], |row| row.get(0)).unwrap();
    assert_eq!((rows, crate::sqlite::user_version(&path).unwrap()), (3, 17));
    assert_eq!(scratch.only().label(), "openai:default");
}

#[test]
fn the_shelf_is_the_one_that_the_release_reads() {
    let of = |package: serde_json::Value| AuthStore::of(&package);
    let schema = |state: i64| serde_json::json!({"openclaw": {"schemaVersions": {"state": state}}});
    assert_eq!(of(serde_json::json!({"version": "2026.5.18"})), Some(AuthStore::Agent));
    assert_eq!(of(schema(6)), None);
    assert_eq!((of(schema(15)), of(schema(17))), (Some(AuthStore::State), Some(AuthStore::State)));
}
use crate::explain::Explain as _;

/// One agent's logins, as 2026.7.1 keeps them: two of `ChatGPT`, a key, another provider's.
fn store_of_july(machine: &Machine) -> Utf8PathBuf {
    let path = machine.write(".openclaw/agents/main/agent/openclaw-agent.sqlite", "");
    let database = rusqlite::Connection::open(&path).unwrap();
    let sql = "create table auth_profile_store (store_key TEXT NOT NULL PRIMARY KEY,
               store_json TEXT NOT NULL, updated_at INTEGER NOT NULL)";
    database.execute_batch(sql).unwrap();
    let oauth = |refresh: &str| {
        serde_json::json!({"type": "oauth", "provider": "openai", "access": "a", "refresh": refresh,
                           "expires": 1_796_113_297_000_i64})
    };
    let store = serde_json::json!({"version": 1, "profiles": {
        "openai:default": {"type": "api_key", "provider": "openai", "key": "sk-made-up"},
        "openai:chatgpt-default": oauth(CANARY),
        "openai:me@example.invalid": oauth("rt-other"),
        "anthropic:default": {"type": "api_key", "provider": "anthropic", "key": "made-up"},
    }, "order": {"openai": ["openai:chatgpt-default", "openai:default"]}});
    let sql = "insert into auth_profile_store values ('primary', ?1, 1)";
    database.execute(sql, [store.to_string()]).unwrap();
    path
}

fn july_store(database: &Utf8Path) -> serde_json::Value {
    let sql = "select store_json from auth_profile_store where store_key = 'primary'";
    let connection = rusqlite::Connection::open(database).unwrap();
    let text: String = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn moves(machine: &Machine, from: &str, to: &str) -> Vec<carry::LoginMove> {
    carry::find(&machine.place, from.parse().unwrap(), to.parse().unwrap()).unwrap()
}

#[test]
fn logins_go_down_under_the_older_names_and_come_up_as_they_were_with_the_tokens_of_then() {
    let machine = Machine::new();
    let database = store_of_july(&machine);
    let before = july_store(&database);
    let down = moves(&machine, "2026.7.1", "2026.5.28");
    assert_eq!(down.len(), 1);
    assert!(down[0].labels.contains(&"openai:***".to_owned()), "{:?}", down[0].labels);
    assert!(!serde_json::to_string(&down).unwrap().contains("me@example"), "no address is kept");
    down[0].take().unwrap();

    let file = machine.place.state.join("agents/main/agent/auth-profiles.json");
    let text = fs_err::read_to_string(&file).unwrap();
    let there: serde_json::Value = serde_json::from_str(&text).unwrap();
    let names: Vec<_> = there["profiles"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        names,
        [
            "anthropic:default",
            "openai-codex:default",
            "openai-codex:me@example.invalid",
            "openai:default"
        ]
    );
    assert_eq!(there["profiles"]["openai-codex:default"]["provider"], "openai-codex");
    assert_eq!(there["profiles"]["openai-codex:default"]["refresh"], CANARY);
    assert_eq!(there["order"]["openai-codex"], serde_json::json!(["openai-codex:default"]));
    assert_eq!(there["order"]["openai"], serde_json::json!(["openai:default"]));
    let mode = fs_err::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(july_store(&database)["profiles"], serde_json::json!({}), "moved, not copied");
    let pages = fs_err::read(&database).unwrap();
    assert!(!pages.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()));

    // The older release renews it, and the way back takes what is there then.
    fs_err::write(&file, text.replace(CANARY, "rt-renewed")).unwrap();
    let up = moves(&machine, "2026.5.28", "2026.7.1");
    up[0].take().unwrap();
    let after = july_store(&database);
    assert_eq!(after["profiles"]["openai:chatgpt-default"]["refresh"], "rt-renewed");
    let names = |store: &serde_json::Value| {
        store["profiles"].as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&after), names(&before));
    assert!(!file.exists());
}

#[test]
fn a_move_that_was_killed_half_way_is_finished_or_taken_back_with_one_login_at_the_end() {
    for back in [false, true] {
        let machine = Machine::new();
        let database = store_of_july(&machine);
        let whole = july_store(&database);
        let down = moves(&machine, "2026.7.1", "2026.6.1").remove(0);
        down.take().unwrap();
        // Killed between the two writes: the login is in both.
        let connection = rusqlite::Connection::open(&database).unwrap();
        let sql = "update auth_profile_store set store_json = ?1";
        connection.execute(sql, [whole.to_string()]).unwrap();
        drop(connection);
        let moved = if back { down.back() } else { down };
        moved.take().unwrap();
        moved.take().unwrap();
        let file = machine.place.state.join("agents/main/agent/auth-profiles.json");
        assert_eq!(july_store(&database)["profiles"] == whole["profiles"], back);
        assert_eq!(file.exists(), !back);
    }
}

#[test]
fn a_renamed_provider_is_named_as_the_release_names_it_in_the_same_file() {
    let machine = Machine::new();
    let profile = r#"{"type":"oauth","provider":"openai","access":"a","refresh":"r"}"#;
    let store = format!(r#"{{"version":1,"profiles":{{"openai:default":{profile}}}}}"#);
    let file = machine.write(".openclaw/agents/main/agent/auth-profiles.json", &store);
    assert!(moves(&machine, "2026.6.1", "2026.6.1-1").is_empty());
    moves(&machine, "2026.6.1", "2026.5.28")[0].take().unwrap();
    let text = fs_err::read_to_string(&file).unwrap();
    assert!(
        text.contains(r#""openai-codex:default":{"#)
            && text.contains(r#""provider":"openai-codex""#)
    );
    // Up only where doctor has been once: else it is doctor's to do, with the config.
    assert!(moves(&machine, "2026.5.28", "2026.6.1").is_empty());
    machine.write(
        ".openclaw/agents/main/agent/auth-profiles.json.openai-provider-unification.17.bak",
        &store,
    );
    moves(&machine, "2026.5.28", "2026.6.1")[0].take().unwrap();
    let value: serde_json::Value =
        serde_json::from_str(&fs_err::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(value, serde_json::from_str::<serde_json::Value>(&store).unwrap());
}

#[test]
fn what_all_agents_share_goes_to_a_release_without_databases_and_comes_back() {
    let machine = Machine::new();
    drop(machine.database("config_machine_state"));
    fs_err::create_dir_all(machine.place.state.join("agents/main/agent")).unwrap();
    let shared = machine.place.state.join("state/openclaw.sqlite");
    let down = moves(&machine, "2026.9.5", "2026.5.28").remove(0);
    assert_eq!(down.from, carry::AgentStore::Shared(shared));
    down.take().unwrap();
    let login = machine.only();
    assert_eq!(
        (login.profile.as_str(), login.format),
        ("openai-codex:default", LoginFormat::Inline)
    );
    assert!(login.holds_refresh);
    moves(&machine, "2026.5.28", "2026.9.5")[0].take().unwrap();
    let login = machine.only();
    assert_eq!((login.profile.as_str(), login.format), ("openai:default", LoginFormat::Sqlite));
    assert!(login.holds_refresh);
}
