//! Find the `OpenClaw` release where the agent stopped answering, pin the last
//! good one, roll back to it.
//!
//! Data flows one way:
//!
//! ```text
//! release ──▶ line of candidates ──▶ [ prefix ─▶ check ─▶ verdict ] ──▶ search ──▶ pin ──▶ apply
//! registry    pairing                  one turn of the session          pure       file    live machine
//!                                      every step tells its story as events ──▶ report
//! ```
//!
//! - [`release`] asks the registry that npm is configured for, orders what it
//!   has, and pairs core and plugin into candidates.
//! - [`npm`] runs npm and knows its configuration and registry; [`node`] chooses and provides Node.
//! - [`openclaw`] is one table of what changed between releases.
//! - [`prefix`] installs a candidate with the real npm into a scratch prefix
//!   and keeps it, with the Node that it asks for.
//! - [`question`] is what is asked of every candidate, and through which
//!   [`route`]s.
//! - [`check`] asks an installed candidate for a reply in a fresh scratch home.
//!   [`upstream`] answers its model requests, or leads them to the real service.
//!   What was seen is an [`observation`].
//! - [`login`] reads the logins that a live state directory holds, without their
//!   refresh tokens, and writes what a candidate is lent.
//! - [`config`] reads a user's own `openclaw.json` and makes it fit for a scratch
//!   home, so that a check can ask what that config asks.
//! - [`catalogue`] is what is known of failures, as data; [`verdict`] judges an
//!   observation by it: good, bad with a failure, or skip with a reason. Pure.
//! - [`transcript`] reads what programs wrote: a line in any dress, whether it is of a
//!   failure, and whose it is. Pure.
//! - [`diagnose`] holds the catalogue against a log of any length. Pure.
//! - [`remedy`] turns what the catalogue knows of a failure into other questions
//!   to ask of the same release. Pure.
//! - [`search`] decides who is asked next, what is asked again, when to pause, and
//!   when it is over. Pure.
//! - [`session`] asks what the search wants, installs ahead, and writes every check
//!   down before the next step. [`lab`] is where it asks: this machine. [`answers`] are
//!   what earlier sessions saw, so that nothing is asked twice.
//! - [`changes`] says what differs between the last good and the first bad
//!   release, for whoever looks for the cause.
//! - [`installation`] is the live one: where it is, on which Node, with which state.
//! - [`pin`] is `known-good.toml`. [`apply`] brings the live installation to a
//!   pin, proves it, and puts everything back if the proof fails; it holds a release
//!   against `OpenClaw`'s own updater, and lets it go. It is the only part that changes anything outside codexpin's own directories.
//! - [`doctor`] says what is wrong with the live installation, as far as its
//!   files tell. Findings are pure.
//! - [`app`] is what the commands do: a plain request in, a result or an error out.
//! - [`event`] is what happens meanwhile, as data; [`log`](mod@log) writes it down with
//!   codexpin's own doings; [`report`] is the only code that prints; [`cli`] turns
//!   arguments into requests and results into exit codes.
//! - [`process`] is the only code that starts programs, if need be in an
//!   enclosure. [`redact`] masks what must not be written down or shown, for all
//!   of them; [`visible`] makes foreign text fit to be looked at. [`fs`], [`host`], [`sqlite`], [`paths`], [`mod@env`] and [`secret`] are what
//!   everything stands on.
//!
//! Start with [`search`] and [`verdict`] for the ideas, then [`session`] for
//! how they meet.

pub mod answers;
pub mod app;
pub mod apply;
pub mod catalogue;
pub mod changes;
pub mod check;
pub mod cli;
pub mod config;
pub mod diagnose;
pub mod doctor;
pub mod env;
pub mod event;
pub mod exit_code;
pub mod explain;
pub mod failpoint;
pub mod fs;
pub mod host;
pub mod installation;
pub mod lab;
pub mod log;
pub mod login;
pub mod node;
pub mod npm;
pub mod observation;
pub mod openclaw;
pub mod paths;
pub mod pin;
pub mod prefix;
pub mod process;
mod proxy;
pub mod question;
pub mod redact;
pub mod release;
pub mod remedy;
pub mod report;
pub mod route;
pub mod search;
pub mod secret;
pub mod session;
pub mod sqlite;
pub mod transcript;
pub mod upstream;
pub mod verdict;
pub mod visible;
