//! What a child's environment needs for its requests to come to an upstream.

use std::net::SocketAddr;

use camino::Utf8Path;

/// The proxy, under curl's names and Node's own (`NODE_USE_ENV_PROXY`, from Node 22.21 and 24.0).
pub(super) fn of_the_proxy(address: SocketAddr) -> Vec<(&'static str, String)> {
    let proxy = || format!("http://{address}");
    let direct = || match address.ip() {
        ip if ip.is_loopback() => "127.0.0.1,localhost,::1".to_owned(),
        ip => format!("127.0.0.1,localhost,::1,{ip}"),
    };
    vec![
        ("HTTPS_PROXY", proxy()),
        ("https_proxy", proxy()),
        ("HTTP_PROXY", proxy()),
        ("http_proxy", proxy()),
        ("NO_PROXY", direct()),
        ("no_proxy", direct()),
        ("NODE_USE_ENV_PROXY", "1".to_owned()),
    ]
}

/// A CA, under every name by which Node, OpenSSL, rustls and Codex CLI look for one.
pub(super) const OF_A_CA: [&str; 3] =
    ["NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "CODEX_CA_CERTIFICATE"];

/// The CA of an upstream that speaks for the hosts itself.
pub(super) fn of_the_ca(file: &Utf8Path) -> impl Iterator<Item = (&'static str, String)> {
    OF_A_CA.into_iter().map(move |name| (name, file.to_string()))
}
