//! A connection to a host that is no registry, by the user's own proxy where there is one.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use tokio::net::TcpStream;
use tower_service::Service as _;
use url::Url;

use crate::host::HostPort;
use crate::npm::NpmConfig;

/// Connects; nothing has been said on it yet.
pub(super) async fn open(config: &NpmConfig, to: &HostPort) -> io::Result<TcpStream> {
    let target = Url::parse(&format!("https://{to}/")).map_err(io::Error::other)?;
    let stream = match config.proxy_for(&target).map_err(io::Error::other)? {
        None => TcpStream::connect((to.host.as_str(), to.port)).await?,
        Some(proxy) => through(&proxy, to).await?,
    };
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

async fn through(proxy: &Url, to: &HostPort) -> io::Result<TcpStream> {
    let uri = |text: String| Uri::try_from(text).map_err(io::Error::other);
    let at = HostPort::of(proxy).ok_or(io::ErrorKind::InvalidInput)?;
    let at = uri(format!("http://{at}"))?;
    let to = uri(format!("https://{to}"))?;
    let (user, word) = (decoded(proxy.username()), decoded(proxy.password().unwrap_or_default()));
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    let connected = match proxy.scheme() {
        "http" => {
            let mut tunnel = Tunnel::new(at, connector);
            if !user.is_empty() {
                let login = format!("Basic {}", STANDARD.encode(format!("{user}:{word}")));
                tunnel = tunnel.with_auth(HeaderValue::try_from(login).map_err(io::Error::other)?);
            }
            tunnel.call(to).await.map_err(io::Error::other)?
        }
        "socks5" | "socks5h" => {
            let mut socks = SocksV5::new(at, connector);
            if !user.is_empty() {
                socks = socks.with_auth(user, word);
            }
            socks.call(to).await.map_err(io::Error::other)?
        }
        _ => return Err(io::ErrorKind::Unsupported.into()),
    };
    Ok(connected.into_inner())
}

fn decoded(text: &str) -> String {
    url::form_urlencoded::parse(format!("={}", text.replace('+', "%2B")).as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::npm::NpmEnvironment;

    #[tokio::test]
    async fn the_users_proxy_is_asked_for_the_host_with_their_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://us%40er:w+rd@{}", listener.local_addr().unwrap());
        let served = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            // As in TLS, the client speaks first.
            let mut hello = [0; 5];
            stream.read_exact(&mut hello).await.unwrap();
            (String::from_utf8(head).unwrap(), hello)
        };
        let env = BTreeMap::from([("https_proxy".to_owned(), proxy)]);
        let (home, cwd) = ("/nonexistent".into(), "/nonexistent".into());
        let config = NpmConfig::load(&NpmEnvironment { env, home, cwd, npm: None });
        let to = HostPort::new("opened.invalid", 8443);
        let client = async {
            open(&config, &to).await.unwrap().write_all(b"hello").await.unwrap();
        };
        let ((head, hello), ()) = tokio::join!(served, client);
        assert!(head.starts_with("CONNECT opened.invalid:8443 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("Basic {}\r\n", STANDARD.encode("us@er:w+rd"))), "{head}");
        assert_eq!(&hello, b"hello");
    }
}
