//! What is asked of a candidate, for every command that asks.

use std::sync::Arc;

use camino::Utf8PathBuf;
use jiff::SignedDuration;

use super::context::Context;
use super::upstream::{UpstreamArguments, Watch};
use crate::app::AppError;
use crate::check::account::LentAccount;
use crate::config::{self, Loaded};
use crate::question::{AskBy, Probe, Question, Require, Through, Upgrade};
use crate::redact::{self, Person};
use crate::report::terminal;
use crate::route::Route;
use crate::session::journal::Journal;

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
    #[command(flatten)]
    pub(super) upstream: UpstreamArguments,
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

/// A question with the config that it carries over.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) config: Option<Arc<Loaded>>,
    /// The login that is lent.
    pub(super) account: Option<Arc<LentAccount>>,
    /// Looks after the live logins meanwhile.
    pub(super) watch: Option<Watch>,
}

impl QuestionArguments {
    /// The text to reply with. A secret in it would stand in every log.
    pub(super) fn reply(&self, person: &Person) -> Result<String, AppError> {
        let reply = person.line(self.reply.trim());
        if reply != self.reply.trim() {
            terminal::note(&format!("--reply is masked: the agent is asked for `{reply}`"));
        }
        if reply.is_empty() || reply.contains('\n') || reply.len() > 200 {
            return Err(AppError::usage(
                "--reply takes one line of 1 to 200 characters".to_owned(),
            ));
        }
        Ok(reply.into_owned())
    }

    /// How long a login has to be good for, for one check.
    pub(super) fn one_check(&self) -> SignedDuration {
        let turns = i64::try_from(self.routes.len().max(1)).unwrap_or(1);
        let seconds = i64::try_from(self.timeout).unwrap_or(0) + 60;
        SignedDuration::from_secs(turns * seconds)
    }

    /// What is asked. `needed` is how long a login has to be good for, `only_loopback`
    /// what the command wants that only the loopback can do.
    pub(super) async fn asked(
        &self,
        context: &Context,
        needed: SignedDuration,
        only_loopback: Option<&str>,
    ) -> Result<Asked, AppError> {
        let reply = self.reply(&context.processes.person())?;
        let tools = (self.probe != Probe::Text).then(|| format!("--probe {}", self.probe));
        let chosen =
            self.upstream.choose(context, needed, only_loopback.or(tools.as_deref())).await?;
        let file = self.config.as_ref().map(|file| context.cwd.join(file)).or(chosen.config);
        let config = load(context, file.as_ref())?;
        let mut routes = self.routes.clone();
        if routes.is_empty() {
            routes.push(default_route(config.as_deref())?);
        }
        let mut seen = std::collections::HashSet::new();
        if let Some(twice) = routes.iter().find(|route| !seen.insert(*route)) {
            return Err(AppError::usage(format!("the route {twice} is given twice")));
        }
        let ask = match &self.exec {
            Some(command) if command.trim().is_empty() => {
                return Err(AppError::usage("--exec takes a command".to_owned()));
            }
            Some(command) if redact::line(command) != *command => {
                let what = redact::line(command);
                return Err(AppError::usage(format!("--exec holds a secret: `{what}`")).with_hint(
                    "it would be seen on this machine and kept in the journal: let the command read it from a file",
                ));
            }
            Some(command) => AskBy::Command(command.clone()),
            None => AskBy::Probe(self.probe),
        };
        let question = Question {
            routes,
            upstream: chosen.upstream,
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
        Ok(Asked { question, config, account: chosen.account, watch: chosen.watch })
    }
}

/// The question of a session that goes on; its config is read again. `max_turns` is
/// what the user allows now, where it is said anew.
pub(super) async fn again(
    context: &Context,
    journal: &Journal,
    max_turns: Option<usize>,
    needed: SignedDuration,
) -> Result<Asked, AppError> {
    let request = journal.request();
    let question = &request.question;
    let config = load(context, question.config.as_ref())?;
    let max_turns = max_turns.or(request.max_turns);
    let arguments = UpstreamArguments::again(&question.upstream, max_turns, journal.turns_taken());
    let chosen = arguments.choose(context, needed, None).await?;
    // Before anything is asked: the answers would speak of two accounts.
    request.accepts(&chosen.upstream)?;
    let (account, watch) = (chosen.account, chosen.watch);
    Ok(Asked { question: question.clone(), config, account, watch })
}

fn load(context: &Context, file: Option<&Utf8PathBuf>) -> Result<Option<Arc<Loaded>>, AppError> {
    let loaded = file.map(|file| config::load(file, &context.environment)).transpose()?;
    Ok(loaded.map(Arc::new))
}

fn default_route(config: Option<&Loaded>) -> Result<Route, AppError> {
    let named = config.map(config::route_of).transpose()?.flatten();
    Ok(named.unwrap_or_else(Route::of_most))
}
