//! The file system inside: a mount namespace of its own (see `mount_namespaces(7)`) in
//! which what is hidden has an empty directory mounted over it, what has to stay visible
//! there is mounted back, and everything that may not be written to is read-only.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileTypeExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sched::{CloneFlags, unshare};
use rustix::fs::CWD;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount_change, move_mount, open_tree,
};
use std::fs;

use super::{MountPlan, devices, mount_table};

/// What is every enclosure's own: what programs take for temporary files whatever TMPDIR
/// says, devices, and where the machine's services have their sockets.
const OWN: [&str; 5] = ["/tmp", "/var/tmp", "/run", "/var/run", devices::DEV];

/// Makes a mount namespace for this process and those that enter it. `sockets` are the
/// Unix sockets of the machine. Whether `/proc` may be written to in it.
pub(super) fn make(plan: &MountPlan, sockets: &[Utf8PathBuf]) -> io::Result<bool> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    // Before anything is mounted: nothing of it may come to be seen outside.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let view = FileSystemView::of(plan);
    let empty_file = plan.tmp.join("empty");
    fs::File::create(&empty_file)?;
    let covered = sockets.iter().filter(|socket| view.kind_at(socket) == MountKind::ReadOnly);
    // Every tree is opened before the first is mounted: afterwards some lie hidden.
    let mut trees = Vec::new();
    for (number, (place, kind)) in view.mounts.iter().enumerate() {
        let tree = match kind {
            MountKind::Own => own(&plan.tmp.join(number.to_string()), place)?,
            MountKind::Writable | MountKind::ReadOnly => tree(place)?,
        };
        trees.push((tree, place));
    }
    for socket in covered {
        trees.push((tree(&empty_file)?, socket));
    }
    for (tree, place) in trees {
        make_place(place, &tree)?;
        mount(&tree, place)?;
    }
    devices::mount_writable()?;
    mount_table::make_read_only(|place| {
        place == devices::DEV || view.kind_at(place) == MountKind::ReadOnly
    })?;
    Ok(view.kind_at("/proc".into()) == MountKind::Writable)
}

/// A directory of the enclosure's own, made for the place that it covers.
fn own(directory: &Utf8Path, place: &Utf8Path) -> io::Result<OwnedFd> {
    crate::fs::create_private_dir(directory)?;
    if place == devices::DEV {
        devices::fill(directory)?;
    }
    tree(directory)
}

/// The Unix sockets that have a place in the file system: see `proc_pid_net(5)`.
pub(super) fn listening_sockets() -> Vec<Utf8PathBuf> {
    let table = fs::read("/proc/self/net/unix").unwrap_or_default();
    let table = String::from_utf8_lossy(&table);
    // The path is the eighth field, and may hold spaces.
    let paths = table.lines().filter_map(|line| Some(&line[line.find(" /")? + 1..]));
    let mut sockets: Vec<_> = paths
        .map(Utf8PathBuf::from)
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket()))
        .filter_map(|path| path.canonicalize_utf8().ok())
        .collect();
    sockets.sort();
    sockets.dedup();
    sockets
}

/// What is mounted at a path, and so what is below it. Where lists name the same path,
/// the first counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum MountKind {
    /// A directory of the enclosure's own.
    Own,
    /// What is there outside, to be written to.
    Writable,
    /// What is there outside, to be read.
    ReadOnly,
}

/// What has to be mounted, outer paths first, and what is below each path then.
struct FileSystemView {
    mounts: Vec<(Utf8PathBuf, MountKind)>,
    elsewhere: MountKind,
}

