//! Who answers the model requests, and with whose login.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who answers the model requests.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upstream {
    /// The embedded one, which wants no account.
    #[default]
    Loopback,
    /// OpenAI's service, with a login that is lent.
    Live(Lending),
    /// Whatever the live installation is configured to ask; its requests are not recorded.
    Installation,
}

/// A login, and how a candidate has the use of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lending {
    /// Whose it is.
    pub lender: Lender,
    /// The login's name, such as `openai-codex:default`, or the variable with the
    /// API key: never an address, never a credential.
    pub profile: String,
    /// Whether the candidate holds a made-up login, and codexpin puts the real one
    /// into its requests.
    pub relay: bool,
}

/// Whose login is lent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lender {
    /// codexpin's own, made by `codexpin login`.
    Own,
    /// The live installation's, without its refresh token.
    Installation,
    /// An API key in the user's environment.
    ApiKey,
}

impl Upstream {
    /// `loopback` or `live`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::Live(_) | Self::Installation => "live",
        }
    }

    /// Whether every turn is on record. A tunnel shows only that there was one.
    pub fn shows_turns(&self) -> bool {
        match self {
            Self::Loopback => true,
            Self::Live(lending) => lending.relay,
            Self::Installation => false,
        }
    }

    /// The login that is lent.
    pub fn lending(&self) -> Option<&Lending> {
        match self {
            Self::Live(lending) => Some(lending),
            Self::Loopback | Self::Installation => None,
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Loopback => f.write_str("loopback upstream"),
            Self::Live(lending) => write!(f, "live upstream, {lending}"),
            Self::Installation => f.write_str("the live installation itself"),
        }
    }
}

impl fmt::Display for Lending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = &self.profile;
        match self.lender {
            Lender::Own => write!(f, "codexpin's own login {profile}"),
            Lender::Installation => write!(f, "this installation's login {profile}"),
            Lender::ApiKey => write!(f, "the API key in {profile}"),
        }?;
        f.write_str(match (self.relay, self.lender) {
            (true, _) => ", relayed",
            (false, Lender::ApiKey) => "",
            (false, _) => ", its access token only",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_told_in_words_and_kept_in_the_journal() {
        let lending = |lender, profile: &str, relay| {
            Upstream::Live(Lending { lender, profile: profile.to_owned(), relay })
        };
        for (upstream, words) in [
            (Upstream::Loopback, "loopback upstream"),
            (
                lending(Lender::Installation, "openai-codex:default", false),
                "live upstream, this installation's login openai-codex:default, its access token only",
            ),
            (
                lending(Lender::Own, "openai-codex:default", true),
                "live upstream, codexpin's own login openai-codex:default, relayed",
            ),
            (lending(Lender::ApiKey, "MY_KEY", false), "live upstream, the API key in MY_KEY"),
        ] {
            assert_eq!(upstream.to_string(), words);
            let json = serde_json::to_string(&upstream).unwrap();
            assert_eq!(serde_json::from_str::<Upstream>(&json).unwrap(), upstream);
        }
        assert_eq!(serde_json::to_string(&Upstream::Loopback).unwrap(), "\"loopback\"");
    }
}
