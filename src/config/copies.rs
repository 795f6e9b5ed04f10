//! The copies of `openclaw.json` that `OpenClaw` leaves beside it, the newest first.
//!
//! Each write that it makes first moves a ring of copies along, `.bak` the newest and
//! `.bak.4` the oldest; `openclaw update` leaves `.pre-update`; a Gateway that came up
//! leaves `.last-good` (2026.5.18 to 2026.9.6). Each of them is written while the
//! config still says what the copy says.
//!
//! So in the ring the name says which is newer, whatever the files' times are. A copy
//! outside of it has its place by when the config was last written, or by when the copy
//! was made where the config does not say.

use std::cmp::{Reverse, min};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use super::{Loaded, read_copy};
use crate::env::Environment;
use crate::release::Version;

/// The ring, by what is added to the config's name, the newest first.
const RING: [&str; 5] = [".bak", ".bak.1", ".bak.2", ".bak.3", ".bak.4"];
/// What `openclaw update` copies before it changes anything.
const BEFORE_UPDATE: &str = ".pre-update";
/// The others.
const OUTSIDE: [&str; 2] = [BEFORE_UPDATE, ".last-good"];

/// A copy that reads, and is known to be of one release and those before it.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigCopy {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// What it says.
    pub config: Loaded,
    /// The release that wrote it last. None for one from before an update that no release
    /// had written yet: any starts with it.
    pub written_by: Option<Version>,
    age: Age,
}

/// When the config was last written, and when the copy was made: of two that were
/// written at the same time the later copy has what was edited by hand between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    written: Timestamp,
    copied: Timestamp,
}

/// `OpenClaw`'s own copies of a config, the newest first. One that does not say who
/// wrote it may be from after an upgrade as well, and one that cannot be read is no
/// help: neither is among them.
pub fn openclaws_copies(config: &Utf8Path, environment: &Environment) -> Vec<ConfigCopy> {
    let paths =
        RING.iter().chain(&OUTSIDE).map(|tail| Utf8PathBuf::from(format!("{config}{tail}")));
    in_order(paths, config, environment)
}

/// The same with whatever else stands beside the config under a name that begins with
/// its own: a person's copies.
pub fn copies_beside(config: &Utf8Path, environment: &Environment) -> Vec<ConfigCopy> {
    let (Some(directory), Some(name)) = (config.parent(), config.file_name()) else {
        return Vec::new();
    };
    let is_copy = |path: &Utf8PathBuf| {
        path.file_name().is_some_and(|other| other != name && other.starts_with(name))
    };
    let beside = directory.read_dir_utf8().into_iter().flatten().flatten();
    let mut paths: Vec<_> = beside.map(camino::Utf8DirEntry::into_path).filter(is_copy).collect();
    paths.sort_by_key(|path| (generation(path, config), path.clone()));
    in_order(paths, config, environment)
}

/// Where in the ring a copy is; those outside come after it.
fn generation(path: &Utf8Path, config: &Utf8Path) -> usize {
    let tail = path.as_str().strip_prefix(config.as_str()).unwrap_or_default();
    RING.iter().position(|ring| *ring == tail).unwrap_or(RING.len())
}

/// The copies at these paths, among which those of the ring come first and in order.
fn in_order(
    paths: impl IntoIterator<Item = Utf8PathBuf>,
    config: &Utf8Path,
    environment: &Environment,
) -> Vec<ConfigCopy> {
    let read = |path| ConfigCopy::read(path, config, environment);
    let mut copies: Vec<_> = paths.into_iter().filter_map(read).collect();
    let mut newer: Option<Age> = None;
    for copy in copies.iter_mut().filter(|copy| generation(&copy.path, config) < RING.len()) {
        copy.age = newer.map_or(copy.age, |newer| min(newer, copy.age));
        newer = Some(copy.age);
    }
    copies.sort_by_key(|copy| Reverse(copy.age));
    copies
}

