//! A place for programs from which nothing but its own loopback interface can
//! be reached: a network namespace of its own, which on Linux an ordinary user
//! can make together with a user namespace (see `user_namespaces(7)` and
//! `network_namespaces(7)`).
//!
//! ```text
//! codexpin ──starts──▶ holder: makes the namespaces, brings `lo` up, listens
//!    │ ◀── listening socket ──┘    and stays until codexpin lets go of it
//!    └──starts──▶ codexpin on its way in ──joins the holder, exec──▶ program
//! ```
//!
//! A socket belongs to the namespace in which it was made. So codexpin, which
//! stays outside, accepts on the holder's socket what programs inside connect
//! to, and nothing has to relay. All ports inside but the listener's are free.
//!
//! Programs inside have the user and group that they have outside. They cannot
//! look into processes outside (`ptrace(2)`), nor reach abstract Unix sockets
//! there. The file system is the same inside, with the exception of [`Rooms`]
//! where an enclosure has them, which also hide the user's own files: Unix sockets with a path, such as
//! a session bus or a container engine's, can still be reached by a program
//! that knows where they are. Files whose owner is somebody else seem to belong
//! to the overflow user (65534) there.

#[cfg(target_os = "linux")]
mod control;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod rooms;
#[cfg(target_os = "linux")]
mod shim;
mod unavailable;

use camino::{Utf8Path, Utf8PathBuf};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{NoEnclosure as Enclosure, NoEntrance as Entrance, serve};
#[cfg(target_os = "linux")]
pub use holder::{Enclosure, Entrance};
#[cfg(target_os = "linux")]
pub use shim::serve;
pub use unavailable::Unavailable;

/// Where the running codexpin finds itself, even if its file was replaced
/// since: the executable for [`Enclosure::open`].
pub const THIS_EXECUTABLE: &str = "/proc/self/exe";

/// `/tmp` and `/var/tmp` as programs inside have them, and what is hidden from
/// them: empty directories of the enclosure's own.
#[derive(Debug, Clone, Copy)]
pub struct Rooms<'a> {
    /// The directory, made already, in which they all are. It may lie in `/tmp`.
    pub tmp: &'a Utf8Path,
    /// Directories that are empty inside: a home with its keys and logins. What does
    /// not exist is passed over.
    pub hide: &'a [Utf8PathBuf],
    /// Directories and files that stay where they are, and can be written to,
    /// though they lie in what is hidden, or in `/tmp` or `/var/tmp`. Others may be named; what does
    /// not exist is passed over.
    pub keep: &'a [Utf8PathBuf],
}
