//! An enclosure from codexpin's side, which is outside.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::Interest;

use super::control::{self, EnclosureStep, MODE, Message};
use super::shim::{ENTER, ENTER_MOUNTS, ENTER_PROCESSES, HOLD};
use super::{EnclosureError, MountPlan};
use crate::env::Environment;
use crate::process::{
    Launch, Leftovers, ProcessError, ProcessOutput, Processes, Program, RunningProcess,
};

/// How long an answer from inside may take; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A network namespace in which only the loopback interface is, with a mount
/// namespace where it has mounts of its own. Dropped, it
/// is closed: programs inside go on, and no other can enter.
#[derive(Debug)]
pub struct Enclosure {
    holder: RunningProcess,
    handle: EnclosureHandle,
    listener: Option<TcpListener>,
    shared_tmp: Option<EnclosureError>,
    // Open as long as the enclosure is: the holder ends when it is closed,
    // which the system does for a codexpin that was killed.
    _control: tokio::net::UnixStream,
}

impl Enclosure {
    /// Opens an enclosure. `shim` is codexpin's executable, by its absolute
    /// path, which is started as the holder and for every program that enters:
    /// [`THIS_EXECUTABLE`](super::THIS_EXECUTABLE) outside tests. Where mounts
    /// are asked for and the system refuses them, the enclosure is without them:
    /// see [`shared_tmp`](Self::shared_tmp).
    ///
    /// The same holds for the calling thread as in [`Processes::start`].
    pub async fn open(
        processes: &Processes,
        shim: &Utf8Path,
        mounts: Option<MountPlan>,
    ) -> Result<Self, EnclosureError> {
        let (ours, theirs) = UnixStream::pair().map_err(EnclosureError::Holder)?;
        let launch = Launch {
            executable: shim.to_owned(),
            arguments: hold(mounts.as_ref())?,
            stdin: Stdio::from(OwnedFd::from(theirs)),
        };
        let holder = processes.launch(&holder_of(shim), launch, Leftovers::Nothing)?;
        let (control, message) = answer(ours).await.map_err(EnclosureError::Holder)?;
        match message {
            Message::Open(listener, first, without) => {
                let enter = match (&first, mounts.is_some() && without.is_none()) {
                    (Some(_), _) => ENTER_PROCESSES,
                    (None, true) => ENTER_MOUNTS,
                    (None, false) => ENTER,
                };
                let inside = first.map_or_else(|| process_of(&holder), Ok);
                let inside = Arc::new(inside.map_err(EnclosureError::Holder)?);
                Ok(Self {
                    holder,
                    handle: EnclosureHandle { inside, shim: shim.to_owned(), enter },
                    listener: Some(listener.into()),
                    shared_tmp: without.map(EnclosureError::refused),
                    _control: control,
                })
            }
            Message::Failed(failure) => Err(EnclosureError::refused(failure)),
            Message::Closed => Err(EnclosureError::Holder(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// The socket that listens on 127.0.0.1 inside, on a port that the system
    /// chose; once. Nonblocking, as tokio wants it.
    pub fn listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// Why `/tmp` is the machine's inside, where mounts were asked for and
    /// the system refused them.
    pub fn shared_tmp(&self) -> Option<&EnclosureError> {
        self.shared_tmp.as_ref()
    }

    /// What a program needs to start inside: [`Program::enclosure`].
    pub fn handle(&self) -> EnclosureHandle {
        self.handle.clone()
    }

    /// The number of the holder's process.
    pub fn id(&self) -> u32 {
        self.holder.id()
    }

    /// Ends the holder, and waits until it has ended.
    pub async fn close(self) -> Result<ProcessOutput, ProcessError> {
        self.holder.stop().await
    }
}

fn hold(mounts: Option<&MountPlan>) -> Result<Vec<String>, EnclosureError> {
    let plan = mounts.map(serde_json::to_string).transpose();
    let plan = plan.map_err(|error| EnclosureError::Holder(error.into()))?;
    Ok([MODE, HOLD].into_iter().map(str::to_owned).chain(plan).collect())
}

fn holder_of(shim: &Utf8Path) -> Program {
    Program {
        executable: shim.to_owned(),
        arguments: Vec::new(),
        directory: "/".into(),
        environment: Environment::default(),
        time_limit: Duration::MAX,
        log: None,
        enclosure: None,
        limits: None,
    }
}

/// The holder's process, as an open file: unlike its number it is never given to another.
fn process_of(holder: &RunningProcess) -> io::Result<OwnedFd> {
    let number = i32::try_from(holder.id()).ok().and_then(Pid::from_raw);
    let number = number.ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(number, PidfdFlags::empty())?)
}

async fn answer(control: UnixStream) -> io::Result<(tokio::net::UnixStream, Message)> {
    control.set_nonblocking(true)?;
    let control = tokio::net::UnixStream::from_std(control)?;
    let message = control.async_io(Interest::READABLE, || control::receive(&control));
    let message = tokio::time::timeout(PATIENCE, message).await??;
    if let Message::Open(listener, ..) = &message {
        rustix::io::ioctl_fionbio(listener, true)?;
    }
    Ok((control, message))
}

/// Starts programs inside an enclosure, as long as that is open.
#[derive(Debug, Clone)]
pub struct EnclosureHandle {
    /// A process that is in all of its namespaces.
    inside: Arc<OwnedFd>,
    shim: Utf8PathBuf,
    /// The shim's word for entering them.
    enter: &'static str,
}

impl EnclosureHandle {
    /// What to launch for a program inside, and what to wait on then.
    pub(in crate::process) fn launch_inside(
        &self,
        executable: &Utf8Path,
        program: &Program,
    ) -> io::Result<(Launch, PendingEntry)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        control::send(&ours, &[self.inside.as_fd()], None)?;
        let codexpin = std::process::id().to_string();
        let arguments = [MODE, self.enter, &codexpin, executable.as_str()].map(str::to_owned);
        let launch = Launch {
            executable: self.shim.clone(),
            arguments: arguments.into_iter().chain(program.arguments.iter().cloned()).collect(),
            stdin: Stdio::from(OwnedFd::from(theirs)),
        };
        Ok((launch, PendingEntry(ours)))
    }
}

/// A program on its way into an enclosure, as codexpin sees it.
pub(in crate::process) struct PendingEntry(UnixStream);

impl PendingEntry {
    /// Waits until the program runs inside, as starting a program does outside:
    /// a matter of milliseconds.
    pub(in crate::process) fn wait(self) -> io::Result<()> {
        match control::receive(&self.0)? {
            Message::Failed(failure) if failure.step == EnclosureStep::Execute => {
                Err(failure.source())
            }
            Message::Failed(failure) => {
                let source = failure.source();
                Err(io::Error::new(source.kind(), format!("{}: {source}", failure.step)))
            }
            Message::Closed | Message::Open(..) => Ok(()),
        }
    }
}
