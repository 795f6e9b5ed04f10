//! Tokens: what they look like. They are known here by their text, so nothing
//! has to be signed or checked.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::book::Account;

/// The client that OpenClaw and Codex CLI sign in as.
pub(super) const CLIENT: &str = "app_EMoamEEZ73f0CkXaXp7hrann";

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// As many bytes as wanted that nobody has seen before.
pub(super) fn fresh(length: usize) -> Vec<u8> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = Vec::with_capacity(length + 32);
    while bytes.len() < length {
        let seed = RandomState::new().hash_one((count, bytes.len()));
        let other = RandomState::new().hash_one(seed);
        bytes.extend(Sha256::digest([seed.to_be_bytes(), other.to_be_bytes()].concat()));
    }
    bytes.truncate(length);
    bytes
}

/// Fresh bytes as the digits of a number.
pub(super) fn fresh_hex(length: usize) -> String {
    use std::fmt::Write as _;
    fresh(length).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Fresh bytes as an opaque text.
pub(super) fn fresh_text(length: usize) -> String {
    URL_SAFE_NO_PAD.encode(fresh(length))
}

/// An id shaped as the service's ids of accounts are.
pub(super) fn fresh_uuid() -> String {
    let hex = fresh_hex(16);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

/// An access token of the account: a JWT whose signature is nobody's.
pub(super) fn access_token(account: &Account, session: u32, lifetime: Duration) -> String {
    let issued = now();
    token(&json!({
        "aud": ["https://api.openai.com/v1"],
        "client_id": CLIENT,
        "exp": issued + lifetime.as_secs(),
        "https://api.openai.com/auth": {
            "chatgpt_account_id": account.id,
            "chatgpt_plan_type": account.plan,
            "chatgpt_user_id": format!("user-{}", &account.id[..8]),
            "user_id": format!("user-{}", &account.id[..8]),
        },
        "https://api.openai.com/profile": {"email": account.email, "email_verified": true},
        "iat": issued,
        "iss": "https://auth.openai.com",
        "jti": fresh_uuid(),
        "nbf": issued,
        "scp": ["openid", "profile", "email", "offline_access"],
        "session_id": format!("authsess_{session:024}"),
        "sub": format!("auth0|{}", &account.id[..8]),
    }))
}

/// The ID token that comes with it.
pub(super) fn id_token(account: &Account) -> String {
    token(&json!({
        "aud": [CLIENT],
        "email": account.email,
        "email_verified": true,
        "exp": now() + 3600,
        "https://api.openai.com/auth": {
            "chatgpt_account_id": account.id,
            "chatgpt_plan_type": account.plan,
        },
        "iat": now(),
        "iss": "https://auth.openai.com",
        "sub": format!("auth0|{}", &account.id[..8]),
    }))
}

fn token(claims: &Value) -> String {
    let head = json!({"alg": "RS256", "kid": "b1dd3f8f-9aad-47fe-b0e7-edb009777d6b", "typ": "JWT"});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(&head), part(claims), fresh_text(256))
}
