//! Systems without network namespaces: there is no enclosure.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::net::TcpListener;

use camino::Utf8Path;

use super::{EnclosureError, MountPlan};
use crate::exit_code::ExitCode;
use crate::process::{Launch, ProcessError, ProcessOutput, Processes, Program};

/// An enclosure: never there on this system.
#[derive(Debug)]
pub struct NoEnclosure(Infallible);

impl NoEnclosure {
    /// Says that this system has no enclosures.
    #[allow(clippy::unused_async, reason = "as it is on Linux")]
    pub async fn open(
        _: &Processes,
        _: &Utf8Path,
        _: Option<MountPlan>,
    ) -> Result<Self, EnclosureError> {
        Err(EnclosureError::System)
    }

    /// The socket that listens inside.
    pub fn listener(&mut self) -> Option<TcpListener> {
        match self.0 {}
    }

    /// Why `/tmp` is the machine's inside.
    pub fn shared_tmp(&self) -> Option<&EnclosureError> {
        match self.0 {}
    }

    /// What a program needs to start inside.
    pub fn handle(&self) -> NoEnclosureHandle {
        match self.0 {}
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        match self.0 {}
    }

    /// Ends it.
    #[allow(clippy::unused_async, reason = "as it is on Linux")]
    pub async fn close(self) -> Result<ProcessOutput, ProcessError> {
        match self.0 {}
    }
}

/// Starts programs inside an enclosure: never there on this system.
#[derive(Debug, Clone)]
pub struct NoEnclosureHandle(Infallible);

impl NoEnclosureHandle {
    pub(in crate::process) fn launch_inside(
        &self,
        _: &Utf8Path,
        _: &Program,
    ) -> io::Result<(Launch, PendingEntry)> {
        match self.0 {}
    }
}

/// A program on its way into an enclosure: never there on this system.
pub(in crate::process) struct PendingEntry(Infallible);

impl PendingEntry {
    pub(in crate::process) fn wait(self) -> io::Result<()> {
        match self.0 {}
    }
}

/// Nothing is asked of codexpin here but its commands.
pub fn serve(_: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    None
}
