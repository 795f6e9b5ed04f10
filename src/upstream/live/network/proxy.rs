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

use super::{Connection, NetworkError};

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
) -> Result<Box<dyn Connection>, NetworkError> {
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
    io: impl Connection + 'static,
    proxy: &Intercept,
    host: &str,
    port: u16,
) -> Result<Box<dyn Connection>, NetworkError> {
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
    // The connection has to be polled; its task ends once the proxy opens the tunnel
    // or refuses.
    tokio::spawn(connection.with_upgrades());
    let answer = sender.send_request(request).await.map_err(broken)?;
    if !answer.status().is_success() {
        return Err(NetworkError::Refused(answer.status()));
    }
    let upgraded = hyper::upgrade::on(answer).await.map_err(broken)?;
    Ok(Box::new(TokioIo::new(upgraded)))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::Network;
    use crate::env::Environment;

    #[tokio::test]
    async fn a_socks_proxy_is_asked_for_the_name_with_the_users_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let proxy = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut greeting = [0; 3];
            stream.read_exact(&mut greeting).await.unwrap();
            assert_eq!(greeting, [5, 1, 2]);
            stream.write_all(&[5, 2]).await.unwrap();
            let mut login = [0; 11];
            stream.read_exact(&mut login).await.unwrap();
            assert_eq!(&login, b"\x01\x04user\x04word");
            stream.write_all(&[1, 0]).await.unwrap();
            let mut request = [0; 18];
            stream.read_exact(&mut request).await.unwrap();
            assert_eq!(&request, b"\x05\x01\x00\x03\x0bchatgpt.com\x01\xbb");
            stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.unwrap();
            // As in TLS, the client speaks first.
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            stream.write_all(&hello).await.unwrap();
        };
        let url = format!("socks5h://user:word@{address}");
        let network = Network::of(&Environment::default().with("ALL_PROXY", url)).unwrap();
        let client = async {
            let mut wire = network.connect("chatgpt.com", 443).await.ok().unwrap();
            wire.write_all(b"hello").await.unwrap();
            let mut hello = [0; 5];
            wire.read_exact(&mut hello).await.unwrap();
            assert_eq!(&hello, b"hello");
        };
        tokio::join!(client, proxy);
    }
}