impl FileSystemView {
    /// Only what differs from what is around it is mounted. To keep the whole of what is
    /// covered would be to cover nothing, so there covering wins; and the root of the file
    /// system is never covered.
    fn of(plan: &MountPlan) -> Self {
        let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
        let own = OWN.into_iter().map(Utf8Path::new);
        let own = own.chain(plan.hide.iter().map(Utf8PathBuf::as_path)).filter_map(real);
        let own = own.filter(|path| path.is_dir() && path.parent().is_some());
        let mut all: Vec<_> = own.map(|path| (path, MountKind::Own)).collect();
        let devices: Vec<_> = devices::kept().collect();
        for (list, kind) in [
            (&plan.write, MountKind::Writable),
            (&plan.read, MountKind::ReadOnly),
            (&devices, MountKind::ReadOnly),
        ] {
            let there = list.iter().filter(|path| path.exists());
            // Each as it is given and as it really is.
            let paths = there.flat_map(|path| [Some(path.clone()), real(path)]).flatten();
            all.extend(paths.map(|path| (path, kind)));
        }
        all.sort();
        let root = all.first().filter(|(path, _)| path.parent().is_none());
        let elsewhere = root.map_or(MountKind::ReadOnly, |(_, kind)| *kind);
        let mut view = Self { mounts: Vec::new(), elsewhere };
        for (path, kind) in all {
            let named = view.mounts.last().is_some_and(|(before, _)| *before == path);
            let around = view.kind_at(&path);
            // A link that stays leads to its target's place, which is in the list.
            let link = around != MountKind::Own && path.is_symlink();
            if !named && !link && around != kind {
                view.mounts.push((path, kind));
            }
        }
        view
    }

    fn kind_at(&self, path: &Utf8Path) -> MountKind {
        let around = self.mounts.iter().rev().find(|(outer, _)| path.starts_with(outer));
        around.map_or(self.elsewhere, |(_, kind)| *kind)
    }
}

/// A copy of the mounts at a path, mounted nowhere yet.
fn tree(path: &Utf8Path) -> io::Result<OwnedFd> {
    // Without the mounts below it the system refuses a tree that came from outside.
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    Ok(open_tree(CWD, path.as_str(), flags)?)
}

fn mount(tree: &OwnedFd, place: &Utf8Path) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_SYMLINKS;
    Ok(move_mount(tree, "", CWD, place.as_str(), flags)?)
}

/// Something to mount on: a file for a file, a directory for the rest.
fn make_place(place: &Utf8Path, tree: &OwnedFd) -> io::Result<()> {
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(tree.as_fd())?.st_mode);
    if kind.is_dir() {
        return fs::create_dir_all(place);
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::File::create_new(place) {
        // Never opened: it may be a socket, or a pipe that nobody reads.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]
    use super::*;

    #[test]
    fn only_what_differs_from_what_is_around_it_is_mounted() {
        let directory = tempfile::tempdir().unwrap();
        let base = Utf8Path::from_path(directory.path()).unwrap().canonicalize_utf8().unwrap();
        let (home, other) = (base.join("home"), base.join("other"));
        for made in ["a/b", "a/secret/again", "real", "plain"] {
            fs::create_dir_all(home.join(made)).unwrap();
        }
        fs::create_dir_all(&other).unwrap();
        std::os::unix::fs::symlink(home.join("real"), other.join("link")).unwrap();
        let plan = MountPlan {
            hide: [home.clone(), home.join("a/secret"), "/".into(), home.join("nowhere")].into(),
            write: [base.clone(), home.join("a/b"), home.join("a"), home.clone()].into(),
            read: [
                home.join("a/secret/again"),
                other.join("link"),
                home.join("a"),
                home.join("nowhere"),
                "/usr".into(),
            ]
            .into(),
            ..MountPlan::default()
        };
        let view = FileSystemView::of(&plan);
        let mounted: Vec<_> = view
            .mounts
            .iter()
            .filter_map(|(path, kind)| Some((path.strip_prefix(&base).ok()?.as_str(), *kind)))
            .collect();
        let expected = [
            ("", MountKind::Writable),
            ("home", MountKind::Own),
            ("home/a", MountKind::Writable),
            ("home/a/secret", MountKind::Own),
            ("home/a/secret/again", MountKind::ReadOnly),
            ("home/real", MountKind::ReadOnly),
        ];
        assert_eq!(mounted, expected);
        assert_eq!(view.kind_at("/usr/lib".into()), MountKind::ReadOnly);
        assert_eq!(view.kind_at("/tmp/any".into()), MountKind::Own);
    }

    #[test]
    fn everything_can_be_written_to_that_no_list_names_where_the_root_can() {
        let plan = MountPlan {
            write: ["/".into()].into(),
            read: ["/usr".into()].into(),
            ..MountPlan::default()
        };
        let view = FileSystemView::of(&plan);
        assert_eq!(view.kind_at("/opt".into()), MountKind::Writable);
        assert_eq!(view.kind_at("/usr/bin".into()), MountKind::ReadOnly);
    }
}
