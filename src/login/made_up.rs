//! Logins that are made up for a turn: in the shape of real ones, good with the
//! loopback and nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::LentLogin;
use super::store::SHARED;
use crate::secret::Secret;

/// How long the made-up login is valid.
const VALID_FOR: SignedDuration = SignedDuration::from_hours(10 * 24);
/// The account that the made-up login belongs to.
const ACCOUNT: &str = "acct-made-up";
const EMAIL: &str = "nobody@example.invalid";

impl LentLogin {
    /// A `ChatGPT` login that belongs to no account and looks whole.
    pub fn made_up(profile: &str, provider: &str) -> Self {
        let expires = Timestamp::now() + VALID_FOR;
        Self {
            profile: profile.to_owned(),
            provider: provider.to_owned(),
            access: access_token(expires),
            account: Some(Secret::new(ACCOUNT)),
            expires,
            agent: SHARED.to_owned(),
            made_up_refresh: true,
        }
    }
}

/// An access token in the shape of a `ChatGPT` login's. Its signature is made up.
fn access_token(expires: Timestamp) -> Secret {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "RS256", "typ": "JWT" }));
    let claims = part(json!({
        "exp": expires.as_second(),
        "https://api.openai.com/auth": {
            "chatgpt_account_id": ACCOUNT, "chatgpt_plan_type": "pro",
        },
        "https://api.openai.com/profile": { "email": EMAIL },
    }));
    Secret::new(format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode("signed by nobody")))
}
