//! Which provider, model and harness a turn is sent through.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::openclaw::names::{CODEX, OPENAI_CODEX, OPENAI_PROVIDERS};

/// A route, written `provider/model` or `provider/model@harness`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// `OpenClaw`'s provider id, such as `openai-codex`.
    pub provider: String,
    /// The model's name with that provider.
    pub model: String,
    /// The harness that must run the turn; none where any may.
    pub harness: Option<String>,
}

impl Route {
    /// `ChatGPT` login and Codex model: what most of these installations use.
    pub fn of_most() -> Self {
        Self { provider: OPENAI_CODEX.to_owned(), model: "gpt-5.5".to_owned(), harness: None }
    }

    /// Whether the Codex app-server of the plugin has to run the turn.
    pub fn wants_codex(&self) -> bool {
        self.harness.as_deref() == Some(CODEX)
    }

    /// Whether its provider takes logins of a subscription and nothing else.
    pub fn is_of_subscriptions(&self) -> bool {
        self.provider == OPENAI_CODEX
    }

    /// Whether the plugin can have a part in the turn: a release may choose its
    /// harness for OpenAI's models where the route names none.
    pub fn may_use_plugin(&self) -> bool {
        let of_openai = OPENAI_PROVIDERS.contains(&self.provider.as_str());
        self.wants_codex() || (self.harness.is_none() && of_openai)
    }

    /// The name under which `OpenClaw`'s config knows it: without the harness.
    pub fn model_id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)?;
        self.harness.iter().try_for_each(|harness| write!(f, "@{harness}"))
    }
}

/// The text is no route.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a route: expected provider/model or provider/model@harness, such as openai-codex/gpt-5.5"
)]
pub struct ParseRouteError(String);

impl FromStr for Route {
    type Err = ParseRouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseRouteError(text.to_owned());
        let (id, harness) = match text.split_once('@') {
            Some((id, harness)) => (id, Some(harness)),
            None => (text, None),
        };
        let (provider, model) = id.split_once('/').ok_or_else(error)?;
        let word = |text: &str| {
            !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:/".contains(c))
        };
        if !word(provider) || !word(model) || !harness.is_none_or(word) {
            return Err(error());
        }
        Ok(Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            harness: harness.map(ToOwned::to_owned),
        })
    }
}

impl Serialize for Route {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Route {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_reads_back_as_it_is_written() {
        for text in ["openai-codex/gpt-5.5", "openai/gpt-5.5@codex", "loop/a/b@pi"] {
            assert_eq!(text.parse::<Route>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_route_is_refused_by_name() {
        for text in ["", "gpt-5.5", "/gpt", "openai/", "openai/gpt@", "open ai/gpt"] {
            let error = text.parse::<Route>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not a route")), "{error}");
        }
    }
}
