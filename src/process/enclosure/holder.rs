//! An enclosure as codexpin, which is outside, has it.

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

use super::control::{self, EnclosureStep, Message};
use super::shim::{ENTER, ENTER_ROOMS, HOLD, MODE};
use super::{Rooms, Unavailable};
use crate::env::Environment;
use crate::process::{Finished, Launch, Leaves, ProcessError, Processes, Program, Running};

/// How long an answer from inside may take; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// A network namespace in which only the loopback interface is, with a mount
/// namespace where it has rooms. Dropped, it is closed; programs that still run inside keep it alive, but nobody enters.
#[derive(Debug)]
pub struct Enclosure {
    holder: Running,
    entrance: Entrance,
    listener: Option<TcpListener>,
    no_rooms: Option<Unavailable>,
    // Open as long as the enclosure is: the holder ends when it is closed,
    // which the system does for a codexpin that was killed.
    _control: tokio::net::UnixStream,
}

impl Enclosure {
    /// Opens an enclosure. `shim` is codexpin's executable, by its absolute
    /// path, which is started as the holder and for every program that enters:
    /// [`THIS_EXECUTABLE`](super::THIS_EXECUTABLE) outside tests. Where rooms
    /// are asked for and cannot be had, there is an enclosure without them:
    /// see [`no_rooms`](Self::no_rooms).
    ///
    /// The same holds for the calling thread as in [`Processes::start`].
    pub async fn open(
        processes: &Processes,
        shim: &Utf8Path,
        rooms: Option<Rooms<'_>>,
    ) -> Result<Self, Unavailable> {
        let (ours, theirs) = UnixStream::pair().map_err(Unavailable::Holder)?;
        let launch = Launch {
            executable: shim.to_owned(),
            arguments: hold(rooms),
            stdin: Stdio::from(OwnedFd::from(theirs)),
        };
        let holder = processes.launch(&holder_of(shim), launch, Leaves::Nothing)?;
        let process = process_of(&holder).map_err(Unavailable::Holder)?;
        let (control, message) = answer(ours).await.map_err(Unavailable::Holder)?;
        match message {
            Message::Open(listener, without) => Ok(Self {
                holder,
                entrance: Entrance {
                    holder: Arc::new(process),
                    shim: shim.to_owned(),
                    rooms: rooms.is_some() && without.is_none(),
                },
                listener: Some(listener.into()),
                no_rooms: without.map(Unavailable::refused),
                _control: control,
            }),
            Message::Refused(refused) => Err(Unavailable::refused(refused)),
            Message::Closed => Err(Unavailable::Holder(io::ErrorKind::UnexpectedEof.into())),
        }
    }

    /// The socket that listens on 127.0.0.1 inside, on a port that the system
    /// chose; once. Nonblocking, as tokio wants it.
    pub fn listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// Why `/tmp` is the machine's inside, where rooms were asked for and the
    /// system refused.
    pub fn no_rooms(&self) -> Option<&Unavailable> {
        self.no_rooms.as_ref()
    }

    /// The way in, for [`Program::enclosure`].
    pub fn entrance(&self) -> Entrance {
        self.entrance.clone()
    }

    /// The number of the holder's process.
    pub fn id(&self) -> u32 {
        self.holder.id()
    }

    /// Ends the holder, and waits until it has ended.
    pub async fn close(self) -> Result<Finished, ProcessError> {
        self.holder.stop().await
    }
}

fn hold(rooms: Option<Rooms<'_>>) -> Vec<String> {
    let rooms = rooms.into_iter().flat_map(|rooms| {
        let hidden = rooms.hide.len().to_string();
        let paths = rooms.hide.iter().chain(rooms.keep).map(ToString::to_string);
        [rooms.tmp.to_string(), hidden].into_iter().chain(paths)
    });
    [MODE, HOLD].into_iter().map(str::to_owned).chain(rooms).collect()
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
    }
}

/// The holder's process, as an open file: unlike its number it is never given to another.
fn process_of(holder: &Running) -> io::Result<OwnedFd> {
    let number = i32::try_from(holder.id()).ok().and_then(Pid::from_raw);
    let number = number.ok_or(io::ErrorKind::NotFound)?;
    Ok(pidfd_open(number, PidfdFlags::empty())?)
}

async fn answer(control: UnixStream) -> io::Result<(tokio::net::UnixStream, Message)> {
    control.set_nonblocking(true)?;
    let control = tokio::net::UnixStream::from_std(control)?;
    let message = control.async_io(Interest::READABLE, || control::receive(&control));
    let message = tokio::time::timeout(PATIENCE, message).await??;
    if let Message::Open(listener, _) = &message {
        rustix::io::ioctl_fionbio(listener, true)?;
    }
    Ok((control, message))
}

/// The way into an enclosure. Of no use once that is closed.
#[derive(Debug, Clone)]
pub struct Entrance {
    holder: Arc<OwnedFd>,
    shim: Utf8PathBuf,
    rooms: bool,
}

impl Entrance {
    /// How to start a program inside, and how to learn that it was.
    pub(in crate::process) fn way_in(
        &self,
        executable: &Utf8Path,
        program: &Program,
    ) -> io::Result<(Launch, WayIn)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(PATIENCE))?;
        control::send(&ours, self.holder.as_fd(), None)?;
        let codexpin = std::process::id().to_string();
        let enter = if self.rooms { ENTER_ROOMS } else { ENTER };
        let arguments = [MODE, enter, &codexpin, executable.as_str()].map(str::to_owned);
        let launch = Launch {
            executable: self.shim.clone(),
            arguments: arguments.into_iter().chain(program.arguments.iter().cloned()).collect(),
            stdin: Stdio::from(OwnedFd::from(theirs)),
        };
        Ok((launch, WayIn(ours)))
    }
}

/// A program's way in, from codexpin's side.
pub(in crate::process) struct WayIn(UnixStream);

impl WayIn {
    /// Waits until the program runs inside, as starting a program does outside:
    /// a matter of milliseconds.
    pub(in crate::process) fn passed(self) -> io::Result<()> {
        match control::receive(&self.0)? {
            Message::Refused(refused) if refused.step == EnclosureStep::Execute => {
                Err(refused.source())
            }
            Message::Refused(refused) => {
                let source = refused.source();
                Err(io::Error::new(source.kind(), format!("{}: {source}", refused.step)))
            }
            Message::Closed | Message::Open(..) => Ok(()),
        }
    }
}
