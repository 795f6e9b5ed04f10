//! What is asked of a candidate, for every command that asks.

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::context::Context;
use super::failure::Failure;
use crate::config::{self, Loaded};
use crate::question::{Ask, Probe, Question, Require, Through, Upgrade, Upstream};
use crate::route::Route;

#[derive(Debug, Clone, clap::Args)]
pub(super) struct QuestionArguments {
    /// The route that a turn is sent through: provider/model or
    /// provider/model@harness. May be given several times. [default: the config's
    /// with --config, or else openai-codex/gpt-5.5]
    #[arg(long = "route", value_name = "ROUTE")]
    pub(super) routes: Vec<Route>,
    /// How many of several routes have to answer.
    #[arg(long, value_enum, default_value_t = RequireName::All)]
    require: RequireName,
    /// What a turn consists of: text, tool, multitool or multitool=N (tool calls,
    /// 20 where N is not given).
    #[arg(long, default_value_t = Probe::Text)]
    probe: Probe,
    /// A command of your own in place of the probe: exit 0 good, 125 skip, 128 and
    /// over stop, anything else bad.
    #[arg(long, value_name = "CMD", conflicts_with_all = ["probe", "reply"])]
    exec: Option<String>,
    /// Who runs the turn: `openclaw agent --local`, or the release's own Gateway.
    #[arg(long, value_enum, default_value_t = ThroughName::Local)]
    through: ThroughName,
    /// Carry this openclaw.json over, made fit for a scratch home.
    #[arg(long, value_name = "FILE")]
    config: Option<Utf8PathBuf>,
    /// What a release does to the state that it meets, before it is asked.
    #[arg(long, value_enum, default_value_t = UpgradeName::AsIs)]
    upgrade: UpgradeName,
    /// Who answers the model requests.
    #[arg(long, value_enum, default_value_t = UpstreamName::Loopback)]
    upstream: UpstreamName,
    /// How long a turn may take, in seconds.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) timeout: u64,
    /// The text that the agent is asked to reply with.
    #[arg(long, value_name = "TEXT", default_value = "OK")]
    reply: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RequireName {
    /// Every route.
    All,
    /// One is enough.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ThroughName {
    /// The agent's own process.
    Local,
    /// A Gateway in the scratch home.
    Gateway,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum UpgradeName {
    /// Nothing.
    AsIs,
    /// Its own `openclaw doctor --fix`.
    Doctor,
}

/// Who answers the model requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum UpstreamName {
    /// The embedded service: no account, no tokens.
    Loopback,
}

/// A question with the config that it carries over.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) config: Option<Arc<Loaded>>,
}

impl QuestionArguments {
    /// The text to reply with.
    pub(super) fn reply(&self) -> Result<String, Failure> {
        let reply = self.reply.trim();
        if reply.is_empty() || reply.contains('\n') || reply.len() > 200 {
            return Err(Failure::usage("--reply takes one line of 1 to 200 characters".to_owned()));
        }
        Ok(reply.to_owned())
    }

    pub(super) fn asked(&self, context: &Context) -> Result<Asked, Failure> {
        let UpstreamName::Loopback = self.upstream;
        let reply = self.reply()?;
        let file = self.config.as_ref().map(|file| context.cwd.join(file));
        let config = load(context, file.as_ref())?;
        let mut routes = self.routes.clone();
        if routes.is_empty() {
            routes.push(default_route(config.as_deref())?);
        }
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = routes.iter().find(|route| !seen.insert(*route)) {
            return Err(Failure::usage(format!("the route {twice} is given twice")));
        }
        let ask = match &self.exec {
            Some(command) if command.trim().is_empty() => {
                return Err(Failure::usage("--exec takes a command".to_owned()));
            }
            Some(command) => Ask::Command(command.clone()),
            None => Ask::Probe(self.probe),
        };
        let question = Question {
            routes,
            upstream: Upstream::Loopback,
            require: match self.require {
                RequireName::All => Require::All,
                RequireName::Any => Require::Any,
            },
            ask,
            reply,
            through: match self.through {
                ThroughName::Local => Through::Local,
                ThroughName::Gateway => Through::Gateway,
            },
            upgrade: match self.upgrade {
                UpgradeName::AsIs => Upgrade::AsIs,
                UpgradeName::Doctor => Upgrade::Doctor,
            },
            config: file,
            carry_state: false,
            timeout_s: self.timeout,
        };
        Ok(Asked { question, config })
    }
}

/// The question of a session that goes on; its config is read again.
pub(super) fn again(context: &Context, question: &Question) -> Result<Asked, Failure> {
    let config = load(context, question.config.as_ref())?;
    Ok(Asked { question: question.clone(), config })
}

fn load(context: &Context, file: Option<&Utf8PathBuf>) -> Result<Option<Arc<Loaded>>, Failure> {
    let loaded = file.map(|file| config::load(file, &context.environment)).transpose()?;
    Ok(loaded.map(Arc::new))
}

fn default_route(config: Option<&Loaded>) -> Result<Route, Failure> {
    let named = config.map(config::route_of).transpose()?.flatten();
    Ok(named.unwrap_or_else(Route::of_most))
}
