//! A TCP connection that ends in a reset, on purpose.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;

/// The connection was reset as the fault wants it.
#[derive(Debug, thiserror::Error)]
#[error("the connection is reset on purpose")]
pub(super) struct ResetOnPurpose;

/// A hold on a connection's socket, which whoever serves the connection has lost
/// to HTTP and TLS by the time that it is wanted.
#[derive(Debug, Clone, Default)]
pub(super) struct Reset(Arc<Mutex<Option<OwnedFd>>>);

impl Reset {
    /// Holds a connection, if that is ever to be needed.
    pub(super) fn of(stream: &TcpStream, needed: bool) -> Self {
        let socket = needed.then(|| stream.as_fd().try_clone_to_owned().ok()).flatten();
        Self(Arc::new(Mutex::new(socket)))
    }

    /// Lets the connection end in a reset as soon as its last holder, who gets
    /// the error, drops it.
    pub(super) fn now(&self) -> ResetOnPurpose {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(socket) = socket {
            // Without lingering, closing is a reset (socket(7), SO_LINGER).
            let _ = rustix::net::sockopt::set_socket_linger(&socket, Some(Duration::ZERO));
        }
        ResetOnPurpose
    }
}
