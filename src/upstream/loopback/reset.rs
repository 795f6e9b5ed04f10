//! A TCP connection that ends in a reset, on purpose.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;

/// The connection was reset as the fault wants it.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
pub(super) struct ResetOnPurpose;

/// A second handle of a connection's socket, to reset it with: the first one is inside
/// hyper, or inside TLS, by the time that the fault needs it.
#[derive(Debug, Clone, Default)]
pub(super) struct Reset(Arc<Mutex<Option<OwnedFd>>>);

impl Reset {
    /// Takes the handle; none where no connection will be reset.
    pub(super) fn of(stream: &TcpStream, needed: bool) -> Self {
        let socket = needed.then(|| stream.as_fd().try_clone_to_owned().ok()).flatten();
        Self(Arc::new(Mutex::new(socket)))
    }

    /// Makes the connection end in a reset when its last handle is dropped, which the
    /// error has hyper do.
    pub(super) fn now(&self) -> ResetOnPurpose {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            // Without lingering, closing is a reset (socket(7), SO_LINGER).
            let _ = rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
        }
        ResetOnPurpose
    }
}
