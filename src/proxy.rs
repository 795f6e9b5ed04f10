//! The one place that accepts connections: for the loopback, the live upstream and
//! the proxy of an install. They say what is done with each connection.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long to wait after a failed accept: out of file descriptors, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What concerns one connection only (RFC 9110, 7.6.1), or the proxy.
const OF_THE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Takes out what concerns the connection only.
pub(crate) fn without_hops(headers: &mut HeaderMap) {
    let named: Vec<_> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named.iter().chain(&OF_THE_CONNECTION) {
        headers.remove(name);
    }
}

/// The tasks of a server. All of them end with it. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ServerTasks {
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl ServerTasks {
    /// Runs a task that ends with the server at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }
}

/// A server that accepts connections. Dropped, it stops; [`Server::shutdown`] also
/// waits until it has.
#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    tasks: ServerTasks,
}

impl Server {
    /// Accepts connections in the current tokio runtime, and runs what `serve` makes
    /// of each as one of `tasks`.
    ///
    /// # Errors
    ///
    /// The listener has no address.
    pub(crate) fn start<F>(
        listener: TcpListener,
        tasks: ServerTasks,
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let connections = tasks.clone();
        tasks.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        // Without Nagle: an event of a stream must not wait for the last one's
                        // acknowledgement.
                        let _ = stream.set_nodelay(true);
                        connections.spawn(serve(stream));
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        });
        Ok(Self { address, tasks })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops, and waits until no task is left and the port is free.
    pub(crate) async fn shutdown(&self) {
        self.tasks.stop.cancel();
        self.tasks.tasks.close();
        self.tasks.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.stop.cancel();
    }
}

/// A listener that was made elsewhere, perhaps in another network namespace; without
/// one, a new one on this port of 127.0.0.1. Port 0 lets the system choose.
pub(crate) async fn listener(
    made: Option<std::net::TcpListener>,
    port: u16,
) -> io::Result<TcpListener> {
    match made {
        Some(listener) => {
            // `from_std` requires it.
            listener.set_nonblocking(true)?;
            TcpListener::from_std(listener)
        }
        None => TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn greeting() -> Server {
        let listener = listener(None, 0).await.unwrap();
        Server::start(listener, ServerTasks::default(), |mut stream| async move {
            stream.write_all(b"hello").await.unwrap();
            std::future::pending::<()>().await;
        })
        .unwrap()
    }

    /// Whether it is this server that is there: another test may have been given its port.
    async fn greets(address: SocketAddr) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let mut text = [0; 5];
        let read = timeout(Duration::from_millis(500), stream.read_exact(&mut text)).await;
        (matches!(read, Ok(Ok(_))) && &text == b"hello").then_some(stream)
    }

    #[tokio::test]
    async fn every_connection_is_served_and_all_of_it_ends_with_the_server() {
        let server = greeting().await;
        let mut connections = Vec::new();
        for _ in 0..2 {
            connections.push(greets(server.address()).await.unwrap());
        }
        server.shutdown().await;
        for mut stream in connections {
            assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0, "it goes on");
        }
        assert!(greets(server.address()).await.is_none(), "it still accepts");
    }

    #[tokio::test]
    async fn a_server_that_is_dropped_accepts_no_more() {
        let server = greeting().await;
        let address = server.address();
        let tasks = server.tasks.clone();
        drop(server);
        tasks.tasks.close();
        tasks.tasks.wait().await;
        assert!(greets(address).await.is_none(), "it still accepts");
    }
}
