//! One profile as a store has it: JSON, the same in every format.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Login, LoginFormat, LoginKind};
use crate::secret::Secret;

/// A store: a name and a profile, as often as there are logins.
#[derive(Deserialize)]
pub(super) struct ProfileStore<'a> {
    #[serde(borrow, default)]
    pub(super) profiles: BTreeMap<String, Fields<'a>>,
}

/// A profile's fields, each still as it is written: what is not asked for is
/// never copied out of the text.
#[derive(Deserialize, Default)]
#[serde(transparent)]
pub(super) struct Fields<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'a> Fields<'a> {
    /// The same, of fields that were parsed elsewhere.
    pub(super) fn of(fields: &BTreeMap<Cow<'a, str>, &'a RawValue>) -> Self {
        Self(fields.clone())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let text: String = serde_json::from_str(self.0.get(name)?.get()).ok()?;
        (!text.trim().is_empty()).then_some(text)
    }

    pub(super) fn secret(&self, name: &str) -> Option<Secret> {
        self.text(name).map(Secret::new)
    }

    /// Whether there is a text that is not blank; it is not copied.
    pub(super) fn holds(&self, name: &str) -> bool {
        let written = self.0.get(name).map_or("", |value| value.get());
        written.strip_prefix('"').is_some_and(|rest| !rest.trim_end_matches('"').trim().is_empty())
    }

    /// An object's own fields, still as they are written.
    pub(super) fn fields(&self, name: &str) -> Option<Fields<'_>> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    pub(super) fn object<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        serde_json::from_str(self.0.get(name)?.get()).ok()
    }

    /// Milliseconds since 1970; some releases wrote seconds.
    fn expires(&self) -> Option<Timestamp> {
        let number: f64 = serde_json::from_str(self.0.get("expires")?.get()).ok()?;
        #[expect(clippy::cast_possible_truncation, reason = "whole milliseconds are enough")]
        let number = number as i64;
        let milliseconds = if number < 100_000_000_000 { number * 1000 } else { number };
        (number > 0).then(|| Timestamp::from_millisecond(milliseconds).ok())?
    }

    /// The login that the fields make up. `tokens` are the fields with the tokens:
    /// the same ones, or what was sealed.
    pub(super) fn login(
        &self,
        tokens: &Fields<'_>,
        name: &str,
        agent: &str,
        format: LoginFormat,
    ) -> Option<Login> {
        // Older stores say `mode`.
        let kind = match self.text("type").or_else(|| self.text("mode"))?.as_str() {
            "oauth" => LoginKind::OAuth,
            "api_key" => LoginKind::ApiKey,
            "token" => LoginKind::Token,
            _ => return None,
        };
        let access = tokens.secret("access").filter(|_| kind == LoginKind::OAuth);
        let claims = access.as_ref().and_then(claims);
        let said = claims
            .as_ref()
            .and_then(|claims| Timestamp::from_second(claims.get("exp")?.as_i64()?).ok());
        let account = claims.as_ref().and_then(|claims| {
            let auth = claims.get("https://api.openai.com/auth")?;
            Some(Secret::new(auth.get("chatgpt_account_id")?.as_str()?))
        });
        Some(Login {
            profile: name.to_owned(),
            provider: self.text("provider")?,
            kind,
            format,
            account: self.secret("accountId").or(account),
            expires: [self.expires(), said].into_iter().flatten().min(),
            access,
            holds_refresh: tokens.holds("refresh"),
            agent: agent.to_owned(),
        })
    }
}

/// What a token says of itself, where it is a JWT. Not verified: the service does
/// that.
pub(super) fn claims(token: &Secret) -> Option<Value> {
    let payload = token.reveal().split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}
