//! Databases of the state directory that a release does not open: going back to it is
//! refused before anything stops.

use camino::{Utf8Path, Utf8PathBuf};

use crate::openclaw::Change;
use crate::openclaw::names::schemas;
use crate::release::{Schemas, Version};
use crate::sqlite::{self, SqliteError};

/// A database of the live state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDatabase {
    /// The file.
    pub path: Utf8PathBuf,
    /// Whether it is an agent's, and not that of all of them.
    pub of_agent: bool,
    /// Its `user_version`.
    pub schema: i64,
}

/// The databases that are there, for a release that opens any. One that cannot be read
/// is an error then: nobody could say whether the release opens it.
pub(super) fn live(state: &Utf8Path, release: Version) -> Result<Vec<StateDatabase>, SqliteError> {
    if !Change::StateDatabases.is_in(release) {
        return Ok(Vec::new());
    }
    let agents = state.join("agents").read_dir_utf8().into_iter().flatten().flatten();
    let of_agents = agents.map(|agent| (agent.path().join("agent/openclaw-agent.sqlite"), true));
    let all = std::iter::once((state.join("state/openclaw.sqlite"), false)).chain(of_agents);
    let mut databases = Vec::new();
    for (path, of_agent) in all.filter(|(path, _)| path.is_file()) {
        databases.push(StateDatabase { schema: sqlite::user_version(&path)?, path, of_agent });
    }
    databases.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(databases)
}

/// The first that `release` refuses, and the schema that it opens at most. A release
/// without databases leaves them alone. `declared` is what its manifest says.
pub(super) fn refused(
    databases: &[StateDatabase],
    release: Version,
    declared: Option<Schemas>,
) -> Option<(&StateDatabase, i64)> {
    let opens = declared.or_else(|| {
        let (state, agent) = schemas(release)?;
        Some(Schemas { state, agent })
    })?;
    let limit =
        |database: &StateDatabase| if database.of_agent { opens.agent } else { opens.state };
    let refused = databases.iter().find(|database| database.schema > limit(database))?;
    Some((refused, limit(refused)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_database_is_in_the_way_of_a_release_that_opens_it_alone() {
        let guard = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(guard.path()).unwrap();
        fs_err::create_dir(state.join("state")).unwrap();
        fs_err::write(state.join("state/openclaw.sqlite"), "no database at all, and long enough")
            .unwrap();
        assert_eq!(live(state, "2026.5.28".parse().unwrap()).unwrap(), []);
        let error = live(state, "2026.6.1".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("state/openclaw.sqlite"), "{error}");
    }

    #[test]
    fn a_release_refuses_what_a_newer_one_has_migrated_and_leaves_what_it_does_not_know() {
        let database = |of_agent, schema| StateDatabase { path: "/s".into(), of_agent, schema };
        let both = |state, agent| vec![database(false, state), database(true, agent)];
        let nine_four = Some(Schemas { state: 16, agent: 19 });
        for (release, declared, databases, expected) in [
            ("2026.9.4", nine_four, both(17, 21), Some(16)),
            ("2026.9.4", nine_four, both(16, 21), Some(19)),
            ("2026.9.4", nine_four, both(16, 19), None),
            ("2026.9.4", None, both(17, 21), None),
            ("2026.7.1", None, both(17, 21), Some(1)),
            ("2026.7.1", None, both(1, 1), None),
            ("2026.5.28", None, both(17, 21), None),
        ] {
            let found = refused(&databases, release.parse().unwrap(), declared);
            assert_eq!(found.map(|(_, opens)| opens), expected, "{release} {databases:?}");
        }
    }
}
