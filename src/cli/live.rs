//! `codexpin check live`: whether the live installation answers now.

use super::check::logs;
use super::context::Context;
use super::question::QuestionArguments;
use crate::app::AppError;
use crate::check::installation::LiveCheck;
use crate::config;
use crate::explain::{Class, Explain as _};
use crate::installation::{Installation, LiveMachine};
use crate::question::{Question, Through, Upstream};
use crate::release::pairing::{Candidate, Plugin};
use crate::report::check::{CheckReport, RouteReport};
use crate::route::Route;
use crate::verdict;

/// Asks it, through the route that its own config names.
pub(super) async fn ask(
    context: &Context,
    arguments: &QuestionArguments,
) -> Result<CheckReport, AppError> {
    if !arguments.routes.is_empty() {
        return Err(AppError::usage("`check live` asks through the route of the live config")
            .with_hint("leave --route out"));
    }
    let catalogue = context.catalogue()?;
    let installation = find(context).await?;
    let config = config::load(&installation.config, &context.environment)?;
    let route = config::route_of(&config)?.unwrap_or_else(Route::of_most);
    let question = Question {
        upstream: Upstream::Installation,
        through: Through::Gateway,
        reply: arguments.reply(&context.processes.person())?,
        timeout_s: arguments.timeout,
        ..Question::text_through(vec![route.clone()])
    };
    let logs = logs(context, installation.core.version)?;
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
pub(super) async fn find(context: &Context) -> Result<Installation, AppError> {
    let surroundings = LiveMachine {
        environment: context.environment.clone(),
        home: context.directories.home.clone(),
        processes: context.processes.clone(),
    };
    Installation::find(&surroundings)
        .await
        .map_err(|error| AppError::new(Class::Failure, &error).maybe_hint(error.hint()))
}
