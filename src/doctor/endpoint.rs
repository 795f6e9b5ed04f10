//! Where OpenAI's models are asked: a stale address or API, in the config and in
//! the agents' catalogues, whose addresses go before those of the config.

use camino::Utf8PathBuf;

use super::finding::{Finding, Level};
use super::{Endpoint, EndpointKind, Facts};
use crate::openclaw::Change;
use crate::openclaw::names::{
    CHATGPT_APIS, CODEX, OPENAI, OPENAI_CODEX, OPENAI_PROVIDERS, chatgpt_api,
};
use crate::process::quoted;
use crate::release::Version;

const SERVICE: &str = "chatgpt.com";
const PUBLIC_API: &str = "api.openai.com";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings: Vec<_> = facts
        .broken_catalogues
        .iter()
        .map(|file| {
            Finding::problem("models-unreadable", "an agent's models.json does not parse")
                .file(file)
                .why("the release writes it anew where it is not there")
                .mend(format!("mv {} {}", quoted(file.as_str()), quoted(&format!("{file}.broken"))))
                .mend(facts.command("gateway restart"))
        })
        .collect();
    findings.extend(facts.retired_compaction.iter().map(|file| compaction(facts, file)));
    let Some(release) = facts.release() else { return findings };
    for endpoint in facts.endpoints.iter().filter(|endpoint| matters(facts, endpoint)) {
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
    let named = |endpoint: &&Endpoint| endpoint.base_url.is_some() && matters(facts, endpoint);
    Some(match facts.endpoints.iter().filter(named).count() {
        0 => "OpenAI's addresses are the release's own".to_owned(),
        1 => "1 address that the route can use, in config and catalogues".to_owned(),
        n => format!("{n} addresses that the route can use, in config and catalogues"),
    })
}

/// OpenAI's providers, that of Codex, and what the route or a fallback names.
fn matters(facts: &Facts, endpoint: &Endpoint) -> bool {
    let provider = endpoint.provider.as_str();
    let fallbacks = facts.settings().into_iter().flat_map(|settings| &settings.fallbacks);
    let in_fallback = |model: &String| model.split('/').next() == Some(provider);
    OPENAI_PROVIDERS.contains(&provider)
        || provider == CODEX
        || facts.route().is_some_and(|route| route.provider == provider)
        || fallbacks.flat_map(|list| &list.models).any(in_fallback)
}

/// The address of Codex's older compaction was taken away in August 2026.
fn compaction(facts: &Facts, file: &Utf8PathBuf) -> Finding {
    Finding::problem("codex-compaction-retired", "Codex is told to compact by a retired address")
        .file(file)
        .key("features.remote_compaction_v2")
        .why(
            "the service answers `responses/compact` with a 404 since August 2026: a turn in a long \
             conversation ends with a time-out. An older release asks the same address, so a rollback \
             does not help (#125789, #137736)",
        )
        .mend(format!("sed -i.bak '/remote_compaction_v2/d' {}", quoted(file.as_str())))
        .mend(facts.command("gateway restart"))
}

/// A config with the old provider or the old API is not taken at all.
fn refused(endpoint: &Endpoint, release: Version) -> bool {
    let old_api = endpoint.api.as_deref() == Some(CHATGPT_APIS[0]);
    let of_openai = OPENAI_PROVIDERS.contains(&endpoint.provider.as_str());
    endpoint.kind == EndpointKind::Config
        && (Change::ProviderRenamed.is_in(release) && endpoint.provider == OPENAI_CODEX
            || Change::ChatGptApiRenamed.is_in(release) && old_api && of_openai)
}

