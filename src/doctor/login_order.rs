//! The order of logins, in the config or of an agent's own, against the logins that
//! there are: an order that names none of them leaves an agent without a login.

use std::collections::BTreeSet;

use camino::Utf8Path;

use super::finding::Finding;
use super::logins::{is_good, is_needed};
use super::{Account, Facts};
use crate::login::{LoginFormat, order_of_agent};
use crate::openclaw::names::{OPENAI, reads};

/// What all agents share is stored under this one (docs/concepts/oauth.md).
const SHARED: &str = "main";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut told = BTreeSet::new();
    let found = agents(facts).into_iter().filter_map(|agent| {
        let order = of_agent(facts, agent)?;
        let logins = logins_of(facts, agent);
        let names = |login: &&&Account| order.profiles.contains(&login.profile);
        let left_out = !logins.is_empty()
            && is_needed(facts)
            && !logins.iter().filter(names).any(|login| is_good(facts, login))
            && logins.iter().any(|login| is_good(facts, login));
        let place = (order.file.to_owned(), order.agent.map(str::to_owned));
        (left_out && told.insert(place)).then(|| left_out_of(facts, agent, &order, &logins))
    });
    found.collect()
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    let order = of_agent(facts, &facts.settings()?.agent)?;
    let named = logins_of(facts, &facts.settings()?.agent);
    let there = named.iter().filter(|login| order.profiles.contains(&login.profile)).count();
    (there > 0).then(|| {
        let key = format!("auth.order.{}", order.provider);
        format!("{key} names {there} of {} that are there", named.len())
    })
}

/// An order that holds for an agent.
pub(super) struct HeldOrder<'a> {
    /// The provider that it is for.
    pub(super) provider: &'a str,
    pub(super) profiles: &'a [String],
    pub(super) file: &'a Utf8Path,
    /// The agent whose own it is; none where it is the config's.
    pub(super) agent: Option<&'a str>,
}

/// The order of a provider's logins for an agent: its own before the config's.
pub(super) fn held<'a>(facts: &'a Facts, agent: &str, provider: &'a str) -> Option<HeldOrder<'a>> {
    let read = |format: LoginFormat| facts.release().is_none_or(|release| reads(release, format));
    if let Some(own) = order_of_agent(&facts.orders, agent, provider, read) {
        let (profiles, file) = (own.profiles.as_slice(), own.file.as_path());
        return Some(HeldOrder { provider, profiles, file, agent: Some(own.agent.as_str()) });
    }
    let orders = &facts.settings()?.order;
    let (_, profiles) = orders.iter().find(|(name, _)| name == provider)?;
    Some(HeldOrder { provider, profiles, file: &facts.config, agent: None })
}

fn of_agent<'a>(facts: &'a Facts, agent: &str) -> Option<HeldOrder<'a>> {
    let provider = facts.login_provider();
    // The Codex harness of before June takes the order of `openai` where its own provider
    // has none (#82605).
    let of_route = facts.route().filter(|route| route.provider == OPENAI && facts.runs_codex());
    held(facts, agent, provider).or_else(|| held(facts, agent, of_route.map(|_| OPENAI)?))
}

/// Its own logins and those that all agents share.
pub(super) fn logins_of<'a>(facts: &'a Facts, agent: &str) -> Vec<&'a Account> {
    facts.read_logins().filter(|login| [agent, SHARED].contains(&login.agent.as_str())).collect()
}

/// The agent that is asked first, then those with logins or orders of their own.
fn agents(facts: &Facts) -> Vec<&str> {
    let asked = facts.settings().map(|settings| settings.agent.as_str());
    let stored = facts.read_logins().map(|login| login.agent.as_str());
    let ordered = facts.orders.iter().map(|order| order.agent.as_str());
    let mut seen = BTreeSet::new();
    let all = asked.into_iter().chain(stored).chain(ordered);
    all.filter(|agent| seen.insert(*agent)).collect()
}

fn left_out_of(facts: &Facts, agent: &str, order: &HeldOrder<'_>, logins: &[&Account]) -> Finding {
    let provider = order.provider;
    let key = format!("auth.order.{provider}");
    let labels: BTreeSet<_> = logins.iter().map(|login| login.label.as_str()).collect();
    let which = if labels.len() == 1 { "the only login" } else { "every login that is good" };
    let named = match order.profiles.len() {
        0 => "it names none at all".to_owned(),
        1 => "the one that it names is not there, or has ended".to_owned(),
        n => format!("the {n} that it names are not there, or have ended"),
    };
    let finding = Finding::problem(
        "auth-order-excludes",
        match order.agent {
            None => format!("{key} leaves out {which}"),
            Some(of) => format!("the order of the agent {of} leaves out {which}"),
        },
    )
    .file(order.file)
    .key(&key)
    .why(format!(
        "the agent {agent} has {}, and {named}: a turn has no login to be asked with \
         (`excluded_by_auth_order`, `No API key found`). Logging in again under the same name \
         changes nothing",
        labels.into_iter().collect::<Vec<_>>().join(", ")
    ));
    let clear = match order.agent {
        None => facts.command(&format!("config unset {key}")),
        Some(of) => {
            facts.command(&format!("models auth order clear --provider {provider} --agent {of}"))
        }
    };
    finding.mend(clear).mend(facts.command("gateway restart"))
}
