//! The user's own way to the service: directly or through a proxy, with the
//! authorities that the user's machine trusts.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

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
    /// Nobody there, by name or by address.
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
    /// The proxy spoke otherwise than expected.
    #[error("the proxy failed: {0}")]
    Broken(String),
    /// Nothing came in time.
    #[error("no connection within {} s", CONNECT_LIMIT.as_secs())]
    TimedOut,
}

/// A connection, whatever it goes through.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

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
    ) -> Result<Box<dyn Wire>, NetworkError> {
        let uri = Uri::try_from(format!("https://{host}:{port}"))
            .map_err(|error| NetworkError::Client(error.to_string()))?;
        let connected = async {
            match self.matcher.intercept(&uri) {
                None => Ok(Box::new(dial(host, port).await?) as Box<dyn Wire>),
                Some(proxy) => self.through(&proxy, host, port).await,
            }
        };
        tokio::time::timeout(CONNECT_LIMIT, connected).await.unwrap_or(Err(NetworkError::TimedOut))
    }

    async fn through(
        &self,
        proxy: &Intercept,
        host: &str,
        port: u16,
    ) -> Result<Box<dyn Wire>, NetworkError> {
        let own = proxy.uri().host().unwrap_or_default();
        let own_port = |usual| proxy.uri().port_u16().unwrap_or(usual);
        let broken = |error: &dyn std::fmt::Display| NetworkError::Broken(error.to_string());
        match proxy.uri().scheme_str() {
            Some("https") => {
                let name = ServerName::try_from(own.to_owned()).map_err(|e| broken(&e))?;
                let plain = dial(own, own_port(443)).await?;
                let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(name, plain);
                ask_for(tls.await.map_err(|e| broken(&e))?, proxy, host, port).await
            }
            Some("http") => ask_for(dial(own, own_port(80)).await?, proxy, host, port).await,
            _ => {
                let mut connector = HttpConnector::new();
                connector.enforce_http(false);
                let at = Uri::try_from(format!("http://{own}:{}", own_port(1080)));
                let mut socks = SocksV5::new(at.map_err(|e| broken(&e))?, connector);
                if let Some((user, word)) = proxy.raw_auth() {
                    socks = socks.with_auth(user.to_owned(), word.to_owned());
                }
                let to = Uri::try_from(format!("https://{host}:{port}"));
                let io = socks.call(to.map_err(|e| broken(&e))?).await.map_err(|e| broken(&e))?;
                Ok(Box::new(io.into_inner()))
            }
        }
    }
}

fn is_known(proxy: &Intercept) -> bool {
    matches!(proxy.uri().scheme_str(), Some("http" | "https" | "socks5" | "socks5h"))
}

async fn dial(host: &str, port: u16) -> Result<TcpStream, NetworkError> {
    let bare = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, port))
        .await
        .map_err(|source| NetworkError::Dial { place: format!("{host}:{port}"), source })?;
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// `CONNECT` (RFC 9110, 9.3.6).
async fn ask_for(
    io: impl Wire + 'static,
    proxy: &Intercept,
    host: &str,
    port: u16,
) -> Result<Box<dyn Wire>, NetworkError> {
    let broken = |error: hyper::Error| NetworkError::Broken(error.to_string());
    let place = format!("{host}:{port}");
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&place)
        .header(header::HOST, &place)
        .body(Empty::<Bytes>::new())
        .map_err(|error| NetworkError::Client(error.to_string()))?;
    if let Some(authorization) = proxy.basic_auth() {
        request.headers_mut().insert(header::PROXY_AUTHORIZATION, authorization.clone());
    }
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(io)).await.map_err(broken)?;
    // It ends with the answer: as the tunnel, or refused.
    tokio::spawn(connection.with_upgrades());
    let answer = sender.send_request(request).await.map_err(broken)?;
    if !answer.status().is_success() {
        return Err(NetworkError::Refused(answer.status()));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(broken)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

/// What OpenSSL and Node trust: `SSL_CERT_FILE` and `SSL_CERT_DIR` instead of the
/// system's authorities, `NODE_EXTRA_CA_CERTS` besides them.
fn trusting(environment: &Environment) -> Result<ClientConfig, NetworkError> {
    let path = |name| environment.get(name).map(Path::new);
    let mut roots = RootCertStore::empty();
    let usual = match (path("SSL_CERT_FILE"), path("SSL_CERT_DIR")) {
        (None, None) => rustls_native_certs::load_native_certs(),
        (file, directory) => rustls_native_certs::load_certs_from_paths(file, directory),
    };
    roots.add_parsable_certificates(usual.certs);
    // Node warns and goes on without a file that it cannot read.
    if let Some(pem) = path("NODE_EXTRA_CA_CERTS").and_then(|path| fs_err::read(path).ok()) {
        roots.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).flatten());
    }
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| NetworkError::Client(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A WebSocket is asked for in HTTP/1.1, which is also what the candidate speaks here.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(tls)
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
