//! The candidate's own Gateway, from its start until it says that it is ready.

use std::time::{Duration, Instant};

use super::candidate::ScratchCandidate;
use crate::process::{Ending, Finished, ProcessError, Processes, Running};

/// How long a Gateway may take until it is ready: 4 s to 20 s where it was tried.
const PATIENCE: Duration = Duration::from_mins(2);

/// What became of a Gateway's start.
pub(super) enum GatewayStart {
    /// It is ready, after this long.
    Ready(Box<Running>, Duration),
    /// It ended, or was not ready in time.
    Failed(Finished),
}

/// Starts the Gateway on its port and waits until it is ready. Nothing but the
/// turn is to happen in it: no channels, no update.
pub(super) async fn start(
    candidate: &ScratchCandidate<'_>,
    port: u16,
    processes: &Processes,
) -> Result<GatewayStart, ProcessError> {
    let port = port.to_string();
    let words = ["gateway", "run", "--port", &port];
    let program = candidate.openclaw(&words, "gateway", PATIENCE);
    let begun = Instant::now();
    let mut gateway = processes.start(&program)?;
    match tokio::time::timeout(PATIENCE, gateway.output_until(is_ready)).await {
        Ok(true) => Ok(GatewayStart::Ready(Box::new(gateway), begun.elapsed())),
        Ok(false) => Ok(GatewayStart::Failed(gateway.stop().await?)),
        Err(_) => {
            let mut finished = gateway.stop().await?;
            finished.ending = Ending::TimedOut;
            Ok(GatewayStart::Failed(finished))
        }
    }
}

/// Newer releases say that they are ready once before they listen, and again
/// when their plugins are: what counts is the word after they listen.
fn is_ready(stdout: &str, _: &str) -> bool {
    stdout
        .split_once("http server listening")
        .is_some_and(|(_, after)| after.contains("[gateway] ready"))
}

#[cfg(test)]
mod tests {
    use super::is_ready;

    #[test]
    fn a_gateway_is_ready_when_it_says_so_after_it_listens() {
        let (ready, listening) = ("[gateway] ready\n", "[gateway] http server listening (2)\n");
        assert!(is_ready(&format!("{listening}...\n{ready}"), ""));
        assert!(is_ready(&format!("{ready}{listening}{ready}"), ""));
        assert!(!is_ready(&format!("{ready}{listening}"), ""));
        assert!(!is_ready(ready, ""));
    }
}
