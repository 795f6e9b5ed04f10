//! A connection, directly or through whatever proxy the user has.

use std::fmt::Display;
use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Uri, header};
use http_body_util::Empty;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tower_service::Service as _;

use super::{NetworkError, Wire};

/// Whether this kind of proxy can be spoken to.
pub(super) fn is_known(proxy: &Intercept) -> bool {
    matches!(proxy.uri().scheme_str(), Some("http" | "https" | "socks5" | "socks5h"))
}

/// Connects through the proxy; `tls` is for one that is itself reached over HTTPS.
pub(super) async fn through(
    tls: &Arc<ClientConfig>,
    proxy: &Intercept,
    host: &str,
    port: u16,
) -> Result<Box<dyn Wire>, NetworkError> {
    let own = proxy.uri().host().unwrap_or_default();
    let own_port = |usual| proxy.uri().port_u16().unwrap_or(usual);
    let broken = |error: &dyn Display| NetworkError::Broken(error.to_string());
    match proxy.uri().scheme_str() {
        Some("https") => {
            let name = ServerName::try_from(own.to_owned()).map_err(|e| broken(&e))?;
            let plain = dial(own, own_port(443)).await?;
            let tls = TlsConnector::from(Arc::clone(tls)).connect(name, plain);
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

/// Connects directly.
pub(super) async fn dial(host: &str, port: u16) -> Result<TcpStream, NetworkError> {
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
