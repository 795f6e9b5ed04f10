//! The TLS handshake with a client, as a host that it means.

use std::io;
use std::time::Duration;

use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::authority::Authority;

/// How long a client may take for it.
const LIMIT: Duration = Duration::from_secs(10);

/// Why there was no handshake.
#[derive(Debug)]
pub(super) enum HandshakeError {
    /// The client left. Whether it trusts the authority is not known.
    Left,
    /// The client does not trust the authority, or speaks something else.
    Failed(String),
}

impl Authority {
    /// Speaks TLS as `host` with the client that sent the `CONNECT`.
    pub(super) async fn shake_hands(
        &self,
        host: &str,
        upgrade: OnUpgrade,
    ) -> Result<TlsStream<TokioIo<Upgraded>>, HandshakeError> {
        let upgraded = upgrade.await.map_err(|_| HandshakeError::Left)?;
        let config = self.speak_for(host).map_err(|error| {
            HandshakeError::Failed(format!("no certificate for this host: {error}"))
        })?;
        let handshake = TlsAcceptor::from(config).accept(TokioIo::new(upgraded));
        match tokio::time::timeout(LIMIT, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if has_left(&error) => Err(HandshakeError::Left),
            Ok(Err(error)) => Err(HandshakeError::Failed(format!("TLS handshake failed: {error}"))),
            Err(_) => Err(HandshakeError::Failed("no TLS handshake".to_owned())),
        }
    }
}

fn has_left(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind())
}
