//! The proofs that what is live now works. Each has three answers.

use std::future::Future;

use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

use crate::installation::{
    Installation, LiveMachine, Service as _, ServiceError, ServiceLimits, question,
};
use crate::process::ProcessError;
use crate::release::Version;

/// What a proof found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofResult {
    /// The release works.
    Proved,
    /// It does not: everything is put back.
    Failed(String),
    /// It could not be found out (a full disk, an outage, a limit of the account):
    /// nothing is put back.
    Unproven(String),
}

/// The caller's part of the proof: asks for replies. The reason is one line where the
/// answer is not [`ProofResult::Proved`].
pub trait Prover: Sync {
    /// Asks the live files for a reply, in a scratch home.
    fn ask(&self, installation: &Installation) -> impl Future<Output = ProofResult> + Send;

    /// Asks the live agent, as its user would.
    fn ask_live(&self, installation: &Installation) -> impl Future<Output = ProofResult> + Send;
}

/// For an undo, whose steps do not ask for a reply.
#[derive(Debug, Clone, Copy)]
pub struct NoProver;

impl Prover for NoProver {
    async fn ask(&self, _: &Installation) -> ProofResult {
        ProofResult::Unproven("nobody asked for a reply".to_owned())
    }

    async fn ask_live(&self, installation: &Installation) -> ProofResult {
        self.ask(installation).await
    }
}

/// The live entry point, on the live Node, says that it is the pinned release.
pub(super) async fn version(
    machine: &LiveMachine,
    installation: &Installation,
    wanted: Version,
    scratch: &Utf8Path,
    stop: &CancellationToken,
) -> ProofResult {
    let entry = match installation.entry() {
        Ok(entry) => entry,
        Err(error) => return ProofResult::Failed(error.to_string()),
    };
    // Failing to make codexpin's own scratch home says nothing about the release.
    if let Err(error) = crate::fs::create_private_dir(&scratch.join("tmp")) {
        return ProofResult::Unproven(format!("`openclaw --version`: {error}"));
    }
    let program =
        question(&installation.node, &entry, &["--version"], &machine.environment, scratch);
    let finished = match machine.processes.run(&program, stop).await {
        Ok(finished) => finished,
        Err(error @ ProcessError::NotFound { .. }) => {
            return ProofResult::Failed(format!("`openclaw --version`: {error}"));
        }
        // Anything else (no memory, no process, no file descriptor left) is the machine's.
        Err(error) => return ProofResult::Unproven(format!("`openclaw --version`: {error}")),
    };
    let text = finished.stdout.text();
    let says = text.split_whitespace().any(|word| word.parse() == Ok(wanted));
    if finished.ending.success() && says {
        return ProofResult::Proved;
    }
    let stderr = finished.stderr.text();
    let said = text.lines().chain(stderr.lines()).find(|line| !line.trim().is_empty());
    let said = said.unwrap_or("nothing").trim();
    let why = format!("`openclaw --version` says `{said}` ({}), not {wanted}", finished.ending);
    match full_disk(scratch).filter(|_| !finished.ending.success()) {
        Some(full) => ProofResult::Unproven(format!("{full}; {why}")),
        None => ProofResult::Failed(why),
    }
}

/// The service answers, and stays up.
pub(super) async fn service(
    machine: &LiveMachine,
    installation: &Installation,
    limits: ServiceLimits,
    stop: &CancellationToken,
) -> ProofResult {
    let Some(service) = installation.service(machine) else { return ProofResult::Proved };
    let up = async {
        service.wait_ready(limits, stop).await?;
        service.watch(limits, stop).await
    };
    let Err(error) = up.await else { return ProofResult::Proved };
    match &error {
        ServiceError::NotReady { .. } | ServiceError::NotStaying { .. } => {
            // On a full disk no release comes up, so rolling back would not help.
            match full_disk(&installation.state) {
                Some(full) => ProofResult::Unproven(format!("{full}; {error}")),
                None => ProofResult::Failed(error.to_string()),
            }
        }
        // The service manager could not be asked.
        _ => ProofResult::Unproven(error.to_string()),
    }
}

/// Below this nothing useful can be written. Bytes.
const FULL: u64 = 1 << 20;

/// Says that the disk of a directory is full, where it is.
fn full_disk(directory: &Utf8Path) -> Option<String> {
    let place = directory.ancestors().find(|place| place.exists())?;
    let space = rustix::fs::statvfs(place.as_std_path()).ok()?;
    let bytes = space.f_bavail.saturating_mul(space.f_frsize);
    let no_inodes = space.f_files > 0 && space.f_favail == 0;
    (bytes < FULL || no_inodes).then(|| format!("the disk of {place} is full"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_room_is_not_called_full() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        assert_eq!(full_disk(&root.join("not/there/yet")), None);
    }
}
