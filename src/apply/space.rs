//! Whether there is room for what an apply writes, asked before anything is written.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::backup;
use super::plan::Plan;
use super::stage::size_of;
use super::step::Step;
use crate::explain::{Class, Explain};
use crate::installation::Installation;

/// For journals, logs, and the scratch home of the proof. Bytes.
const RESERVE: u64 = 64 << 20;

/// There is too little room; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the disk has no room for this: {} MB are free in the file system at {file_system}, and it takes {} MB ({purpose})",
    .free / 1_000_000,
    .needed.div_ceil(1_000_000)
)]
pub struct SpaceError {
    /// Where the file system is mounted.
    pub file_system: Utf8PathBuf,
    /// What is free for this user. Bytes.
    pub free: u64,
    /// What is needed, as far as that is known before. Bytes.
    pub needed: u64,
    /// For what.
    pub purpose: String,
}

impl Explain for SpaceError {
    fn hint(&self) -> Option<String> {
        Some(
            "nothing was changed. `codexpin history --prune` removes backups that no undo needs, \
             `codexpin cache prune --limit 0` what checks have kept"
                .to_owned(),
        )
    }

    fn class(&self) -> Class {
        Class::Rollback
    }
}

/// Bytes that will be written somewhere.
struct SpaceNeed {
    place: Utf8PathBuf,
    bytes: u64,
    purpose: &'static str,
}

/// A file system, and what is wanted of it.
struct FileSystem {
    device: u64,
    mounted_at: Utf8PathBuf,
    free: u64,
}

/// Asks for the room that the steps take: what is staged is taken to be as large as what
/// it replaces, and a quarter more.
pub(super) fn check(
    installation: &Installation,
    plan: &Plan,
    backups: &Utf8Path,
) -> Result<(), SpaceError> {
    let mut needs = Vec::new();
    let stages = plan.steps.iter().any(|step| matches!(step, Step::Stage { .. }));
    for step in plan.steps.iter().filter(|_| stages) {
        if let Step::Exchange { live, .. } = step {
            let bytes = size_of(live) / 4 * 5;
            let purpose = "the packages beside the live ones";
            needs.push(SpaceNeed { place: live.clone(), bytes, purpose });
        }
    }
    if plan.steps.contains(&Step::Save) {
        let bytes = backup::size(installation) + RESERVE;
        needs.push(SpaceNeed { place: backups.to_owned(), bytes, purpose: "the backup" });
    }
    check_needs(&needs, file_system_of)
}

fn check_needs(
    needs: &[SpaceNeed],
    file_system_of: impl Fn(&Utf8Path) -> Option<FileSystem>,
) -> Result<(), SpaceError> {
    // Where it is not known there is nothing to refuse for.
    let on = |need: &SpaceNeed| file_system_of(&need.place);
    let mut systems: Vec<FileSystem> = needs.iter().filter_map(on).collect();
    systems.sort_by_key(|system| system.device);
    systems.dedup_by_key(|system| system.device);
    for FileSystem { device, mounted_at, free } in systems {
        let here: Vec<_> = needs
            .iter()
            .filter(|need| on(need).is_some_and(|system| system.device == device))
            .collect();
        let needed = here.iter().map(|need| need.bytes).sum();
        if free < needed {
            let mut purposes: Vec<_> = here.iter().map(|need| need.purpose).collect();
            purposes.dedup();
            let purpose = purposes.join(", and ");
            return Err(SpaceError { file_system: mounted_at, free, needed, purpose });
        }
    }
    Ok(())
}

/// The file system of a place, or of the nearest directory above it that is there.
fn file_system_of(place: &Utf8Path) -> Option<FileSystem> {
    let device = |place: &Utf8Path| Some(fs_err::metadata(place).ok()?.dev());
    let there = place.ancestors().find(|place| place.exists())?.canonicalize_utf8().ok()?;
    let of_it = device(&there)?;
    let mounted_at = there.ancestors().take_while(|above| device(above) == Some(of_it)).last()?;
    let system = rustix::fs::statvfs(there.as_std_path()).ok()?;
    Some(FileSystem {
        device: of_it,
        mounted_at: mounted_at.to_owned(),
        free: system.f_bavail.saturating_mul(system.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_to_one_file_system_is_asked_of_it_together() {
        let need = |place: &str, megabytes: u64, purpose| SpaceNeed {
            place: place.into(),
            bytes: megabytes * 1_000_000,
            purpose,
        };
        let home = |place: &Utf8Path| FileSystem {
            device: if place.starts_with("/home") { 1 } else { 2 },
            mounted_at: if place.starts_with("/home") { "/home" } else { "/" }.into(),
            free: 1_000_000_000,
        };
        let ask = |needs: &[SpaceNeed]| {
            check_needs(needs, |place| Some(home(place))).map_err(|error| error.to_string())
        };
        assert_eq!(ask(&[need("/home/npm", 600, "x"), need("/var", 600, "y")]), Ok(()));
        assert_eq!(ask(&[need("/home/npm", 1000, "x")]), Ok(()));
        assert_eq!(
            ask(&[need("/home/npm", 600, "packages"), need("/home/b", 401, "the backup")]),
            Err(
                "the disk has no room for this: 1000 MB are free in the file system at /home, and \
                 it takes 1001 MB (packages, and the backup)"
                    .to_owned()
            )
        );
        let unknown = check_needs(&[need("/home/npm", 9999, "x")], |_| None);
        assert_eq!(unknown, Ok(()));
    }

    #[test]
    fn a_place_that_is_not_there_yet_is_asked_by_what_it_will_stand_in() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(guard.path()).unwrap();
        let deep = file_system_of(&root.join("not/there/yet")).unwrap();
        let system = file_system_of(root).unwrap();
        assert_eq!((deep.device, &deep.mounted_at), (system.device, &system.mounted_at));
        assert!(root.canonicalize_utf8().unwrap().starts_with(&system.mounted_at));
        assert!(deep.free > 0);
    }
}
