use std::io::Write as _;
use std::sync::Arc;

use camino::Utf8Path;
use proptest::prelude::*;

use super::*;
use crate::secret::Secret;

/// What is to go, and a text that holds it; by what stands in its place.
fn planted(canary: &str) -> Vec<(String, String, &'static str)> {
    let whole = |text: String, mask| (text.clone(), text, mask);
    let within = |text: String, mask| (canary.to_owned(), text, mask);
    vec![
        whole(format!("{canary}.person@example.com"), MAIL),
        whole(format!("{canary}+openclaw%40mail.example.org"), MAIL),
        whole(format!("sk-{canary}"), TOKEN),
        whole(format!("sk-proj-{canary}_{canary}-x"), TOKEN),
        whole(format!("rt_{canary}"), TOKEN),
        whole(format!("rt.1.{canary}-{canary}"), TOKEN),
        whole(format!("npm_{canary}{canary}"), TOKEN),
        whole(format!("ghp_{canary}{canary}"), TOKEN),
        whole(format!("github_pat_{canary}_{canary}"), TOKEN),
        whole(format!("1234567890:AA{canary}{canary}"), TOKEN),
        whole(format!("xoxb-12345-{canary}"), TOKEN),
        whole(format!("eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnki{canary}.{canary}"), TOKEN),
        whole(format!("eyJhbGciOiJkaXIi.{canary}.{canary}.{canary}.{canary}"), TOKEN),
        within(format!("eyJhbGciOiJSUzI1NiJ9{canary}"), TOKEN),
        within(format!("Bearer {canary}"), TOKEN),
        within(format!("authorization: Bearer {canary}"), TOKEN),
        within(format!("Authorization: Basic {canary}=="), TOKEN),
        within(format!(r#""authorization":"{canary}""#), TOKEN),
        within(format!(r#"proxy-authorization: "bearer {canary}""#), TOKEN),
        within(format!("cookie: first={canary}; second={canary}"), TOKEN),
        within(format!(r#""set-cookie":["__cf_bm={canary}; path=/; secure"]"#), TOKEN),
        within(format!(r#"{{"refresh_token": "{canary}", "expires": 3}}"#), TOKEN),
        within(format!(r#"{{"refresh":"x","access_token":"{canary}"}}"#), TOKEN),
        within(format!(r#"{{\"id_token\":\"{canary}\",\"n\":1}}"#), TOKEN),
        within(format!(r#"{{\\\"id_token\\\": \\\"{canary}\\\"}}"#), TOKEN),
        within(format!("{{ refreshToken: '{canary}', n: 1 }}"), TOKEN),
        within(format!("apiKey: \"{canary}\","), TOKEN),
        within(format!("token = \"{canary} {canary}\""), TOKEN),
        within(format!("OPENCLAW_GATEWAY_TOKEN={canary}"), TOKEN),
        within(format!("export OPENAI_API_KEY={canary}"), TOKEN),
        within(format!("//registry.example.org/:_authToken={canary}"), TOKEN),
        within(format!("//registry.example.org/:_auth={canary}=="), TOKEN),
        within(format!("_password={canary}"), TOKEN),
        within(format!("password: {canary}"), TOKEN),
        within(
            format!("GET https://api.telegram.org/bot1234567890:AA{canary}{canary}/getMe"),
            TOKEN,
        ),
        within(format!("OPENCLAW_AUTH_PROFILE_SECRET_KEY={canary}"), TOKEN),
        within(format!("AWS_SECRET_ACCESS_KEY={canary}"), TOKEN),
        within(format!("secretAccessKey: \"{canary}\""), TOKEN),
        within(format!(r#"{{"password": 8675309{canary}, "n": 1}}"#), TOKEN),
        within(format!("openclaw gateway --token {canary} --port 1"), TOKEN),
        within(format!("openclaw onboard --openai-api-key={canary}"), TOKEN),
        within(format!(r#"{{"access":"{canary}","refresh":"v1.{canary}"}}"#), TOKEN),
        within(format!("Authorization: Bot {canary}"), TOKEN),
        within(format!("OPENCLAW_GATEWAY_PASSWORD=${canary}"), TOKEN),
        within(format!("\"password\":\"$2b$10${canary}\""), TOKEN),
        within(format!(r#""set-cookie":["a=1; path=/","session={canary}; path=/"]"#), TOKEN),
        within(format!("{canary}.wei@163.com"), MAIL),
        within(format!(r#""password": "{canary} \"and\" {canary}""#), TOKEN),
        within(format!("client_secret={canary}&grant_type=x"), TOKEN),
        within(format!("botToken: {canary}"), TOKEN),
        within(format!("http://localhost:1455/auth/callback?code={canary}&state={canary}"), TOKEN),
        within(
            format!("redirect=http%3A%2F%2Flocalhost%3Fcode%3D{canary}%26state%3D{canary}"),
            TOKEN,
        ),
        within(format!("GET /x?client_version=1&access_token={canary} 200"), TOKEN),
        within(format!("https://someone:{canary}@registry.example.org/openclaw"), TOKEN),
        within(format!("https://{canary}@registry.example.org/openclaw"), TOKEN),
        whole(format!("acct_{canary}"), ACCOUNT),
        whole(format!("user-{canary}{canary}"), ACCOUNT),
        whole(format!("org-{canary}{canary}"), ACCOUNT),
        whole(format!("auth0|{canary}"), ACCOUNT),
        within(format!(r#""chatgpt_account_id":"{canary}-4e2a-b1c0""#), ACCOUNT),
        within(format!("ChatGPT-Account-Id: {canary}-4e2a-b1c0"), ACCOUNT),
        within(format!("account_id={canary}"), ACCOUNT),
        within(format!("accountId: '{canary}'"), ACCOUNT),
        within(format!(r#"\"chatgpt_user_id\": \"{canary}\""#), ACCOUNT),
        within(format!(r"token\u001b[39m: \u001b[33m'{canary}'\u001b[39m"), TOKEN),
        within(format!(r"\\u001b[1mtoken\\u001b[39m: \\u001b[33m{canary}\\u001b[39m"), TOKEN),
        within(format!(r"\x1b[1mapi_key\x1b[39m=\x1b[33m{canary}\x1b[39m"), TOKEN),
    ]
}

#[test]
fn every_shape_of_a_secret_is_masked_by_what_it_was() {
    for (secret, text, mask) in planted("canary0Made7Up9") {
        let masked = line(&text);
        assert!(!masked.contains(&secret), "{text} -> {masked}");
        assert!(!masked.contains("canary"), "{text} -> {masked}");
        assert!(masked.contains(mask), "{text} -> {masked}");
        assert_eq!(line(&masked), masked, "{text}");
        assert!(!line(&format!("\u{1b}[32m{text}\u{1b}[0m")).contains("canary"), "{text}");
    }
}

#[test]
fn what_is_masked_leaves_the_rest_of_the_line_to_be_read() {
    for (text, masked) in [
        (
            "auth profile \"openai-codex:me@example.com\" was not found",
            "auth profile \"openai-codex:[e-mail]\" was not found",
        ),
        ("POST /oauth/token?code=abc&x=1 -> 401", "POST /oauth/token?code=[token]&x=1 -> 401"),
        (
            "authorization: Bearer abc.def, accept: */*",
            "authorization: Bearer [token], accept: */*",
        ),
        (
            "git clone https://me:pw@git.example.com/x.git",
            "git clone https://[token]@git.example.com/x.git",
        ),
        (
            r#"{"access_token":"a\"b","expires_in":5}"#,
            r#"{"access_token":"[token]","expires_in":5}"#,
        ),
        (
            "\u{1b}[1mtoken\u{1b}[0m: \u{1b}[32m'abc'\u{1b}[39m\nnext \u{1b}[1mline\u{1b}[0m",
            "token: '[token]'\nnext \u{1b}[1mline\u{1b}[0m",
        ),
        (
            r#"{"text":"\u001b[32mtoken\u001b[39m: \u001b[33mabc\u001b[39m\n"}"#,
            r#"{"text":"token: [token]\n"}"#,
        ),
    ] {
        assert_eq!(line(text), masked);
    }
}

/// Lines of releases, of npm and of codexpin itself that hold no secret.
const HARMLESS: [&str; 40] = [
    "openclaw@2026.5.18 and @openclaw/codex@2026.9.5 and @openai/codex@0.154.0-beta.1",
    "Unknown model: openai-codex/gpt-5.5",
    "npm error 404 Not Found - GET https://registry.example.org/@openclaw%2fcodex - Not found",
    "npm error notarget No matching version found for openclaw@2026.5.1.",
    "/cache/prefixes/2026.5.18_0a1b/node_modules/openclaw@2026.5.18.tgz",
    "integrity sha512-Zm9vYmFyL2JhelNrLW5wbV9ydF9leUpoYkdjaU9pSlNVekkxTmlKOQ==",
    "commit 0a7f9c1d2e3b4a5968776655443322110fedcba9",
    "runId=8ab4e648-049f-4c3c-89f1-52c64fd4a5b1 sessionId=codexpin-ONY88o",
    "openclaw-gateway@1.service user@1000.service getty@tty1.service entered failed state",
    "lane=session:agent:main:explicit:codexpin-ony88o durationMs=5465 errorName=Error",
    "git clone git@github.com:openclaw/openclaw.git",
    "git+ssh://git@github.com/openclaw/openclaw.git#v2026.5.18",
    "SyntaxError: Unexpected token '<', \"<!DOCTYPE \"... is not valid JSON",
    "SyntaxError: Unexpected token: '}'",
    "OAuth token refresh failed for openai-codex: refused",
    "Failed to extract accountId from token",
    "refresh_token_reused: your refresh token was already used",
    r#"{"error":{"code":"token_expired","message":"Provided authentication token is expired."}}"#,
    r#"{"totalTokens":1234,"maxTokens": 8192,"contextTokens":200000}"#,
    "context_token: 128000, token=512",
    "Failed to refresh token: 401 Unauthorized",
    "Invalid token: expired",
    "WWW-Authenticate: Bearer realm=\"openai\"",
    "Bearer authentication is required",
    "No API key found for provider \"openai-codex\"",
    "Missing scopes: api.responses.write",
    "the task-runner and the disk-usage of sk-SK",
    "rt_sigaction(SIGINT, NULL) = 0",
    "npm_config_registry=https://registry.example.org/ npm_lifecycle_event=postinstall",
    "user-agent: openclaw/2026.5.18 (linux; x64)",
    "org-mode, user-runtime-dir, user-configuration",
    "at file:///cache/x/dist/run.js:12:3 from http://127.0.0.1:43271/v1/responses?stream=true",
    "icon@2x.png logo@3x.svg",
    "GET /backend-api/codex/models?client_version=0.154.0",
    "403 <html><title>Just a moment...</title> cf-mitigated: challenge",
    "gateway.auth.mode is token; auth.profiles.openai-codex:default",
    "\"credential\":\"chatgpt-token\",\"kind\":\"answered\"",
    "token: ${OPENCLAW_GATEWAY_TOKEN}",
    "",
    "Größe: 5 €, naïve café — ok",
];

#[test]
fn what_is_no_secret_stays_as_it_is() {
    for text in HARMLESS {
        assert_eq!(line(text), text);
    }
    let all = HARMLESS.join("\n");
    assert!(matches!(line(&all), Cow::Borrowed(_)));
}

#[test]
fn no_failure_is_told_otherwise_because_of_a_mask() {
    let catalogue = crate::catalogue::Catalogue::built_in();
    let mut seen = 0;
    for entry in walkdir::WalkDir::new("tests/corpus") {
        let entry = entry.unwrap();
        let Ok(text) = fs_err::read_to_string(entry.path()) else { continue };
        let masked = line(&text);
        assert_eq!(masked.lines().count(), text.lines().count());
        for (as_it_was, masked) in text.lines().zip(masked.lines()) {
            let name = |line: &str| {
                let found = catalogue.in_line(crate::catalogue::TextSource::Log, line);
                found.map(|found| found.signature.id.clone())
            };
            assert_eq!(name(as_it_was), name(masked), "{as_it_was}\n{masked}");
            seen += usize::from(name(as_it_was).is_some());
        }
    }
    assert!(seen > 20, "{seen} lines of the corpus are known");
}

fn person() -> Person {
    Person::new(Utf8Path::new("/home/ann"), Some("annette"), Some("attic-box.example.net"))
        .with_secret(&Secret::new("lent-and-odd"), TOKEN)
        .with_secret(&Secret::new("0a1b2c3d-account"), ACCOUNT)
}

#[test]
fn a_persons_names_home_and_secrets_are_masked_as_whole_words() {
    for (text, masked) in [
        ("/home/ann/.openclaw and /home/anna/x", "~/.openclaw and /home/anna/x"),
        ("file:///home/ann/x.js:3", "file://~/x.js:3"),
        ("HOME=/home/ann", "HOME=~"),
        ("annette on attic-box, attic-box.example.net", "[user] on [host], [host]"),
        ("annettes my-attic-box attic-boxes", "annettes my-attic-box attic-boxes"),
        ("a lent-and-odd one for 0a1b2c3d-account", "a [token] one for [account]"),
    ] {
        assert_eq!(person().line(text), masked);
        assert_eq!(person().line(masked), masked);
    }
    // A failure has to be told all the same.
    let common = Person::new(Utf8Path::new("/"), Some("codex"), Some("gateway"));
    assert_eq!(common.line("codex gateway: /x"), "codex gateway: /x");
    assert_eq!(format!("{:?}", person()).matches("lent-and-odd").count(), 0);
}

#[test]
fn what_is_pasted_says_nothing_of_places() {
    for (text, masked) in [
        ("/home/other/x and /Users/Other.One/x", "/home/[user]/x and /Users/[user]/x"),
        ("C:\\Users\\Other\\x", "C:\\Users\\[user]\\x"),
        ("from 192.168.1.17:443 by 10.0.0.1", "from [address]:443 by [address]"),
        ("127.0.0.1:1455 0.0.0.0 2026.5.18 0.154.0", "127.0.0.1:1455 0.0.0.0 2026.5.18 0.154.0"),
        ("fe80::1ff:fe23:4567:890a at aa:bb:cc:dd:ee:ff", "[address] at [address]"),
        ("2a01:4f8:c17:1234::1 at 2026:11:21", "[address] at 2026:11:21"),
        ("at 12:34:56 /home/ann/x me@example.com", "at 12:34:56 ~/x [e-mail]"),
    ] {
        assert_eq!(paste(text, &person()), masked);
        assert_eq!(paste(masked, &person()), masked);
    }
}

/// Text of words that are near to what is looked for.
fn text() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,12}",
        "\\PC{0,6}",
        Just("token".to_owned()),
        Just("token:".to_owned()),
        Just("\"token\":".to_owned()),
        Just("secret=".to_owned()),
        Just("account_id=".to_owned()),
        Just("Bearer".to_owned()),
        Just("cookie: ".to_owned()),
        Just("https://".to_owned()),
        Just("@".to_owned()),
        Just("[token]".to_owned()),
        Just("[e-mail]".to_owned()),
        Just("?code=".to_owned()),
        Just("\n".to_owned()),
        Just("\u{1b}[31m".to_owned()),
    ];
    let parts = proptest::collection::vec((word, "[ ]?"), 0..12);
    parts.prop_map(|parts| parts.into_iter().map(|(word, gap)| word + &gap).collect())
}

fn secret() -> impl Strategy<Value = (String, String, &'static str)> {
    "[A-Za-z0-9]{10}[0-9][A-Z][a-z]{4}".prop_flat_map(|canary| {
        let all = planted(&canary);
        (0..all.len()).prop_map(move |at| all[at].clone())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_planted_secret_is_gone((secret, planted, _) in secret(), before in text(), after in text()) {
        let masked = line(&format!("{before} {planted} {after}")).into_owned();
        prop_assert!(!masked.contains(&secret), "{masked}");
    }

    #[test]
    fn masked_twice_is_masked_once(before in text(), (_, planted, _) in secret(), after in text()) {
        let once = line(&format!("{before}{planted}{after}")).into_owned();
        prop_assert_eq!(line(&once), once.as_str());
        let pasted = paste(&once, &person());
        prop_assert_eq!(paste(&pasted, &person()), pasted);
    }

    #[test]
    fn lines_stay_where_they_are(text in text(), (_, planted, _) in secret()) {
        let text = format!("{text}{planted}\n{text}");
        let whole = line(&text);
        let each: Vec<_> = text.lines().map(line).collect();
        prop_assert_eq!(whole.lines().collect::<Vec<_>>(), each);
    }

    #[test]
    fn json_stays_json(texts in proptest::collection::vec(text(), 1..4), (secret, planted, _) in secret()) {
        let value = serde_json::json!({
            "token": texts, "texts": [planted, {"refresh_token": planted, "n": 1}], "password": texts[0],
        });
        for json in [value.to_string(), format!("{value:#}")] {
            let masked = line(&json).into_owned();
            prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
            prop_assert!(!masked.contains(&secret), "{masked}");
            let within = serde_json::json!([json]).to_string();
            let masked = line(&within);
            prop_assert!(serde_json::from_str::<serde_json::Value>(&masked).is_ok(), "{masked}");
        }
    }

    #[test]
    fn a_stream_masks_what_the_whole_text_would(
        lines in proptest::collection::vec((text(), secret()), 1..6),
        sizes in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let lines: Vec<_> =
            lines.iter().map(|(text, (_, planted, _))| format!("{text} {planted}\n")).collect();
        let text = lines.concat();
        let mut file = Vec::new();
        let mut stream = Stream::new(&mut file, Arc::new(person()));
        let (mut rest, mut sizes) = (text.as_bytes(), sizes.iter().cycle());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
            stream.write_all(now).unwrap();
            rest = later;
        }
        drop(stream);
        prop_assert_eq!(String::from_utf8(file).unwrap(), person().line(&text));
    }

    #[test]
    fn random_bytes_do_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut file = Vec::new();
        Stream::new(&mut file, Arc::default()).write_all(&bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        if line(&text) == text {
            prop_assert_eq!(file, bytes);
        }
    }
}

#[test]
fn a_line_without_end_is_masked_and_takes_no_more_memory_than_it_may() {
    let field = r#""text":"all work and no play","n":1,"#;
    let token = r#""refresh_token":"canary0Made7Up9","#;
    let mut file = Vec::new();
    let mut stream = Stream::new(&mut file, Arc::default());
    for round in 0..40_000 {
        let part = if round % 7 == 0 { token } else { field };
        stream.write_all(part.as_bytes()).unwrap();
    }
    drop(stream);
    let text = String::from_utf8(file).unwrap();
    assert!(!text.contains("canary"));
    assert_eq!(text.matches(TOKEN).count(), 40_000_usize.div_ceil(7));
}

/// What a candidate may write to make masking slow, each without end.
fn floods() -> [(&'static str, String); 9] {
    let of = |piece: &str| piece.repeat((4 << 20) / piece.len());
    [
        ("prose", of("the Gateway is ready and listens on 127.0.0.1:18789 for requests\n")),
        ("one token a line", of("access_token=abcdefABCDEF0123456789abcdefABCDEF\n")),
        ("JSON of tokens", of("{\"refresh_token\":\"canary0Made7Up9abcdef\",\"expires\":1}\n")),
        ("JWTs", of("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijklmnop \n")),
        ("keys on one line", of("sk-abcdef0123456789 ")),
        ("names of names", of("token:")),
        ("names without values", of("token ")),
        ("one endless token", format!("sk-{}", of("abcdefghij"))),
        ("base64", of("QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlq")),
    ]
}

#[test]
fn a_flood_of_secrets_is_masked_in_no_time_to_the_last_of_them() {
    for (name, text) in floods() {
        let begun = std::time::Instant::now();
        let masked = line(&text);
        // In a build without optimisation, on a machine that does other things besides.
        assert!(
            begun.elapsed() < std::time::Duration::from_secs(8),
            "{name}: {:?}",
            begun.elapsed()
        );
        for secret in ["0123456789", "canary", "eyJhb"] {
            assert!(!masked.contains(secret), "{name}: {}", &masked[..400.min(masked.len())]);
        }
        assert_eq!(masked.lines().count(), text.lines().count(), "{name}");
    }
    // What follows a flood is read as ever, some way behind it.
    let log =
        format!("{}{}", "a_token=0123456789abcdef\n".repeat(4000), "plain words\n".repeat(99_999));
    assert!(line(&log).ends_with("plain words\nplain words\n"));
}
