//! Where OpenAI's models are asked: a stale address or API, in the config and in
//! the agents' catalogues, whose addresses go before those of the config.

use super::finding::{Finding, Level};
use super::{Endpoint, Facts};
use crate::openclaw::Change;
use crate::openclaw::names::{CHATGPT_APIS, OPENAI_CODEX, chatgpt_api};
use crate::release::Version;

const SERVICE: &str = "chatgpt.com";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<_> = facts
        .broken_catalogues
        .iter()
        .map(|file| {
            Finding::problem("models-unreadable", "an agent's models.json does not parse")
                .file(file)
                .why("the release writes it anew where it is not there")
                .mend(format!("mv {file} {file}.broken"))
                .mend(facts.command("gateway restart"))
        })
        .collect();
    let Some(release) = facts.release() else { return findings };
    for endpoint in &facts.endpoints {
        if refused(endpoint, release) {
            findings.push(refusal(facts, endpoint, release));
            continue;
        }
        findings.extend(address(facts, endpoint, release));
        findings.extend(api(facts, endpoint, release));
    }
    findings
}

pub(super) fn sound(facts: &Facts) -> Option<String> {
    facts.core.as_ref()?;
    Some(match facts.endpoints.len() {
        0 => "OpenAI's addresses are the release's own".to_owned(),
        1 => "1 address of OpenAI's in config and catalogues".to_owned(),
        n => format!("{n} addresses of OpenAI's in config and catalogues"),
    })
}

/// A config with the old provider or the old API is not taken at all.
fn refused(endpoint: &Endpoint, release: Version) -> bool {
    let old_api = endpoint.apis.iter().any(|api| api == CHATGPT_APIS[0]);
    endpoint.in_config
        && (Change::ProviderRenamed.is_in(release) && endpoint.provider == OPENAI_CODEX
            || Change::ChatGptApiRenamed.is_in(release) && old_api)
}

fn refusal(facts: &Facts, endpoint: &Endpoint, release: Version) -> Finding {
    Finding::problem(
        "provider-legacy",
        format!("{release} refuses the provider {} as it is set up", endpoint.provider),
    )
    .file(&endpoint.file)
    .key(&endpoint.key)
    .why(format!(
        "since {} the provider is called openai and its API openai-chatgpt-responses: the \
             config is invalid until OpenClaw's own doctor has moved it",
        Change::ProviderRenamed.stable()
    ))
    .mend(facts.command("doctor --fix"))
}

/// `/backend-api` without `/codex` was removed by the service: a Cloudflare page.
fn address(facts: &Facts, endpoint: &Endpoint, release: Version) -> Option<Finding> {
    let url = url::Url::parse(endpoint.base_url.as_deref()?).ok()?;
    if endpoint.provider != OPENAI_CODEX && url.host_str() != Some(SERVICE) {
        return None;
    }
    let key = format!("{}.baseUrl", endpoint.key);
    let path = url.path().trim_end_matches('/');
    if url.host_str() != Some(SERVICE) {
        return Some(
            Finding::note(
                "base-url-elsewhere",
                format!("{} is asked at {}", endpoint.provider, url.host_str().unwrap_or_default()),
            )
            .file(&endpoint.file)
            .key(key)
            .why("that is not OpenAI's service: what answers there is not seen from here"),
        );
    }
    if matches!(path, "/backend-api/codex" | "/backend-api/codex/v1") {
        return None;
    }
    let mended =
        Change::CodexUrlMended.is_in(release) && matches!(path, "/backend-api" | "/backend-api/v1");
    let level = if mended { Level::Warning } else { Level::Problem };
    let why = if mended {
        format!(
            "the service took that address away and answers with a Cloudflare page (403). {release} \
             leads this one to /backend-api/codex by itself; an older release, or another part of it, \
             does not"
        )
    } else {
        "the service took that address away: a turn meets a Cloudflare page (403 HTML), which \
         OpenClaw can call a DNS failure"
            .to_owned()
    };
    let finding = Finding::new(
        "base-url-stale",
        level,
        format!("{} is asked at {SERVICE}{path}", endpoint.provider),
    )
    .file(&endpoint.file)
    .key(&key)
    .why(why);
    Some(if endpoint.in_config {
        finding
            .mend(facts.command(&format!("config set {key} https://{SERVICE}/backend-api/codex")))
    } else {
        rewritten(facts, finding, endpoint)
    })
}

fn api(facts: &Facts, endpoint: &Endpoint, release: Version) -> Option<Finding> {
    let wanted = chatgpt_api(release);
    let wrong = endpoint.apis.iter().find(|api| {
        let other = CHATGPT_APIS.contains(&api.as_str()) && *api != wanted;
        let of_key = endpoint.provider == OPENAI_CODEX && !CHATGPT_APIS.contains(&api.as_str());
        other || of_key
    })?;
    // What asks nothing breaks nothing.
    let asked = facts.route().is_some_and(|route| route.provider == endpoint.provider);
    let level = if asked { Level::Problem } else { Level::Warning };
    let finding = Finding::new("api-stale", level, format!("{} speaks {wrong}, and {release} wants {wanted}", endpoint.provider))
        .file(&endpoint.file)
        .key(format!("{}.api", endpoint.key))
        .why("with another API a ChatGPT token is sent where it is not taken (`Missing scopes`), or nowhere");
    Some(if endpoint.in_config {
        finding.mend(facts.command(&format!("config set {}.api {wanted}", endpoint.key)))
    } else {
        rewritten(facts, finding, endpoint)
    })
}

/// The release writes its catalogue anew where it is not there.
fn rewritten(facts: &Facts, finding: Finding, endpoint: &Endpoint) -> Finding {
    finding.mend(format!("mv {0} {0}.stale", endpoint.file)).mend(facts.command("gateway restart"))
}
