//! What a candidate finds in its scratch home: state, config and login.

use std::io;

use camino::Utf8Path;
use fs_err as fs;
use serde_json::Value;

use super::CheckJob;
use super::home::{ScratchHome, copy_state};
use super::login::{self, LoginProfile, ScratchLoginKind};
use super::minimal::{self, Places};
use crate::config::{self, Scratch};
use crate::fs::write_private;
use crate::login::AuthStore;
use crate::question::StateCarry;
use crate::route::Route;
use crate::secret::Secret;

/// The files of a scratch home, to be written.
pub(super) struct HomeFiles<'a> {
    pub(super) job: CheckJob<'a>,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    /// Whether the release's own doctor is going to migrate the state.
    pub(super) doctor: bool,
    pub(super) home: &'a ScratchHome,
    pub(super) port: u16,
    pub(super) token: &'a Secret,
    pub(super) base_url: &'a str,
}

/// What the turn has to know of the files.
pub(super) struct HomeSummary {
    /// The agent that the turn goes to.
    pub(super) agent: String,
    /// What is not as in the config that was carried over, a line each.
    pub(super) changes: Vec<String>,
}

impl HomeFiles<'_> {
    /// Fills the home.
    pub(super) fn write(&self) -> io::Result<HomeSummary> {
        if let StateCarry::RestoreFrom(saved) = &self.job.variation.state {
            return self.upgrade(&saved.join(directory_of(self.place)));
        }
        let mut config = serde_json::json!({});
        let with_plugin =
            self.job.candidate.plugin_state.as_deref().filter(|_| self.route.may_use_plugin());
        if let Some(installed) = with_plugin {
            copy_state(installed, &self.home.state())?;
            config = read(&self.home.config())?;
        }
        let account = self.job.account;
        let mut logins: Vec<_> = LoginProfile::of(self.route, account).into_iter().collect();
        let mut summary = HomeSummary { agent: "main".to_owned(), changes: Vec::new() };
        let log = self.home.path().join("openclaw.log");
        let workspace = self.home.workspace();
        if let Some(loaded) = self.job.config {
            let scratch = Scratch {
                home: self.home.path(),
                workspace: &workspace,
                port: self.port,
                token: self.token,
                base_url: self.base_url,
            };
            let sanitised = config::sanitise(loaded, &scratch);
            minimal::merge(&mut config, sanitised.config);
            minimal::set_route(&mut config, self.route);
            let named: Vec<_> = sanitised.logins.into_iter().filter_map(chatgpt).collect();
            if !named.is_empty() {
                logins = named;
            }
            summary.agent = sanitised.agent;
            summary.changes = sanitised.changes.iter().map(ToString::to_string).collect();
        } else {
            minimal::merge(
                &mut config,
                minimal::config(
                    self.route,
                    ScratchLoginKind::of(self.route, account),
                    &self.places(&workspace, &log),
                ),
            );
        }
        if with_plugin.is_some() {
            minimal::enable_plugin(&mut config);
        }
        if let Some(settings) = &self.job.variation.settings {
            minimal::merge(&mut config, settings.clone());
        }
        // After everything that is copied, which has a config of its own.
        self.write_config(&config)?;
        match account {
            None => login::make_up(&logins, &self.home.state())?,
            Some(account) => login::lend_to(account, &logins, &self.home.state(), self.shelf()?)?,
        }
        Ok(summary)
    }

    /// Where this release finds a login without a migration; with one, the oldest
    /// place of all.
    fn shelf(&self) -> io::Result<AuthStore> {
        if self.doctor {
            return Ok(AuthStore::Inline);
        }
        let package = self.job.candidate.entry.with_file_name("package.json");
        Ok(AuthStore::of(&read(&package)?).unwrap_or(AuthStore::Inline))
    }

    /// The state that another release left, with its own config and login; only
    /// what names the home that it was left in, or its loopback, is changed.
    fn upgrade(&self, left: &Utf8Path) -> io::Result<HomeSummary> {
        copy_state(left, &self.home.state())?;
        let mut config = read(&self.home.config())?;
        let log = self.home.path().join("openclaw.log");
        minimal::set_places(&mut config, &self.places(&self.home.workspace(), &log));
        if let Some(models) = config.get_mut("models") {
            minimal::lead_to_loopback(models, self.base_url);
        }
        self.write_config(&config)?;
        for agent in self.home.state().join("agents").read_dir_utf8().into_iter().flatten() {
            let file = agent?.path().join("agent/models.json");
            if file.exists() {
                let mut models = read(&file)?;
                minimal::lead_to_loopback(&mut models, self.base_url);
                write_private(&file, format!("{models:#}\n").as_bytes())?;
            }
        }
        let agent = self.job.config.map_or_else(|| "main".to_owned(), config::Loaded::agent);
        Ok(HomeSummary { agent, changes: Vec::new() })
    }

    fn places<'b>(&'b self, workspace: &'b Utf8Path, log: &'b Utf8Path) -> Places<'b> {
        let token = self.token.reveal();
        Places { workspace, log, port: self.port, token, base_url: self.base_url }
    }

    fn write_config(&self, config: &Value) -> io::Result<()> {
        write_private(&self.home.config(), format!("{config:#}\n").as_bytes())
    }
}

/// A login of the config, where it is one that is kept in a file.
fn chatgpt(login: config::ConfigLogin) -> Option<LoginProfile> {
    (login.mode == "oauth")
        .then_some(LoginProfile { name: login.profile, provider: login.provider })
}

/// Where a route's state is kept in what a release leaves.
pub(super) fn directory_of(place: usize) -> String {
    format!("route-{}", place + 1)
}

/// The route that a config asks through by default; the harness is the one that
/// was asked for.
pub(super) fn route_in(config: &Utf8Path, asked: &Route) -> Option<Route> {
    let config = read(config).ok()?;
    let model = &config["agents"]["defaults"]["model"];
    let id = model.get("primary").unwrap_or(model).as_str()?;
    let (provider, model) = id.split_once('/')?;
    Some(Route {
        provider: provider.to_owned(),
        model: model.to_owned(),
        harness: asked.harness.clone(),
    })
}

fn read(config: &Utf8Path) -> io::Result<Value> {
    serde_json::from_slice(&fs::read(config)?).map_err(io::Error::other)
}
