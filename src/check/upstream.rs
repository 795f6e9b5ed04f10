//! Who answers the model requests of a room: the loopback, or the service
//! itself with a login that is lent.

use std::net::TcpListener;

use camino::Utf8Path;

use super::CheckError;
use super::account::Account;
use crate::env::Environment;
use crate::observation::RequestRecord;
use crate::upstream::live::{Live, LiveOptions};
use crate::upstream::loopback::{Fault, Loopback, LoopbackOptions, Script};

/// An upstream that runs.
pub(super) enum Upstream {
    Loopback(Loopback),
    Live(Live),
}

/// What an upstream is to be.
pub(super) struct Wanted<'a> {
    /// Whose login is lent; without one it is the loopback.
    pub(super) account: Option<&'a Account>,
    /// What the loopback's model does.
    pub(super) script: Script,
    /// What is wrong with the loopback.
    pub(super) fault: Option<Fault>,
    /// Where the candidate's requests come out of its enclosure.
    pub(super) listener: Option<TcpListener>,
    /// The user's own proxy and authorities.
    pub(super) environment: &'a Environment,
}

impl Upstream {
    pub(super) async fn start(wanted: Wanted<'_>) -> Result<Self, CheckError> {
        let Wanted { account, script, fault, listener, environment } = wanted;
        let Some(account) = account else {
            let options = LoopbackOptions { listener, script, fault, ..LoopbackOptions::default() };
            return Ok(Self::Loopback(Loopback::start(options).await?));
        };
        let environment = environment.clone();
        let options = LiveOptions { listener, mode: account.mode(), environment };
        Ok(Self::Live(Live::start(options).await?))
    }

    /// Where providers of a config's own are led: the loopback answers them, a
    /// live upstream does not.
    pub(super) fn base_url(&self) -> String {
        match self {
            Self::Loopback(loopback) => loopback.base_url(),
            Self::Live(live) => format!("http://{}/v1", live.address()),
        }
    }

    /// What a child's environment needs.
    pub(super) fn environment(&self, ca: &Utf8Path) -> Vec<(&'static str, String)> {
        match self {
            Self::Loopback(loopback) => loopback.environment(ca),
            Self::Live(live) => live.environment(ca),
        }
    }

    pub(super) fn write_ca(&self, ca: &Utf8Path) -> Result<(), CheckError> {
        match self {
            Self::Loopback(loopback) => Ok(loopback.write_ca(ca)?),
            Self::Live(live) => Ok(live.write_ca(ca)?),
        }
    }

    /// Stops, and hands over what was asked.
    pub(super) async fn shutdown(self) -> Vec<RequestRecord> {
        match self {
            Self::Loopback(loopback) => loopback.shutdown().await,
            Self::Live(live) => live.shutdown().await,
        }
    }
}
