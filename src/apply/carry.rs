//! What an upgrade moved in the state directory, and a way back has to move again:
//! logins, and files that went into databases.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::taken_over::{self, TakenOver, with_log};
use crate::login::carry::{self, LoginMove};
use crate::login::{LoginError, Place};
use crate::openclaw::Change;
use crate::release::Version;

/// What is moved between two releases. Nothing of it is done twice: what is where it
/// belongs stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// Logins, with today's tokens.
    pub logins: Vec<LoginMove>,
    /// On the way down: files that the newer release has taken over. The older one
    /// writes them anew.
    pub taken_over: Vec<TakenOver>,
    /// Whether the older release gets back what they held.
    pub bring_back: bool,
    /// On the way up: files that the older release has written, which the newer one
    /// does not start over.
    pub set_aside: Vec<Utf8PathBuf>,
}

/// State could not be moved.
#[derive(Debug, thiserror::Error)]
pub enum CarryError {
    /// A login.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// A file.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// What has to move on the way from one release to another; none where nothing has.
pub(super) fn find(place: &Place, from: Version, to: Version) -> Result<Option<Carry>, CarryError> {
    let logins = carry::find(place, from, to)?;
    let (mut taken_over, mut set_aside) = (Vec::new(), Vec::new());
    for file in taken_over::find(&place.state) {
        match (to < from, file.original.exists()) {
            (true, false) => taken_over.push(file),
            (false, true) => {
                let there = with_log(&file.original).into_iter().filter(|path| path.exists());
                set_aside.extend(there);
            }
            _ => {}
        }
    }
    // A login's own file goes where the login goes.
    let is_moved = |path: &Utf8Path| logins.iter().any(|moved| moved.from.path() == path);
    set_aside.retain(|path| !is_moved(path));
    set_aside.sort();
    set_aside.dedup();
    let bring_back = !Change::StateDatabases.is_in(to)
        && taken_over.iter().any(|file| !file.is_of_an_agent(&place.state));
    let nothing = logins.is_empty() && taken_over.is_empty() && set_aside.is_empty();
    Ok((!nothing).then_some(Carry { logins, taken_over, bring_back, set_aside }))
}

impl Carry {
    /// What is done, in a line.
    pub fn sentence(&self, to: Version) -> String {
        let labels: Vec<_> =
            self.logins.iter().flat_map(|moved| &moved.labels).map(String::as_str).collect();
        let plural = |count: usize| if count == 1 { "file" } else { "files" };
        let mut parts = Vec::new();
        if !labels.is_empty() {
            parts.push(format!("move {} with today's tokens", labels.join(", ")));
        }
        if self.bring_back {
            parts.push("bring back files that an upgrade took over".to_owned());
        }
        if !self.set_aside.is_empty() {
            let count = self.set_aside.len();
            parts.push(format!("set {count} {} of the older release aside", plural(count)));
        }
        if parts.is_empty() {
            return format!("leave the state as {to} finds it");
        }
        format!("{}: where {to} looks for them", parts.join(", "))
    }

    /// Moves everything. `aside` is where files go that are in the way.
    pub(super) fn take(
        &self,
        state: &Utf8Path,
        aside: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), CarryError> {
        for moved in &self.logins {
            moved.take()?;
        }
        half_done();
        for path in &self.set_aside {
            taken_over::set_aside(path, state, aside)?;
        }
        let files = self.taken_over.iter().filter(|file| !file.is_of_an_agent(state));
        for file in files.filter(|_| self.bring_back) {
            file.bring_back()?;
        }
        Ok(())
    }

    /// Moves everything back: what the release wrote since, too.
    pub(super) fn put_back(
        &self,
        state: &Utf8Path,
        aside: &Utf8Path,
        half_done: impl Fn(),
    ) -> Result<(), CarryError> {
        for moved in &self.logins {
            moved.back().take()?;
        }
        half_done();
        let logins: Vec<_> = self.logins.iter().map(|moved| moved.to.path()).collect();
        let written = self.taken_over.iter().flat_map(|file| with_log(&file.original));
        for path in written.filter(|path| !logins.contains(&path.as_path())) {
            taken_over::set_aside(&path, state, &aside.join("written-since"))?;
        }
        for path in &self.set_aside {
            taken_over::put_back(path, state, aside)?;
        }
        Ok(())
    }
}
