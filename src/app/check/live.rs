//! `codexpin check live`: whether the live installation answers now.

use tokio_util::sync::CancellationToken;

use super::{CheckReport, RouteReport};
use crate::app::AppError;
use crate::app::context::Context;
use crate::app::question::QuestionRequest;
use crate::check::installation::LiveCheck;
use crate::config;
use crate::explain::{Class, Explain as _};
use crate::installation::{Installation, Service as _, ServiceCondition, gateway_environment};
use crate::observation::Observation;
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
    is_up(context, &installation).await?;
    let question = Question {
        reply: request.reply(context)?,
        timeout_s: request.timeout_s,
        ..Question::text_through(Vec::new())
    };
    let LiveAnswer { question, observation } =
        observe(context, &installation, question, &context.stop).await?;
    let plugin = installation.plugin.as_ref().map(|plugin| Plugin {
        version: plugin.version(),
        integrity: None,
        codex_cli: None,
    });
    let verdict = verdict::judge(&observation, catalogue);
    Ok(CheckReport {
        known_since: None,
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

/// What the live installation was asked, and what came of it.
pub(in crate::app) struct LiveAnswer {
    pub(in crate::app) question: Question,
    pub(in crate::app) observation: Observation,
}

/// Asks an installation through its own Gateway and the route of its own config;
/// `question` says for which reply, and how long it may take.
pub(in crate::app) async fn observe(
    context: &Context,
    installation: &Installation,
    question: Question,
    stop: &CancellationToken,
) -> Result<LiveAnswer, AppError> {
    // The service's variables, and not this shell's, decide which model it asks.
    let gateway = gateway_environment(&context.environment, &context.live_machine().home);
    let config = config::load(&installation.config, &gateway)?;
    let route = config::route_in(&config, installation.core.version)?;
    let route = route.unwrap_or_else(Route::of_most);
    let question = Question {
        upstream: Upstream::Installation,
        through: Through::Gateway,
        routes: vec![route.clone()],
        ..question
    };
    let logs = context.check_logs(installation.core.version)?;
    context.log_into(&logs);
    let live = LiveCheck {
        installation,
        route: &route,
        agent: &config.agent(),
        environment: &context.environment,
        logs: &logs,
        processes: &context.processes,
    };
    let observation = live.ask(&question, stop).await?;
    Ok(LiveAnswer { question, observation })
}

/// A Gateway that is not there answers nobody. Where that cannot be seen, it is asked.
async fn is_up(context: &Context, installation: &Installation) -> Result<(), AppError> {
    let machine = context.live_machine();
    let Some(installed) = &installation.service else { return Ok(()) };
    let Some(service) = installation.service(&machine) else { return Ok(()) };
    let runs = service.condition().await.map(|condition| condition == ServiceCondition::Running);
    let another = installation.other_gateway(&machine).await;
    if let (Ok(false), Ok(None)) = (runs, another) {
        let unit = installed.unit.file_name().unwrap_or_default();
        let message = format!("the agent does not answer: {unit} is not running");
        return Err(AppError::new(Class::Failure, message)
            .with_hint(format!("`systemctl --user start {unit}`; `codexpin doctor` says more")));
    }
    Ok(())
}

/// The live installation, for looking at.
async fn find(context: &Context) -> Result<Installation, AppError> {
    Installation::find(&context.live_machine())
        .await
        .map_err(|error| AppError::new(Class::Failure, &error).maybe_hint(error.hint()))
}
