//! A place for programs from which nothing but its own loopback interface can
//! be reached: a network namespace of its own, which on Linux an ordinary user
//! can make together with a user namespace (see `user_namespaces(7)` and
//! `network_namespaces(7)`).
//!
//! ```text
//! codexpin ──starts──▶ holder: makes the namespaces, brings `lo` up, listens
//!    │ ◀── listening socket ──┘    and stays until codexpin lets go of it
//!    │                             └─starts─▶ the first process inside
//!    └──starts──▶ codexpin again: joins these namespaces ──starts──▶ program
//! ```
//!
//! A socket belongs to the namespace in which it was made. So codexpin, which
//! stays outside, accepts the connections of programs inside on the holder's socket,
//! without a relay. All ports inside but the listener's are free.
//!
//! Programs inside have the user and group that they have outside, and no capability,
//! root's neither: see the module `confine`. Processes outside are not there for them
//! (see the module `processes`), nor can they look into them (`ptrace(2)`) or, where the kernel
//! has Landlock's scopes, signal them; abstract Unix sockets belong to the network namespace. What they see of the file system, and where
//! they may write, is a [`MountPlan`]'s: see the module `mounts`. Files of other users appear to
//! belong to the overflow user (65534).

#[cfg(target_os = "linux")]
mod confine;
#[cfg(target_os = "linux")]
mod control;
#[cfg(target_os = "linux")]
mod devices;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod error;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod mount_table;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod shim;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

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

/// What of the file system can be seen inside, and where programs may write. Everything
/// that no list names can be read, and not written to. `/dev`, `/run`, `/tmp` and
/// `/var/tmp` are the enclosure's own, and Unix sockets that somebody listens on outside
/// are out of reach, but for what is named here.
///
/// A path that does not exist is ignored. Where one lies in another, the inner one
/// counts; where one is in several lists, the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountPlan {
    /// A directory, made already, for what is the enclosure's own. It may lie in `/tmp`.
    pub tmp: Utf8PathBuf,
    /// What is an empty directory inside: a home with its keys and logins.
    pub hide: Vec<Utf8PathBuf>,
    /// What can be written to. With `/` among it everything can that no list names.
    pub write: Vec<Utf8PathBuf>,
    /// What can be read, though it lies in what is hidden, or written to.
    pub read: Vec<Utf8PathBuf>,
}
