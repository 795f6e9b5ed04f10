//! The proof that what was swapped in works.

use std::future::Future;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use crate::installation::ServiceLimits;
use crate::installation::{Installation, LiveMachine, question};
use crate::release::Version;

/// The caller's part of the proof: asks the swapped files for a reply.
pub trait Proof: Sync {
    /// Asks; the reason in one line where the answer does not do.
    fn ask(&self, installation: &Installation) -> impl Future<Output = Result<(), String>> + Send;
}

/// Asks nothing: the version and the service are all the proof there is.
#[derive(Debug, Clone, Copy)]
pub struct NoQuestion;

impl Proof for NoQuestion {
    async fn ask(&self, _: &Installation) -> Result<(), String> {
        Ok(())
    }
}

/// The live entry point, on the live Node, says that it is the pinned release.
pub(super) async fn version(
    machine: &LiveMachine,
    installation: &Installation,
    wanted: Version,
    scratch: &Utf8Path,
    stop: &CancellationToken,
) -> Result<(), String> {
    let entry = installation.entry().map_err(|error| error.to_string())?;
    let failed = |error: &dyn std::fmt::Display| format!("`openclaw --version`: {error}");
    crate::fs::create_private_dir(&scratch.join("tmp")).map_err(|error| failed(&error))?;
    let program =
        question(&installation.node, &entry, &["--version"], &machine.environment, scratch);
    let finished = machine.processes.run(&program, stop).await.map_err(|error| failed(&error))?;
    let text = finished.stdout.text();
    let says = text.split_whitespace().any(|word| word.parse() == Ok(wanted));
    if finished.ending.success() && says {
        return Ok(());
    }
    let stderr = finished.stderr.text();
    let said = text.lines().chain(stderr.lines()).find(|line| !line.trim().is_empty());
    let said = said.unwrap_or("nothing").trim();
    Err(format!("`openclaw --version` says `{said}` ({}), not {wanted}", finished.ending))
}

/// The service answers, and stays up.
pub(super) async fn service(
    machine: &LiveMachine,
    installation: &Installation,
    limits: ServiceLimits,
    stop: &CancellationToken,
) -> Result<(), String> {
    let Some(service) = &installation.service else { return Ok(()) };
    let up = async {
        service.wait_ready(machine, limits, stop).await?;
        service.watch(machine, limits, stop).await
    };
    up.await.map_err(|error| error.to_string())
}
