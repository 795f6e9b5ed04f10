//! The messages between codexpin and its own executable inside an enclosure: one each
//! way, an open file or why there is none.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

/// The first argument that makes codexpin a shim; followed by what it is to do.
pub(super) const MODE: &str = "__enclosure";

/// What could not be done inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum EnclosureStep {
    MakeNamespaces,
    KeepUser,
    LoopbackUp,
    MakeMounts,
    MakeProcesses,
    Listen,
    Enter,
    Confine,
    Execute,
}

impl fmt::Display for EnclosureStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MakeNamespaces => "cannot make a user and a network namespace",
            Self::KeepUser => "cannot keep the user in a new user namespace",
            Self::LoopbackUp => "cannot bring the loopback interface of a new network namespace up",
            Self::MakeMounts => "cannot make a file system of its own",
            Self::MakeProcesses => "cannot make a namespace of processes",
            Self::Listen => "cannot listen in a new network namespace",
            Self::Enter => "cannot enter the enclosure",
            Self::Confine => "cannot give up privileges",
            Self::Execute => "cannot execute the program",
        })
    }
}

/// A step that the system refused inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StepFailure {
    pub(super) step: EnclosureStep,
    errno: i32,
}

impl StepFailure {
    /// Names the step that an error of the system comes from.
    pub(super) fn at<E: Into<io::Error>>(step: EnclosureStep) -> impl Fn(E) -> Self {
        move |error| Self { step, errno: error.into().raw_os_error().unwrap_or_default() }
    }

    pub(super) fn source(self) -> io::Error {
        io::Error::from_raw_os_error(self.errno)
    }
}

/// What came from the other side.
#[derive(Debug)]
pub(super) enum Message {
    /// Open files, one or two, and the failure of a step that is not essential.
    Open(OwnedFd, Option<OwnedFd>, Option<StepFailure>),
    Failed(StepFailure),
    /// The other side is gone: it ended, or became the program.
    Closed,
}

/// Sends one or two open files, and the failure of a step that is not essential.
pub(super) fn send(
    to: &UnixStream,
    files: &[BorrowedFd<'_>],
    without: Option<StepFailure>,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut attached = SendAncillaryBuffer::new(&mut space);
    attached.push(SendAncillaryMessage::ScmRights(files));
    // An open file travels with at least one byte, see unix(7).
    let text = serde_json::to_vec(&without)?;
    sendmsg(to, &[IoSlice::new(&text)], &mut attached, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Sends a failure in place of a file. Where the other side is gone, nobody waits for
/// it.
pub(super) fn report_failure(mut to: &UnixStream, failure: StepFailure) {
    if let Ok(text) = serde_json::to_vec(&failure) {
        let _ = to.write_all(&text);
    }
}

/// Takes the message, as soon as there is one; what is received is not
/// inherited by programs.
pub(super) fn receive(from: impl AsFd) -> io::Result<Message> {
    let mut bytes = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut attached = RecvAncillaryBuffer::new(&mut space);
    // A wait with a time limit is not restarted after a signal, see signal(7).
    let received = rustix::io::retry_on_intr(|| {
        let bytes = &mut [IoSliceMut::new(&mut bytes)];
        recvmsg(&from, bytes, &mut attached, RecvFlags::CMSG_CLOEXEC)
    })?;
    let files = attached.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut files) => Some((files.next()?, files.next())),
        _ => None,
    });
    match (files, &bytes[..received.bytes]) {
        (Some((file, second)), text) => {
            Ok(Message::Open(file, second, serde_json::from_slice(text)?))
        }
        (None, []) => Ok(Message::Closed),
        (None, text) => Ok(Message::Failed(serde_json::from_slice(text)?)),
    }
}

/// Waits until the other side lets go.
pub(super) fn wait_until_closed(mut from: &UnixStream) {
    let mut byte = [0];
    while matches!(from.read(&mut byte), Ok(n) if n > 0) {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn an_open_file_arrives_as_the_same_file() {
        let (here, there) = UnixStream::pair().unwrap();
        let (mut reader, writer) = io::pipe().unwrap();
        let without = StepFailure::at(EnclosureStep::MakeMounts)(io::Error::from_raw_os_error(1));
        send(&here, &[writer.as_fd()], Some(without)).unwrap();
        let Message::Open(file, None, told) = receive(&there).unwrap() else { panic!("no file") };
        assert_eq!(told, Some(without));
        drop(writer);
        fs_err::File::from_parts(file.into(), "pipe").write_all(b"through").unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn a_failure_and_an_end_are_told_apart() {
        let (here, there) = UnixStream::pair().unwrap();
        let failure = StepFailure::at(EnclosureStep::Enter)(io::Error::from_raw_os_error(1));
        report_failure(&here, failure);
        drop(here);
        assert!(matches!(receive(&there).unwrap(), Message::Failed(f) if f == failure));
        assert!(matches!(receive(&there).unwrap(), Message::Closed));
    }
}
