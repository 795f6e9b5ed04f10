//! Disk, memory and namespaces of this machine.

use camino::{Utf8Path, Utf8PathBuf};

use crate::doctor::facts::MachineFacts;

/// Settings of kernels, and the value with which an ordinary user makes no namespaces
/// (Debian's, everybody's, Ubuntu's from 23.10 on).
const DENIALS: [(&str, &str, &str); 3] = [
    ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    ("user/max_user_namespaces", "0", "user.max_user_namespaces=15000"),
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

pub(super) fn read(state: &Utf8Path) -> MachineFacts {
    let memory = fs_err::read_to_string("/proc/meminfo").unwrap_or_default();
    MachineFacts {
        free: free(state),
        memory: kilobytes(&memory, "MemTotal"),
        swap: kilobytes(&memory, "SwapTotal"),
        namespaces_denied_by: denied(Utf8Path::new("/proc/sys")),
    }
}

/// Of the nearest directory that is there.
fn free(state: &Utf8Path) -> Option<(Utf8PathBuf, u64)> {
    let place = state.ancestors().find(|place| place.is_dir())?;
    let system = rustix::fs::statvfs(place.as_std_path()).ok()?;
    Some((place.to_owned(), system.f_bavail.saturating_mul(system.f_frsize)))
}

fn kilobytes(meminfo: &str, name: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The setting that allows what is denied, as `sysctl` takes it.
fn denied(settings: &Utf8Path) -> Option<String> {
    let is = |name: &str, value: &str| {
        fs_err::read_to_string(settings.join(name)).is_ok_and(|text| text.trim() == value)
    };
    let found = DENIALS.iter().find(|(name, value, _)| is(name, value));
    found.map(|(_, _, allow)| (*allow).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let text = "MemTotal:        1014000 kB\nMemFree: 1 kB\nSwapTotal:             0 kB\n";
        assert_eq!(kilobytes(text, "MemTotal"), Some(1_038_336_000));
        assert_eq!(kilobytes(text, "SwapTotal"), Some(0));
        assert_eq!(kilobytes(text, "SwapFree"), None);
    }

    #[test]
    fn a_kernel_that_denies_namespaces_is_told_by_its_setting() {
        let guard = tempfile::tempdir().unwrap();
        let settings = Utf8Path::from_path(guard.path()).unwrap();
        assert_eq!(denied(settings), None);
        for directory in ["kernel", "user"] {
            fs_err::create_dir(settings.join(directory)).unwrap();
        }
        fs_err::write(settings.join("user/max_user_namespaces"), "15000\n").unwrap();
        fs_err::write(settings.join("kernel/unprivileged_userns_clone"), "1\n").unwrap();
        assert_eq!(denied(settings), None);
        let apparmor = settings.join("kernel/apparmor_restrict_unprivileged_userns");
        fs_err::write(apparmor, "1\n").unwrap();
        let allow = "kernel.apparmor_restrict_unprivileged_userns=0";
        assert_eq!(denied(settings).as_deref(), Some(allow));
    }
}
