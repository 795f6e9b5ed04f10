//! What is asked of a candidate, on the command line of every command that asks.

use camino::Utf8PathBuf;

use super::upstream::UpstreamArguments;
use crate::app::question::QuestionRequest;
use crate::host::HostPort;
use crate::question::{AskBy, Probe, Require, Through, Upgrade};
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
    /// Let installs reach this host, besides the registry of npm's configuration. May be
    /// given several times. [the port, where it is left out, is 443]
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(super) open_install: Vec<HostPort>,
    /// Run releases with your own rights where this machine cannot enclose them: they can
    /// read and write your files, and reach the network.
    #[arg(long)]
    unenclosed: bool,
    #[command(flatten)]
    pub(super) upstream: UpstreamArguments,
    /// How long a turn may take, in seconds.
    #[arg(long, value_name = "S", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(super) timeout: u64,
    /// The text that the agent is asked to reply with.
    #[arg(long, value_name = "TEXT", default_value = "OK")]
    reply: String,
}

/// Whether what is known is asked again.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct FreshArgument {
    /// Ask releases that an earlier session asked the same, too.
    #[arg(long)]
    pub(super) fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RequireName {
    /// Every route.
    All,
    /// One is enough.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ThroughName {
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

impl ThroughName {
    pub(super) fn through(self) -> Through {
        match self {
            Self::Local => Through::Local,
            Self::Gateway => Through::Gateway,
        }
    }
}

impl QuestionArguments {
    pub(super) fn request(self) -> QuestionRequest {
        QuestionRequest {
            routes: self.routes,
            require: match self.require {
                RequireName::All => Require::All,
                RequireName::Any => Require::Any,
            },
            ask: match self.exec {
                Some(command) => AskBy::Command(command),
                None => AskBy::Probe(self.probe),
            },
            through: self.through.through(),
            config: self.config,
            upgrade: match self.upgrade {
                UpgradeName::AsIs => Upgrade::AsIs,
                UpgradeName::Doctor => Upgrade::Doctor,
            },
            open_install: self.open_install,
            unenclosed: self.unenclosed,
            upstream: self.upstream.request(),
            timeout_s: self.timeout,
            reply: self.reply,
        }
    }
}
