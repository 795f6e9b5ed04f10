//! The mounts of this process, as the kernel lists them.

use std::io;
use std::os::unix::ffi::OsStringExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount_remount};

/// What may not be taken from a mount that came from outside, by its name in the list.
const LOCKED: [(&str, MountFlags); 3] =
    [("nosuid", MountFlags::NOSUID), ("nodev", MountFlags::NODEV), ("noexec", MountFlags::NOEXEC)];

/// A mount.
#[derive(Debug, PartialEq, Eq)]
struct MountEntry {
    place: Utf8PathBuf,
    flags: MountFlags,
    read_only: bool,
    kind: String,
}

/// Makes every mount read-only that is at a path for which `wanted` says so.
pub(super) fn make_read_only(wanted: impl Fn(&Utf8Path) -> bool) -> io::Result<()> {
    for mount in parse(&fs_err::read("/proc/self/mountinfo")?) {
        // To touch a place of autofs is to mount what belongs there, which may take long;
        // such a place holds no files itself.
        if mount.read_only || mount.kind == "autofs" || !wanted(&mount.place) {
            continue;
        }
        let flags = MountFlags::BIND | MountFlags::RDONLY | mount.flags;
        match mount_remount(mount.place.as_str(), flags, c"") {
            // Not to be reached any more: another mount lies over it, or over a
            // directory that leads there. What can be reached is in the list as well.
            Ok(()) | Err(Errno::NOENT | Errno::NOTDIR | Errno::INVAL | Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Reads the format of `proc_pid_mountinfo(5)`. A place whose name is no UTF-8 is left out.
fn parse(table: &[u8]) -> Vec<MountEntry> {
    let lines = table.split(|&byte| byte == b'\n');
    lines.filter_map(entry).collect()
}

fn entry(line: &[u8]) -> Option<MountEntry> {
    let mut fields = line.split(|&byte| byte == b' ');
    let place = std::ffi::OsString::from_vec(unescape(fields.nth(4)?));
    let options = std::str::from_utf8(fields.next()?).ok()?;
    let options: Vec<_> = options.split(',').collect();
    // Then come any number of further fields, a hyphen, and the type.
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    Some(MountEntry {
        place: Utf8PathBuf::from_path_buf(place.into()).ok()?,
        flags: LOCKED
            .into_iter()
            .filter(|(name, _)| options.contains(name))
            .fold(MountFlags::empty(), |all, (_, flag)| all | flag),
        read_only: options.contains(&"ro"),
        kind: String::from_utf8_lossy(kind).into_owned(),
    })
}

/// A space and the like are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| byte == b'\\');
        let value = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(value.unwrap_or(byte));
        rest = if value.is_some() { &after[3..] } else { after };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_list_is_read_with_its_escapes_and_flags() {
        let table = b"26 24 0:24 / /dev/pts rw,relatime shared:3 - devpts devpts rw,mode=600\n\
            28 27 8:1 / /mnt/a\\040b ro,nosuid,nodev,relatime master:1 shared:2 - ext4 /dev/sda1 ro\n\
            broken\n";
        let mounts = parse(table);
        let shown: Vec<_> =
            mounts.iter().map(|m| (m.place.as_str(), m.read_only, m.kind.as_str())).collect();
        assert_eq!(shown, [("/dev/pts", false, "devpts"), ("/mnt/a b", true, "ext4")]);
        assert_eq!(mounts[1].flags, MountFlags::NOSUID | MountFlags::NODEV);
    }
}
