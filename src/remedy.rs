//! What may make a failing release answer, as another question to ask of it.
//! Pure: who asks is the business of others.

use serde_json::{Value, json};

use crate::catalogue::{Signature, Trial};
use crate::openclaw::Change;
use crate::openclaw::names::{CODEX, OPENAI, chatgpt_api, chatgpt_provider, embedded_harness};
use crate::question::{Question, Upgrade};
use crate::release::Version;
use crate::route::Route;

/// So many times longer a turn may take where time is what is tried.
const LONGER: u64 = 3;
/// Where the `ChatGPT` backend answers (openclaw issues 66633, 62142).
const CODEX_BASE_URL: &str = "https://chatgpt.com/backend-api/codex";

/// A change to what a candidate meets, that may make it answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Remedy {
    /// In words, to be read after "answers".
    pub words: String,
    /// How a user does the same with the live installation.
    pub how: String,
    /// What is asked in place of the question that failed.
    pub question: Question,
    /// What is written into the config besides.
    pub settings: Option<Value>,
}

/// What to try against this failure of a release, in this order.
pub fn remedies(signature: &Signature, question: &Question, core: Version) -> Vec<Remedy> {
    let mut remedies: Vec<Remedy> = Vec::new();
    for trial in &signature.trials {
        let (doctor, embedded) = (with_doctor(question), embedded(question, core));
        let found = match trial {
            // `openclaw doctor --fix` of the releases of June moves the route and sets a
            // harness that only the plugin has. So both are tried, the embedded one first.
            Trial::Doctor => {
                let both = embedded.as_ref().and_then(|embedded| {
                    let question = with_doctor(&embedded.question)?.question;
                    let words = format!("after `openclaw doctor --fix`, {}", embedded.words);
                    let how = format!("openclaw doctor --fix, then {}", embedded.how);
                    Some(Remedy { words, how, question, settings: None })
                });
                vec![doctor, both]
            }
            Trial::EmbeddedHarness => vec![embedded],
            Trial::CodexHarness => vec![through(question, |route| Route {
                harness: Some(CODEX.to_owned()),
                ..route.clone()
            })],
            Trial::NewRoute => vec![through(question, |route| Route {
                provider: OPENAI.to_owned(),
                harness: Some(embedded_harness(core).to_owned()),
                ..route.clone()
            })],
            Trial::BaseUrl => vec![base_url(question, core)],
            Trial::MoreTime => vec![Some(more_time(question))],
        };
        for remedy in found.into_iter().flatten() {
            let known = |other: &Remedy| {
                other.question == remedy.question && other.settings == remedy.settings
            };
            if !remedies.iter().any(known) {
                remedies.push(remedy);
            }
        }
    }
    remedies
}

fn with_doctor(question: &Question) -> Option<Remedy> {
    (question.upgrade == Upgrade::AsIs).then(|| Remedy {
        words: "after `openclaw doctor --fix`".to_owned(),
        how: "openclaw doctor --fix".to_owned(),
        question: Question { upgrade: Upgrade::Doctor, ..question.clone() },
        settings: None,
    })
}

/// Through the embedded harness; none for releases whose config cannot choose one.
fn embedded(question: &Question, core: Version) -> Option<Remedy> {
    if !Change::HarnessOfModel.is_in(core) {
        return None;
    }
    let harness = embedded_harness(core);
    through(question, |route| Route { harness: Some(harness.to_owned()), ..route.clone() })
}

/// Through other routes; none where they are the same.
fn through(question: &Question, other: impl Fn(&Route) -> Route) -> Option<Remedy> {
    let routes: Vec<Route> = question.routes.iter().map(other).collect();
    if routes == question.routes {
        return None;
    }
    let question = Question { routes, ..question.clone() };
    let words = format!("through {}", question.routes_in_words());
    let key = question.routes.iter().any(|route| route.provider == OPENAI);
    let key = if key { " (with an API key, unless the login was moved there)" } else { "" };
    let how = format!("name the route {} in openclaw.json{key}", question.routes_in_words());
    Some(Remedy { words, how, question, settings: None })
}

