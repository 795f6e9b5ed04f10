#![allow(clippy::unwrap_used, reason = "a test")]

use super::*;
use crate::observation::sample::request;

fn of_line<'a>(catalogue: &'a Catalogue, line: &str) -> Option<&'a str> {
    catalogue.in_line(TextSource::Log, line).map(|found| found.signature.id.as_str())
}

#[test]
fn every_built_in_entry_says_what_it_means_and_what_to_do() {
    let catalogue = Catalogue::built_in();
    for signature in catalogue.signatures() {
        assert!(signature.meaning.is_some(), "{} has no meaning", signature.id);
        let helps = signature.remedy.is_some() || signature.kind == FailureKind::Cosmetic;
        assert!(helps, "{} has no remedy", signature.id);
        assert!(!signature.own);
    }
}

#[test]
fn raw_words_win_over_friendly_ones_on_the_same_line() {
    let catalogue = Catalogue::built_in();
    let line = "error=⚠️ API rate limit reached. rawError=429 The usage limit has been reached";
    assert_eq!(of_line(&catalogue, line), Some("usage-limit"));
    assert_eq!(of_line(&catalogue, "⚠️ API rate limit reached."), Some("rate-limit"));
}

#[test]
fn a_cloudflare_page_that_is_called_a_dns_failure_is_a_cloudflare_page() {
    let catalogue = Catalogue::built_in();
    let dns = "DNS lookup for the provider endpoint failed";
    assert_eq!(of_line(&catalogue, dns), Some("network"));
    let page = format!("{dns}: 403 <html><link rel=\"dns-prefetch\">");
    assert_eq!(of_line(&catalogue, &page), Some("cloudflare-403"));
}

#[test]
fn a_pattern_is_held_only_against_what_it_belongs_to() {
    let catalogue = Catalogue::built_in();
    let line = "npm error code E404";
    assert!(catalogue.in_line(TextSource::Log, line).is_none());
    assert_eq!(catalogue.in_line(TextSource::Npm, line).unwrap().signature.id, "not-in-registry");
    assert!(of_line(&catalogue, "codex failed to load").is_none());
    assert_eq!(
        of_line(&catalogue, "[plugins] codex failed to load from /x"),
        Some("plugin-not-registered")
    );
}

#[test]
fn the_right_address_behind_a_challenge_is_not_the_wrong_address() {
    let catalogue = Catalogue::built_in();
    let at = |path| request("chatgpt.com", path, RequestKind::Refused, Some(403));
    let id = |request| catalogue.in_request(&request).map(|signature| signature.id.as_str());
    assert_eq!(id(at("/backend-api/codex/responses")), Some("cloudflare-challenge"));
    assert_eq!(id(at("/backend-api/responses")), Some("cloudflare-403"));
    let passed = |path| request("chatgpt.com", path, RequestKind::Forwarded, Some(403));
    assert_eq!(id(passed("/backend-api/codex/responses")), Some("cloudflare-challenge"));
    assert_eq!(id(passed("/backend-api/responses")), Some("cloudflare-403"));
}

#[test]
fn a_limit_that_is_told_over_a_websocket_is_a_limit() {
    let catalogue = Catalogue::built_in();
    let told = |code: &str| {
        let path = "/backend-api/codex/responses";
        let request = request("chatgpt.com", path, RequestKind::Forwarded, Some(200));
        let request = RequestRecord { code: Some(code.to_owned()), ..request };
        catalogue.in_request(&request).map(|signature| signature.id.as_str())
    };
    assert_eq!(told("usage_limit_reached"), Some("usage-limit"));
    assert_eq!(told("rate_limit_exceeded"), Some("rate-limit"));
    assert_eq!(told("server_error"), Some("service-outage"));
    assert_eq!(told("something_else"), None);
}

#[test]
fn words_in_quotation_marks_are_known_in_json_too() {
    let catalogue = Catalogue::built_in();
    let reply = r#"{"message": "Requested agent harness \"codex\" is not registered."}"#;
    let found = catalogue.in_line(TextSource::Reply, reply).unwrap();
    assert_eq!(found.signature.id, "harness-missing");
    let local = "connect ECONNREFUSED 127.0.0.1:18789";
    assert!(of_line(&catalogue, local).is_none(), "that is the user's own Gateway");
}

#[test]
fn a_users_entry_comes_first_and_replaces_the_built_in_one_of_its_name() {
    let own = r#"
        [[signature]]
        id = "my-proxy"
        kind = "environment"
        title = "our proxy asks for a password"
        raw = ['407 Proxy Authentication']
        [[signature]]
        id = "unknown-model"
        kind = "account"
        title = "we have no such model"
        raw = ['Unknown model']
    "#;
    let catalogue = Catalogue::with(own).unwrap();
    assert_eq!(of_line(&catalogue, "407 Proxy Authentication Required"), Some("my-proxy"));
    let replaced = catalogue.signature("unknown-model").unwrap();
    assert_eq!((replaced.kind, replaced.own), (FailureKind::Account, true));
    assert!(catalogue.signatures()[0].own);
    assert_eq!(catalogue.signatures().iter().filter(|s| s.id == "unknown-model").count(), 1);
}

#[test]
fn what_is_wrong_with_a_users_table_is_named() {
    let entry = |id: &str, rest: &str| {
        format!("[[signature]]\nid = \"{id}\"\nkind = \"route\"\ntitle = \"t\"\n{rest}\n")
    };
    for (table, says) in [
        (entry("a", "raw = ['(']"), "signature \"a\": \"(\" is not a regular expression"),
        (entry("a", "raw = ['x']").repeat(2), "signature \"a\" is there twice"),
        (entry("A b", "raw = ['x']"), "\"A b\" is no name for a signature"),
        (entry("a", ""), "signature \"a\" has no pattern and no request"),
        (
            entry("a", "raw = [{ text = 'x', of = 'stdin' }]"),
            "`of` is log, live, reply, npm or a [tag]",
        ),
        (entry("a", "raws = ['x']"), "unknown field `raws`"),
        ("[[signatures]]\nid = \"a\"".to_owned(), "unknown field `signatures`"),
        (entry("a", "requests = [{}]"), "signature \"a\" has a request that everything is"),
        ("signature = 3".to_owned(), "invalid type"),
    ] {
        let error = Catalogue::with(&table).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_built_in_patterns_are_matched_together_whatever_letters_a_line_has() {
    let catalogue = Catalogue::built_in();
    assert!(together(&catalogue.patterns, false).is_ok(), "a pattern needs Unicode's classes");
    let line = "\u{25c7}  caf\u{e9} \u{2192} Unknown model: openai-codex/gpt-5.5";
    assert!(catalogue.may_be_in(line) && catalogue.in_line(TextSource::Log, line).is_some());
}
