//! What `check --try-remedies` tried of a release, kept beside the logs of that check, so
//! that `report` can tell of it.

use std::io;

use camino::Utf8Path;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::RemedyReport;
use crate::fs::foreign;
use crate::question::Question;
use crate::release::Version;
use crate::route::Route;

/// The file, in the directory of the check's logs.
const FILE: &str = "remedies.json";
/// Its format. Another one is passed over.
const FORMAT: u32 = 1;

/// What was tried of one release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemedyRecord {
    format: u32,
    /// When.
    pub at: Timestamp,
    /// The release.
    pub core: Version,
    /// The routes that it was asked through before.
    routes: Vec<Route>,
    /// What was tried, and what came of it.
    pub remedies: Vec<RemedyReport>,
}

impl RemedyRecord {
    pub(super) fn of(core: Version, question: &Question, remedies: &[RemedyReport]) -> Self {
        Self {
            format: FORMAT,
            at: Timestamp::now(),
            core,
            routes: question.routes.clone(),
            remedies: remedies.to_vec(),
        }
    }

    pub(super) fn write(&self, logs: &Utf8Path) -> io::Result<()> {
        crate::fs::write_atomic_private(&logs.join(FILE), &serde_json::to_vec_pretty(self)?)
    }

    /// The newest of this release through the question's routes, among the logs of all
    /// checks. One that cannot be read is passed over: a report does without it.
    pub fn newest(checks: &Utf8Path, core: Version, question: &Question) -> Option<Self> {
        let directories = checks.read_dir_utf8().ok()?.flatten();
        let tried = directories.filter_map(|logs| {
            let text = foreign::read(&logs.path().join(FILE), foreign::TEXT).ok()?;
            serde_json::from_slice::<Self>(&text).ok()
        });
        let of_it = |tried: &Self| {
            tried.format == FORMAT && tried.core == core && tried.routes == question.routes
        };
        tried.filter(of_it).max_by_key(|tried| tried.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn the_newest_of_a_release_and_its_routes_is_found_and_what_is_no_such_file_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let checks = Utf8Path::from_path(directory.path()).unwrap();
        let core: Version = "2026.6.1".parse().unwrap();
        let question = Question::text_through(vec!["openai-codex/gpt-5.5".parse().unwrap()]);
        let write = |name: &str, words: &str, at: &str| {
            let logs = checks.join(name);
            fs_err::create_dir(&logs).unwrap();
            let remedy = RemedyReport {
                words: words.to_owned(),
                how: "x".to_owned(),
                verdict: Verdict::Good,
                elapsed_ms: 1,
            };
            let tried = RemedyRecord::of(core, &question, &[remedy]);
            RemedyRecord { at: at.parse().unwrap(), ..tried }.write(&logs).unwrap();
        };
        write("one", "old", "2026-11-01T00:00:00Z");
        write("two", "new", "2026-11-02T00:00:00Z");
        fs_err::create_dir(checks.join("three")).unwrap();
        fs_err::write(checks.join("three").join(FILE), "{\"format\": 2}").unwrap();
        let newest = RemedyRecord::newest(checks, core, &question).unwrap();
        assert_eq!(newest.remedies[0].words, "new");
        let other = Question::text_through(vec!["openai/gpt-5.5".parse().unwrap()]);
        assert_eq!(RemedyRecord::newest(checks, core, &other), None);
        let newer = "2026.6.5".parse().unwrap();
        assert_eq!(RemedyRecord::newest(checks, newer, &question), None);
        assert_eq!(RemedyRecord::newest(&checks.join("none"), core, &question), None);
    }
}
