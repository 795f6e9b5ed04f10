//! The enclosure's own `/dev`: what programs expect there, and nothing that leads to the
//! machine, its disks, its memory, other terminals.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::mount::{MountFlags, mount, mount_bind};
use std::fs;
use std::os::unix::fs::symlink;

/// Where they are.
pub(super) const DEV: &str = "/dev";

/// The devices that stay. Not `tty`: it is the terminal that codexpin runs at.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// What leads from `/dev` elsewhere.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Where new terminals are.
const TERMINALS: &str = "/dev/pts";
/// Where POSIX's shared memory is.
const MEMORY: &str = "/dev/shm";

/// The devices that stay, by their paths.
pub(super) fn kept() -> impl Iterator<Item = Utf8PathBuf> {
    DEVICES.into_iter().map(|name| Utf8Path::new(DEV).join(name))
}

/// Fills the directory that is to be `/dev`.
pub(super) fn fill(directory: &Utf8Path) -> io::Result<()> {
    for (name, target) in LINKS {
        symlink(target, directory.join(name))?;
    }
    fs::create_dir(directory.join("shm"))?;
    fs::create_dir(directory.join("pts"))
}

/// Mounts what can be written to there, for the rest is to be read-only: an instance of its
/// own for terminals (those of the user are out of reach), and shared memory.
pub(super) fn mount_writable() -> io::Result<()> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount("devpts", TERMINALS, "devpts", flags, c"newinstance,ptmxmode=0666,mode=0620")?;
    Ok(mount_bind(MEMORY, MEMORY)?)
}
