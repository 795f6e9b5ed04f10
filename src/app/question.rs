//! What is asked of a candidate, for every use that asks.

use std::sync::Arc;

use camino::Utf8PathBuf;
use jiff::SignedDuration;

use super::AppError;
use super::context::Context;
use super::upstream::{LoginWatch, UpstreamRequest};
use crate::check::account::LentAccount;
use crate::config::{self, Loaded};
use crate::host::HostPort;
use crate::question::{AskBy, Probe, Question, Require, Through, Upgrade};
use crate::redact;
use crate::route::Route;
use crate::session::journal::Journal;

/// What the user wants asked.
#[derive(Debug, Clone)]
pub struct QuestionRequest {
    /// The routes that a turn is sent through. None: the config's, or else the most
    /// usual one.
    pub routes: Vec<Route>,
    /// How many of several routes have to answer.
    pub require: Require,
    /// What a turn consists of, or the command in place of it.
    pub ask: AskBy,
    /// Who runs the turn.
    pub through: Through,
    /// An `openclaw.json` that is carried over, made fit for a scratch home.
    pub config: Option<Utf8PathBuf>,
    /// What a release does to the state that it meets, before it is asked.
    pub upgrade: Upgrade,
    /// What an install may reach besides the registries.
    pub open_install: Vec<HostPort>,
    /// Whether candidates run where the machine cannot enclose them, too.
    pub unenclosed: bool,
    /// Who is to answer the model requests.
    pub upstream: UpstreamRequest,
    /// How long a turn may take. Seconds.
    pub timeout_s: u64,
    /// The text that the agent is asked to reply with.
    pub reply: String,
}

/// A question, and what it is asked with.
#[derive(Debug)]
pub(super) struct PreparedQuestion {
    pub(super) question: Question,
    pub(super) config: Option<Arc<Loaded>>,
    /// The login that is lent.
    pub(super) account: Option<Arc<LentAccount>>,
    /// Looks after the live logins meanwhile.
    pub(super) watch: Option<LoginWatch>,
}

impl QuestionRequest {
    /// The text to reply with. A secret in it would stand in every log.
    pub(super) fn reply(&self, context: &Context) -> Result<String, AppError> {
        let person = context.processes.person();
        let reply = person.line(self.reply.trim());
        if reply != self.reply.trim() {
            let note = format!("--reply is masked: the agent is asked for `{reply}`");
            context.events.note(note);
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
        let seconds = i64::try_from(self.timeout_s).unwrap_or(0) + 60;
        SignedDuration::from_secs(turns * seconds)
    }

    /// What is asked. `needed` is how long a login has to be good for, `only_loopback`
    /// what the command wants that only the loopback can do.
    pub(super) async fn prepare(
        &self,
        context: &Context,
        needed: SignedDuration,
        only_loopback: Option<&str>,
    ) -> Result<PreparedQuestion, AppError> {
        let reply = self.reply(context)?;
        let tools = match &self.ask {
            AskBy::Probe(Probe::Text) | AskBy::Command(_) => None,
            AskBy::Probe(probe) => Some(format!("--probe {probe}")),
        };
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
        if let AskBy::Command(command) = &self.ask {
            accept_command(command)?;
        }
        let question = Question {
            routes,
            upstream: chosen.upstream,
            require: self.require,
            ask: self.ask.clone(),
            reply,
            through: self.through,
            upgrade: self.upgrade,
            config: file,
            open_install: self.open_install.clone(),
            unenclosed: self.unenclosed,
            carry_state: false,
            timeout_s: self.timeout_s,
        };
        Ok(PreparedQuestion { question, config, account: chosen.account, watch: chosen.watch })
    }
}

fn accept_command(command: &str) -> Result<(), AppError> {
    if command.trim().is_empty() {
        return Err(AppError::usage("--exec takes a command"));
    }
    let masked = redact::line(command);
    if masked != command {
        return Err(AppError::usage(format!("--exec holds a secret: `{masked}`")).with_hint(
            "it would be seen on this machine and kept in the journal: let the command read it from a file",
        ));
    }
    Ok(())
}

/// The question of a session that goes on; its config is read again. `max_turns` is
/// what the user allows now, where it is said anew.
pub(super) async fn again(
    context: &Context,
    journal: &Journal,
    max_turns: Option<usize>,
    needed: SignedDuration,
) -> Result<PreparedQuestion, AppError> {
    let request = journal.request();
    let question = &request.question;
    let config = load(context, question.config.as_ref())?;
    let max_turns = max_turns.or(request.max_turns);
    let upstream = UpstreamRequest::again(request, max_turns, journal.turns_taken());
    let chosen = upstream.choose(context, needed, None).await?;
    // Before anything is asked: the answers would speak of two accounts.
    request.accepts(&chosen.upstream)?;
    let (account, watch) = (chosen.account, chosen.watch);
    Ok(PreparedQuestion { question: question.clone(), config, account, watch })
}

fn load(context: &Context, file: Option<&Utf8PathBuf>) -> Result<Option<Arc<Loaded>>, AppError> {
    let loaded = file.map(|file| config::load(file, &context.environment)).transpose()?;
    Ok(loaded.map(Arc::new))
}

fn default_route(config: Option<&Loaded>) -> Result<Route, AppError> {
    let named = config.map(config::route_of).transpose()?.flatten();
    Ok(named.unwrap_or_else(Route::of_most))
}
