//! `codexpin check live`: whether the live installation answers now.

use super::{CheckReport, RouteReport};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::question::QuestionRequest;
use crate::check::installation::LiveCheck;
use crate::config;
use crate::explain::{Class, Explain as _};
use crate::installation::{Installation, gateway_environment};
use crate::question::{Question, Through, Upstream};
use crate::release::pairing::{Candidate, Plugin};
use crate::route::Route;
use crate::verdict;

/// Asks it, through the route that its own config names.
pub(super) async fn ask(
    context: &Context,
    request: &QuestionRequest,
) -> Result<CheckReport, AppError> {
    if !request.routes.is_empty() {
        return Err(AppError::usage("`check live` asks through the route of the live config")
            .with_hint("leave --route out"));
    }
    let catalogue = context.catalogue()?;
    let installation = find(context).await?;
    // The service's variables, and not this shell's, decide which model it asks.
    let gateway = gateway_environment(&context.environment, &context.live_machine().home);
    let config = config::load(&installation.config, &gateway)?;
    let route = config::route_in(&config, installation.core.version)?;
    let route = route.unwrap_or_else(Route::of_most);
    let question = Question {
        upstream: Upstream::Installation,
        through: Through::Gateway,
        reply: request.reply(context)?,
        timeout_s: request.timeout_s,
        ..Question::text_through(vec![route.clone()])
    };
    let logs = context.check_logs(installation.core.version)?;
    context.log_into(&logs);
    let live = LiveCheck {
        installation: &installation,
        route: &route,
        agent: &config.agent(),
        environment: &context.environment,
        logs: &logs,
        processes: &context.processes,
    };
    let observation = live.ask(&question, &context.stop).await?;
    let plugin = installation.plugin.as_ref().map(|plugin| Plugin {
        version: plugin.version(),
        integrity: None,
        codex_cli: None,
    });
    let verdict = verdict::judge(&observation, catalogue);
    Ok(CheckReport {
        candidate: Candidate {
            core: installation.core.version,
            core_integrity: None,
            node: None,
            plugin,
        },
        question,
        node: Some(installation.node.version.clone()),
        verdict,
        routes: vec![RouteReport::of(observation, catalogue)],
        install_egress: None,
        install_scripts: None,
        fault: None,
        remedies: None,
        prefix: None,
    })
}

/// The live installation, for looking at.
async fn find(context: &Context) -> Result<Installation, AppError> {
    Installation::find(&context.live_machine())
        .await
        .map_err(|error| AppError::new(Class::Failure, &error).maybe_hint(error.hint()))
}