/// Address and API of the `ChatGPT` backend, under the names that this release has
/// for provider and API: it refuses a config with the other ones.
fn base_url(question: &Question, core: Version) -> Option<Remedy> {
    let (provider, api) = (chatgpt_provider(core), chatgpt_api(core));
    question.routes.iter().any(|route| route.provider == provider).then(|| {
        let own = json!({ "baseUrl": CODEX_BASE_URL, "api": api, "models": [] });
        let key = format!("models.providers.{provider}");
        Remedy {
            words: format!("with {key}.baseUrl {CODEX_BASE_URL} and api {api}"),
            how: format!("write {key}.baseUrl and .api into openclaw.json"),
            question: question.clone(),
            settings: Some(json!({ "models": { "providers": { provider: own } } })),
        }
    })
}

fn more_time(question: &Question) -> Remedy {
    let timeout_s = question.timeout_s * LONGER;
    Remedy {
        words: format!("with {timeout_s} s for the turn"),
        how: format!("write agents.defaults.timeoutSeconds {timeout_s} into openclaw.json"),
        question: Question { timeout_s, ..question.clone() },
        settings: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;

    fn words(signature: &str, route: &str, core: &str) -> Vec<String> {
        let catalogue = Catalogue::built_in();
        let question = Question::text_through(vec![route.parse().unwrap()]);
        let signature = catalogue.signature(signature).unwrap();
        remedies(signature, &question, core.parse().unwrap()).into_iter().map(|r| r.words).collect()
    }

    #[test]
    fn an_unknown_route_is_tried_after_the_doctor_and_under_its_new_name() {
        assert_eq!(
            words("unknown-model", "openai-codex/gpt-5.5", "2026.6.1"),
            [
                "after `openclaw doctor --fix`",
                "after `openclaw doctor --fix`, through openai-codex/gpt-5.5@openclaw",
                "through openai/gpt-5.5@openclaw",
            ]
        );
    }

    #[test]
    fn what_is_asked_already_is_not_tried_again() {
        assert_eq!(
            words("harness-missing", "openai-codex/gpt-5.5@pi", "2026.5.18"),
            Vec::<String>::new()
        );
        assert_eq!(
            words("harness-missing", "openai-codex/gpt-5.5@codex", "2026.5.18"),
            ["through openai-codex/gpt-5.5@pi"]
        );
    }

    #[test]
    fn a_base_url_is_written_only_for_the_provider_that_has_it() {
        let with = words("cloudflare-403", "openai-codex/gpt-5.5", "2026.5.18");
        assert!(with[0].contains("https://chatgpt.com/backend-api/codex"), "{with:?}");
        let without = words("cloudflare-403", "openai/gpt-5.5", "2026.5.18");
        assert!(!without.iter().any(|words| words.contains("baseUrl")), "{without:?}");
    }

    #[test]
    fn provider_and_api_are_written_under_the_names_that_the_release_takes() {
        let catalogue = Catalogue::built_in();
        let signature = catalogue.signature("cloudflare-403").unwrap();
        for (core, provider, api, other) in [
            ("2026.5.28", "openai-codex", "openai-codex-responses", "openai"),
            ("2026.5.30-beta.1", "openai", "openai-chatgpt-responses", "openai-codex"),
            ("2026.6.1", "openai", "openai-chatgpt-responses", "openai-codex"),
            ("2026.9.5", "openai", "openai-chatgpt-responses", "openai-codex"),
        ] {
            let settings = |provider: &str| {
                let route = format!("{provider}/gpt-5.5").parse().unwrap();
                let question = Question::text_through(vec![route]);
                let remedies = remedies(signature, &question, core.parse().unwrap());
                remedies.into_iter().find_map(|remedy| remedy.settings)
            };
            let written = settings(provider).unwrap();
            assert_eq!(written["models"]["providers"][provider]["api"], api, "{core}");
            assert_eq!(settings(other), None, "{core}: not for the name that it does not know");
        }
    }

    #[test]
    fn a_release_that_cannot_be_told_its_harness_is_not_asked_through_another() {
        assert_eq!(words("harness-missing", "openai-codex/gpt-5.5@codex", "2026.5.7"), [""; 0]);
    }

    #[test]
    fn a_turn_that_ran_out_of_time_is_given_more() {
        let words = words("turn-timed-out", "loop/x", "2026.5.18");
        assert_eq!(words[0], "with 360 s for the turn");
    }
}