fn refusal(facts: &Facts, endpoint: &Endpoint, release: Version) -> Finding {
    Finding::problem(
        "provider-legacy",
        format!("{release} refuses {} as it is set up", endpoint.name()),
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
    let host = url.host_str().unwrap_or_default();
    let key = match endpoint.kind {
        EndpointKind::Codex => endpoint.key.clone(),
        EndpointKind::Config | EndpointKind::Catalogue => format!("{}.baseUrl", endpoint.key),
    };
    let path = url.path().trim_end_matches('/');
    if host != SERVICE {
        // A user's own provider is where its user put it.
        let of_openai = OPENAI_PROVIDERS.contains(&endpoint.provider.as_str());
        return (host != PUBLIC_API && (of_openai || endpoint.provider == CODEX)).then(|| {
            Finding::note("base-url-elsewhere", format!("{} is asked at {host}", endpoint.name()))
                .file(&endpoint.file)
                .key(key)
                .why("that is not OpenAI's service: what answers there is not seen from here")
        });
    }
    // Releases up to 7.x write it themselves, and lead a Codex turn past it.
    if endpoint.provider == CODEX && path == "/backend-api" && facts.runs_codex() {
        return None;
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
    let level = if is_asked(facts, endpoint) { level } else { Level::Warning };
    let finding = Finding::new(
        "base-url-stale",
        level,
        format!("{} is asked at {SERVICE}{path}", endpoint.name()),
    )
    .file(&endpoint.file)
    .key(&key)
    .why(why);
    Some(match endpoint.kind {
        EndpointKind::Config => {
            finding.mend(facts.command(&format!(
                "config set {} https://{SERVICE}/backend-api/codex",
                quoted(&key)
            )))
        }
        EndpointKind::Catalogue => rewritten(facts, finding, endpoint),
        EndpointKind::Codex => finding
            .mend(format!("\"${{EDITOR:-vi}}\" {}", quoted(endpoint.file.as_str())))
            .mend(facts.command("gateway restart")),
    })
}

/// Whether the route's turns use it. Those of OpenAI are told as such wherever they are.
fn is_asked(facts: &Facts, endpoint: &Endpoint) -> bool {
    let Some(route) = facts.route() else { return true };
    let of_openai = |provider: &str| provider == OPENAI_CODEX || provider == OPENAI;
    let provider = endpoint.provider == route.provider
        || of_openai(&endpoint.provider) && of_openai(&route.provider);
    provider && endpoint.model.as_ref().is_none_or(|model| *model == route.model)
}

fn api(facts: &Facts, endpoint: &Endpoint, release: Version) -> Option<Finding> {
    let wanted = chatgpt_api(release);
    let wrong = endpoint.api.as_ref().filter(|api| {
        let other = CHATGPT_APIS.contains(&api.as_str()) && *api != wanted;
        let of_key = endpoint.provider == OPENAI_CODEX && !CHATGPT_APIS.contains(&api.as_str());
        other || of_key
    })?;
    // What asks nothing breaks nothing.
    let of_route = facts.route().is_some_and(|route| {
        let is_it = |model: &String| *model == route.model;
        route.provider == endpoint.provider && endpoint.model.as_ref().is_none_or(is_it)
    });
    let level = if of_route { Level::Problem } else { Level::Warning };
    let title = format!("{} speaks {wrong}, and {release} wants {wanted}", endpoint.name());
    let key = format!("{}.api", endpoint.key);
    let finding = Finding::new("api-stale", level, title)
        .file(&endpoint.file)
        .key(&key)
        .why("with another API a ChatGPT token is sent where it is not taken (`Missing scopes`), or nowhere");
    Some(match endpoint.kind {
        EndpointKind::Catalogue => rewritten(facts, finding, endpoint),
        EndpointKind::Config | EndpointKind::Codex => {
            finding.mend(facts.command(&format!("config set {} {wanted}", quoted(&key))))
        }
    })
}

/// The release writes its catalogue anew where it is not there.
fn rewritten(facts: &Facts, finding: Finding, endpoint: &Endpoint) -> Finding {
    let (file, stale) =
        (quoted(endpoint.file.as_str()), quoted(&format!("{}.stale", endpoint.file)));
    finding.mend(format!("mv {file} {stale}")).mend(facts.command("gateway restart"))
}
