//! Systems without network namespaces: there is no enclosure.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::net::TcpListener;

use camino::Utf8Path;

use super::{Rooms, Unavailable};
use crate::exit_code::ExitCode;
use crate::process::{Finished, Launch, ProcessError, Processes, Program};

/// An enclosure: never there on this system.
#[derive(Debug)]
pub struct NoEnclosure(Infallible);

impl NoEnclosure {
    /// Says that this system has no enclosures.
    #[allow(clippy::unused_async, reason = "as it is on Linux")]
    pub async fn open(
        _: &Processes,
        _: &Utf8Path,
        _: Option<Rooms<'_>>,
    ) -> Result<Self, Unavailable> {
        Err(Unavailable::System)
    }

    /// The socket that listens inside.
    pub fn listener(&mut self) -> Option<TcpListener> {
        match self.0 {}
    }

    /// Why there are no rooms.
    pub fn no_rooms(&self) -> Option<&Unavailable> {
        match self.0 {}
    }

    /// The way in.
    pub fn entrance(&self) -> NoEntrance {
        match self.0 {}
    }

    /// The number of its process.
    pub fn id(&self) -> u32 {
        match self.0 {}
    }

    /// Ends it.
    #[allow(clippy::unused_async, reason = "as it is on Linux")]
    pub async fn close(self) -> Result<Finished, ProcessError> {
        match self.0 {}
    }
}

/// The way into an enclosure: never there on this system.
#[derive(Debug, Clone)]
pub struct NoEntrance(Infallible);

impl NoEntrance {
    pub(in crate::process) fn way_in(
        &self,
        _: &Utf8Path,
        _: &Program,
    ) -> io::Result<(Launch, WayIn)> {
        match self.0 {}
    }
}

/// A program's way in: never there on this system.
pub(in crate::process) struct WayIn(Infallible);

impl WayIn {
    pub(in crate::process) fn passed(self) -> io::Result<()> {
        match self.0 {}
    }
}

/// Nothing is asked of codexpin here but its commands.
pub fn serve(_: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    None
}