impl ConfigCopy {
    fn read(path: Utf8PathBuf, config: &Utf8Path, environment: &Environment) -> Option<Self> {
        let copy = read_copy(&path, config, environment).ok().flatten()?;
        let made = fs_err::metadata(&path).and_then(|metadata| metadata.modified()).ok();
        let copied =
            made.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH);
        let written = copy.last_touched_at().unwrap_or(copied);
        let written_by = copy.last_touched();
        // A config that a person wrote has no stamp until a release changes it. Whether
        // a copy without one is from before the upgrade, only its name says.
        let before_update = path.as_str().ends_with(BEFORE_UPDATE) && copy.has_settings();
        if written_by.is_none() && !before_update {
            return None;
        }
        Some(Self { path, config: copy, written_by, age: Age { written, copied } })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    /// A copy, by what is added to the config's name: the hour that stands in it, if
    /// one does, and the hour at which it was made.
    type Made<'a> = (&'a str, Option<u32>, u64);

    /// The copies beside a config, the newest first, by what is added to its name.
    fn found(copies: &[Made<'_>], find: fn(&Utf8Path, &Environment) -> Vec<ConfigCopy>) -> String {
        let guard = tempfile::tempdir().unwrap();
        let config = Utf8Path::from_path(guard.path()).unwrap().join("openclaw.json");
        fs_err::write(&config, "{meta: {lastTouchedVersion: '2026.9.6'}}").unwrap();
        for (tail, hour, made) in copies {
            let at = hour.map(|hour| format!(", lastTouchedAt: '2026-11-21T{hour:02}:00:00.000Z'"));
            let text =
                format!("{{meta: {{lastTouchedVersion: '2026.7.1'{}}}}}", at.unwrap_or_default());
            let path = format!("{config}{tail}");
            fs_err::write(&path, text).unwrap();
            let day: Timestamp = "2026-11-21T00:00:00Z".parse().unwrap();
            let made = SystemTime::from(day) + Duration::from_secs(made * 3600);
            let file = std::fs::File::options().write(true).open(&path).unwrap();
            file.set_modified(made).unwrap();
        }
        let copies = find(&config, &Environment::default());
        let tail = |copy: &ConfigCopy| copy.path.as_str().replace(config.as_str(), "");
        copies.iter().map(tail).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn copies_without_a_time_are_as_new_as_the_ring_and_the_files_say() {
        for (copies, expected) in [
            // Releases that write no time, after one that did.
            (
                vec![(".bak", None, 12), (".bak.1", None, 11), (".bak.2", Some(8), 9)],
                ".bak .bak.1 .bak.2",
            ),
            (vec![(".bak.1", Some(8), 9), (".pre-update", None, 12)], ".pre-update .bak.1"),
            (vec![(".bak.1", None, 12), (".pre-update", Some(8), 9)], ".bak.1 .pre-update"),
            (vec![(".pre-update", None, 9), (".last-good", None, 12)], ".last-good .pre-update"),
            // A home that was copied to another disk, times and all lost.
            (
                vec![(".bak", None, 20), (".bak.1", None, 21), (".bak.2", None, 22)],
                ".bak .bak.1 .bak.2",
            ),
        ] {
            assert_eq!(found(&copies, openclaws_copies), expected, "{copies:?}");
        }
    }

    #[test]
    fn in_the_ring_the_name_says_which_is_newer_and_outside_the_time() {
        for (copies, expected) in [
            (vec![(".bak", Some(7), 9), (".bak.1", Some(8), 8)], ".bak .bak.1"),
            (
                vec![(".bak", Some(7), 9), (".bak.4", Some(5), 6), (".last-good", Some(8), 8)],
                ".last-good .bak .bak.4",
            ),
            (vec![(".bak.3", Some(8), 8), (".pre-update", Some(8), 8)], ".bak.3 .pre-update"),
            // Edited by hand since it was written, and then copied by an update.
            (vec![(".bak.3", Some(8), 8), (".pre-update", Some(8), 9)], ".pre-update .bak.3"),
            (vec![(".bak.5", Some(8), 8), (".clobbered.2026", Some(8), 8)], ""),
        ] {
            assert_eq!(found(&copies, openclaws_copies), expected, "{copies:?}");
        }
    }

    #[test]
    fn a_persons_copy_is_found_beside_openclaws_own() {
        let copies = [(".mine", Some(8), 9), (".bak", Some(7), 8), (".bak.1", None, 12)];
        assert_eq!(found(&copies, copies_beside), ".mine .bak .bak.1");
    }

    #[test]
    fn what_a_copy_includes_is_found_from_where_the_config_is() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let (config, copy) = (root.join("c/openclaw.json"), root.join("b/openclaw.json"));
        for (path, text) in [
            (&copy, "{$include: './part.json', own: 1}"),
            (&root.join("c/part.json"), "{meta: {lastTouchedVersion: '2026.7.1'}}"),
        ] {
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let environment = Environment::default();
        let read = read_copy(&copy, &config, &environment).unwrap().unwrap();
        assert_eq!(read.last_touched(), "2026.7.1".parse().ok());
        assert!(read_copy(&root.join("gone"), &config, &environment).unwrap().is_none());
    }
}
