//! The user's own way to the service: directly or through a proxy, with the
//! authorities that the user's machine trusts.

mod proxy;
mod trust;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};

use self::proxy::{dial, is_known, through};
use self::trust::trusting;
use crate::env::Environment;

/// How long a connection to the service may take, the proxy's part in it too.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);

/// Why the service cannot be reached. No text of these holds a proxy's credentials.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The proxy setting is nothing that can be used, and going round it would be wrong.
    #[error("{variable} names no proxy that can be used")]
    Proxy {
        /// The variable; its value may hold a password.
        variable: &'static str,
    },
    /// The HTTPS client could not be made.
    #[error("the HTTPS client cannot be made: {0}")]
    Client(String),
    /// The name does not resolve, or the address does not answer.
    #[error("{place} is not reached: {source}")]
    Dial {
        /// Host and port.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// The proxy is there and does not let this through.
    #[error("the proxy answered {0}")]
    Refused(StatusCode),
    /// The proxy did not keep to its protocol.
    #[error("the proxy failed: {0}")]
    Broken(String),
    /// The connection, with the proxy's part in it, took too long.
    #[error("no connection within {} s", CONNECT_LIMIT.as_secs())]
    TimedOut,
}

/// A connection, whatever it goes through.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// The user's proxy and authorities.
pub(super) struct Network {
    matcher: Matcher,
    proxy: Option<reqwest::Proxy>,
    tls: Arc<ClientConfig>,
}

impl Network {
    /// Reads the settings, in the order in which curl looks for them.
    pub(super) fn of(environment: &Environment) -> Result<Self, NetworkError> {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|name| Some((*name, environment.get(name)?)))
        };
        let set = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
        let except = first(&["NO_PROXY", "no_proxy"]).map_or("", |(_, hosts)| hosts);
        let proxy = set
            .map(|(variable, url)| {
                let unusable = || NetworkError::Proxy { variable };
                let known = Matcher::builder().https(url).build();
                let known = known.intercept(&Uri::from_static("https://chatgpt.com"));
                known.filter(is_known).ok_or_else(unusable)?;
                let proxy = reqwest::Proxy::https(url).map_err(|_| unusable())?;
                Ok(proxy.no_proxy(reqwest::NoProxy::from_string(except)))
            })
            .transpose()?;
        let url = set.map_or("", |(_, url)| url);
        let matcher = Matcher::builder().https(url).no(except).build();
        Ok(Self { matcher, proxy, tls: Arc::new(trusting(environment)?) })
    }

    /// A client that changes nothing about what it carries.
    pub(super) fn client(&self) -> Result<reqwest::Client, NetworkError> {
        let builder = reqwest::Client::builder()
            .tls_backend_preconfigured(ClientConfig::clone(&self.tls))
            .no_proxy()
            .no_gzip()
            .http1_only()
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_LIMIT);
        let builder = match &self.proxy {
            Some(proxy) => builder.proxy(proxy.clone()),
            None => builder,
        };
        builder.build().map_err(|error| NetworkError::Client(error.to_string()))
    }

    /// A connection to a host, on which nothing has been said yet.
    pub(super) async fn connect(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Connection>, NetworkError> {
        let uri = Uri::try_from(format!("https://{host}:{port}"))
            .map_err(|error| NetworkError::Client(error.to_string()))?;
        let connected = async {
            match self.matcher.intercept(&uri) {
                None => Ok(Box::new(dial(host, port).await?) as Box<dyn Connection>),
                Some(proxy) => through(&self.tls, &proxy, host, port).await,
            }
        };
        tokio::time::timeout(CONNECT_LIMIT, connected).await.unwrap_or(Err(NetworkError::TimedOut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
        for url in ["ftp://user:canary@h:1", "http://user:canary@ h", "socks4://user:canary@h:1"] {
            let environment = Environment::default().with("https_proxy", url);
            let error = Network::of(&environment).err().unwrap();
            assert_eq!(error.to_string(), "https_proxy names no proxy that can be used");
            assert!(!format!("{error:?}").contains("canary"));
        }
    }

    #[test]
    fn a_host_on_the_list_of_exceptions_is_reached_directly() {
        let environment = Environment::default()
            .with("ALL_PROXY", "socks5h://127.0.0.1:1")
            .with("NO_PROXY", "chatgpt.com");
        let network = Network::of(&environment).unwrap();
        let goes = |uri| network.matcher.intercept(&Uri::from_static(uri)).is_some();
        assert!(!goes("https://chatgpt.com") && goes("https://api.openai.com"));
    }
}
