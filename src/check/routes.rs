//! Which routes a release knows: its own list of OpenAI's models, read in a
//! scratch home with made-up logins.

use std::time::Duration;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::sandbox::SandboxPlan;
use super::{CheckEnvironment, CheckError, CheckJob, InstalledCandidate, reply};
use crate::openclaw::names::{OPENAI, OPENAI_CODEX};
use crate::process::Ending;
use crate::question::{Question, Variation};
use crate::route::Route;

/// How long a release may take for its list: 2 s to 40 s where it was tried.
const TIME_LIMIT: Duration = Duration::from_mins(2);

/// What a release lists for one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderRoutes {
    /// The provider.
    pub provider: String,
    /// Its routes, as the release writes them; empty where it knows none.
    pub models: Vec<String>,
    /// Why there is no list, where the release gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// Asks a release for both ways to OpenAI's models, side by side: the API key's
/// (`openai`) and, in older releases, that of a `ChatGPT` login (`openai-codex`).
pub async fn list(
    candidate: &InstalledCandidate,
    environment: &CheckEnvironment,
    logs: &Utf8Path,
    stop: &CancellationToken,
) -> Result<[ProviderRoutes; 2], CheckError> {
    let of = |provider: &'static str| of_provider(provider, candidate, environment, logs, stop);
    let (key, login) = tokio::join!(of(OPENAI), of(OPENAI_CODEX));
    Ok([key?, login?])
}

async fn of_provider(
    provider: &str,
    candidate: &InstalledCandidate,
    environment: &CheckEnvironment,
    logs: &Utf8Path,
    stop: &CancellationToken,
) -> Result<ProviderRoutes, CheckError> {
    // A model that the config names is listed, known or not.
    let route = Route { provider: "loop".to_owned(), model: "not-asked".to_owned(), harness: None };
    let question = Question { unenclosed: true, ..Question::text_through(vec![route.clone()]) };
    let variation = Variation::default();
    let sandbox = SandboxPlan {
        job: CheckJob::plain(candidate, &question, &variation, logs),
        doctor: false,
        route: &route,
        place: 0,
        environment,
        logs,
        tool_calls: 0,
        command: None,
    }
    .open()
    .await?;
    let words = ["models", "list", "--all", "--provider", provider, "--json"];
    let program = sandbox.openclaw(&words, provider, TIME_LIMIT);
    let output = environment.processes.run(&program, stop).await?;
    sandbox.close().await?;
    if output.ending == Ending::Cancelled {
        return Err(CheckError::Stopped);
    }
    let list = read(&reply::plain(&output.stdout.raw()));
    let failed = list.is_none().then(|| {
        let said = format!("{}\n{}", output.stderr.text(), output.stdout.text());
        let said = reply::plain(&said);
        reason(&said).map_or_else(|| output.ending.to_string(), ToOwned::to_owned)
    });
    Ok(ProviderRoutes { provider: provider.to_owned(), models: list.unwrap_or_default(), failed })
}

/// The line that says why, or else the last one.
fn reason(said: &str) -> Option<&str> {
    let of_node = |line: &&str| line.starts_with("(node:") || line.starts_with("(Use `node");
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines = lines.filter(|line| !of_node(line));
    let said = lines.clone().find_map(|line| line.strip_prefix("[openclaw] Reason: "));
    said.or_else(|| lines.clone().find(|line| line.contains("rror"))).or_else(|| lines.next_back())
}

/// The keys of the models in the list; none where there is no list.
fn read(stdout: &str) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct List {
        models: Vec<Model>,
    }
    #[derive(Deserialize)]
    struct Model {
        key: String,
    }
    // Warnings may stand before it.
    let at = stdout.match_indices('{').map(|(at, _)| at);
    let list = at.map(|at| &stdout[at..]).find_map(|text| {
        serde_json::Deserializer::from_str(text).into_iter::<List>().next()?.ok()
    })?;
    Some(list.models.into_iter().map(|model| model.key).collect())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn the_list_is_found_behind_warnings() {
        let stdout = "{a warning}\n{\"count\": 1, \"models\": [{\"key\": \"openai/gpt-5.5\"}]}\n";
        assert_eq!(read(stdout), Some(vec!["openai/gpt-5.5".to_owned()]));
        assert_eq!(read("{\"models\": []}"), Some(vec![]));
        assert_eq!(read("Gateway is not running."), None);
        assert_eq!(
            super::reason("(node:7) Warning: x\nNo models found.\n"),
            Some("No models found.")
        );
    }
}
