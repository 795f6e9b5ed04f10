//! A place for programs from which nothing but its own loopback interface can
//! be reached: a network namespace of its own, which on Linux an ordinary user
//! can make together with a user namespace (see `user_namespaces(7)` and
//! `network_namespaces(7)`).
//!
//! ```text
//! codexpin ──starts──▶ holder: makes the namespaces, brings `lo` up, listens
//!    │ ◀── listening socket ──┘    and stays until codexpin lets go of it
//!    └──starts──▶ codexpin again ──joins the holder's namespaces, exec──▶ program
//! ```
//!
//! A socket belongs to the namespace in which it was made. So codexpin, which
//! stays outside, accepts the connections of programs inside on the holder's socket,
//! without a relay. All ports inside but the listener's are free.
//!
//! Programs inside have the user and group that they have outside. They cannot
//! look into processes outside (`ptrace(2)`), nor reach abstract Unix sockets
//! there. The file system is the same inside, but for what a [`MountPlan`] changes:
//! a program that knows the path of a Unix socket, such as a session bus or a container
//! engine's, still reaches it. Files of other users appear to belong to the overflow
//! user (65534).

#[cfg(target_os = "linux")]
mod control;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod error;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod shim;

use camino::{Utf8Path, Utf8PathBuf};

#[cfg(not(target_os = "linux"))]
pub use elsewhere::{NoEnclosure as Enclosure, NoEnclosureHandle as EnclosureHandle, serve};
pub use error::EnclosureError;
#[cfg(target_os = "linux")]
pub use holder::{Enclosure, EnclosureHandle};
#[cfg(target_os = "linux")]
pub use shim::serve;

/// Where the running codexpin finds itself, even if its file was replaced
/// since: the executable for [`Enclosure::open`].
pub const THIS_EXECUTABLE: &str = "/proc/self/exe";

/// How the file system inside differs: `/tmp`, `/var/tmp` and what is hidden are empty
/// directories of the enclosure's own there.
#[derive(Debug, Clone, Copy)]
pub struct MountPlan<'a> {
    /// The directory, made already, for those empty directories. It may lie in `/tmp`.
    pub tmp: &'a Utf8Path,
    /// What to hide: a home with its keys and logins. A path that does not exist is
    /// ignored.
    pub hide: &'a [Utf8PathBuf],
    /// Directories and files that can be seen and written to, though they lie in what
    /// is hidden, or in `/tmp` or `/var/tmp`. Others may be named; a path that does not
    /// exist is ignored.
    pub keep: &'a [Utf8PathBuf],
}
