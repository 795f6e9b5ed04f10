//! Why there is no enclosure, or not all of it.

use std::io;

use crate::explain::{Class, Explain};
use crate::process::ProcessError;

/// An enclosure, or its mounts, could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EnclosureError {
    /// The system has no namespaces.
    #[error("programs can be cut off from the network only on Linux")]
    System,
    /// The kernel, or a security module, does not allow it to this user.
    #[error("{step}: {source}{}", because.map(|b| format!(" ({b})")).unwrap_or_default())]
    Refused {
        /// What could not be done.
        step: String,
        /// What the system said.
        source: io::Error,
        /// The setting that forbids it, where one was found.
        because: Option<&'static str>,
    },
    /// codexpin could not start itself again.
    #[error(transparent)]
    Start(#[from] ProcessError),
    /// What holds the enclosure did not answer.
    #[error("what holds the enclosure does not answer: {0}")]
    Holder(io::Error),
}

impl EnclosureError {
    #[cfg(target_os = "linux")]
    pub(super) fn refused(failure: super::control::StepFailure) -> Self {
        let source = failure.source();
        Self::Refused {
            step: failure.step.to_string(),
            because: setting(&source, |name| {
                std::fs::read_to_string(format!("/proc/sys/{name}")).ok()
            }),
            source,
        }
    }

    /// The error in words, with what to do about it.
    pub fn with_hint(&self) -> String {
        match self.hint() {
            Some(hint) => format!("{self}; {hint}"),
            None => self.to_string(),
        }
    }
}

impl Explain for EnclosureError {
    fn hint(&self) -> Option<String> {
        let Self::Refused { because, source, .. } = self else { return None };
        match because {
            Some(setting) => Some(format!("an administrator can change it: see sysctl {setting}")),
            None if source.kind() == io::ErrorKind::PermissionDenied => Some(
                "a container's or a service's security profile may forbid user namespaces"
                    .to_owned(),
            ),
            None if source.kind() == io::ErrorKind::NotFound => {
                Some("/proc must be mounted".to_owned())
            }
            None => None,
        }
    }

    fn class(&self) -> Class {
        Class::Infrastructure
    }
}

/// The setting of the kernel that explains an error. `read` gives a setting's
/// text by its path below /proc/sys.
///
/// `kernel.unprivileged_userns_clone` is Debian's, the one of `AppArmor` is
/// Ubuntu's (from 23.10); the limits are in namespaces(7), and an exceeded one
/// is ENOSPC, see unshare(2).
#[cfg(target_os = "linux")]
fn setting(error: &io::Error, read: impl Fn(&str) -> Option<String>) -> Option<&'static str> {
    let is = |name: &str, value: &str| read(name).is_some_and(|text| text.trim() == value);
    let limits: &[_] = &[
        ("user/max_user_namespaces", "0", "user.max_user_namespaces=0"),
        ("user/max_net_namespaces", "0", "user.max_net_namespaces=0"),
        ("user/max_mnt_namespaces", "0", "user.max_mnt_namespaces=0"),
    ];
    let permissions: &[_] = &[
        ("kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=0"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "kernel.apparmor_restrict_unprivileged_userns=1",
        ),
    ];
    let asked = match error.kind() {
        io::ErrorKind::StorageFull => limits,
        io::ErrorKind::PermissionDenied => permissions,
        _ => return None,
    };
    asked.iter().find(|(name, value, _)| is(name, value)).map(|&(_, _, shown)| shown)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_explained_by_the_setting_that_it_comes_from() {
        let (permission, full) = (nix::libc::EPERM, nix::libc::ENOSPC);
        let apparmor = "kernel/apparmor_restrict_unprivileged_userns";
        for (errno, name, value, because) in [
            (permission, apparmor, "1\n", Some("kernel.apparmor_restrict_unprivileged_userns=1")),
            (permission, apparmor, "0\n", None),
            (permission, "user/max_user_namespaces", "0\n", None),
            (full, "user/max_user_namespaces", "0\n", Some("user.max_user_namespaces=0")),
            (full, "user/max_mnt_namespaces", "0\n", Some("user.max_mnt_namespaces=0")),
            (full, "user/max_net_namespaces", "0\n", Some("user.max_net_namespaces=0")),
            (full, "user/max_net_namespaces", "96365\n", None),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            let read = |asked: &str| (asked == name).then(|| value.to_owned());
            assert_eq!(setting(&error, read), because, "{errno} with {name} {value}");
        }
    }
}
