//! A room for one candidate: a scratch home that is set up for a route, the
//! enclosure around it, and the upstream that it reaches from there.

use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::candidate::{self, Candidate};
use super::home::ScratchHome;
use super::setup::{SetUp, Setup};
use super::upstream::{Upstream, Wanted};
use super::{CheckError, Course, Subject, Surroundings, probe};
use crate::env::Environment;
use crate::observation::{Enclosure as Enclosed, RequestRecord};
use crate::process::enclosure::{Enclosure, Rooms};
use crate::route::Route;
use crate::secret::Secret;
use crate::upstream::live::TRUST;

/// A room to be opened.
pub(super) struct Room<'a> {
    pub(super) subject: &'a Subject,
    pub(super) route: &'a Route,
    /// The route's place among those of the question, from 0.
    pub(super) place: usize,
    pub(super) surroundings: &'a Surroundings,
    pub(super) course: Course<'a>,
    /// Whether the candidate's own doctor runs first.
    pub(super) doctor: bool,
    /// How many tools the model has run before it replies.
    pub(super) tool_calls: u16,
    /// A command of the user's own that is to run in it.
    pub(super) command: Option<&'a str>,
}

/// A room with everything in its place.
pub(super) struct OpenRoom<'a> {
    room: Room<'a>,
    home: ScratchHome,
    enclosure: Option<Enclosure>,
    enclosed: Enclosed,
    upstream: Upstream,
    began: Instant,
    set_up: SetUp,
    environment: Environment,
    /// The Gateway's port: free, and named in the config.
    pub(super) port: u16,
}

/// What was seen in a room.
pub(super) struct Seen {
    pub(super) enclosure: Enclosed,
    pub(super) config_changes: Vec<String>,
    pub(super) requests: Vec<RequestRecord>,
}

impl<'a> Room<'a> {
    /// Makes the home, encloses it, starts the upstream and writes what the
    /// candidate is to find.
    pub(super) async fn open(self) -> Result<OpenRoom<'a>, CheckError> {
        crate::fs::create_private_dir(self.course.logs)?;
        let home = ScratchHome::make(&self.surroundings.scratch)?;
        let script = probe::hide(self.tool_calls, &home.workspace())?;
        let (mut enclosure, enclosed) = self.enclose(&home).await;
        let upstream = Upstream::start(Wanted {
            account: self.course.account,
            script,
            fault: self.course.fault,
            listener: enclosure.as_mut().and_then(Enclosure::listener),
            environment: &self.surroundings.environment,
        })
        .await?;
        let began = Instant::now();
        let ca = home.path().join("upstream-ca.pem");
        upstream.write_ca(&ca)?;
        let port = free_port()?;
        let token = Secret::new(probe::nonce());
        let set_up = Setup {
            subject: self.subject,
            route: self.route,
            place: self.place,
            course: self.course,
            doctor: self.doctor,
            home: &home,
            port,
            token: &token,
            base_url: &upstream.base_url(),
        }
        .write()?;
        let environment = candidate::environment(&self, &home, upstream.environment(&ca), &token);
        Ok(OpenRoom {
            room: self,
            home,
            enclosure,
            enclosed,
            upstream,
            began,
            set_up,
            environment,
            port,
        })
    }

    async fn enclose(&self, home: &ScratchHome) -> (Option<Enclosure>, Enclosed) {
        let Surroundings { processes, executable, .. } = self.surroundings;
        let mut keep = kept(self.subject, home.path(), self.command, self.surroundings);
        if self.course.account.is_some() {
            keep.extend(trusted(&self.surroundings.environment));
        }
        let mut hide = self.surroundings.logins.clone();
        if self.command.is_none() {
            hide.push(self.surroundings.home.clone());
        }
        let rooms = Rooms { tmp: &home.rooms(), hide: &hide, keep: &keep };
        match Enclosure::open(processes, executable, Some(rooms)).await {
            Ok(enclosure) => {
                let shared_tmp = enclosure.no_rooms().map(ToString::to_string);
                (Some(enclosure), Enclosed::Namespace { shared_tmp })
            }
            Err(why) => (None, Enclosed::ProxySettings { why: why.to_string() }),
        }
    }
}

impl OpenRoom<'_> {
    /// The candidate in it.
    pub(super) fn candidate(&self) -> Candidate<'_> {
        Candidate {
            subject: self.room.subject,
            home: &self.home,
            agent: &self.set_up.agent,
            logs: self.room.course.logs,
            environment: self.environment.clone(),
            enclosure: self.enclosure.as_ref().map(Enclosure::entrance),
        }
    }

    /// Since the upstream began.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Ends the upstream and the enclosure. The home stays until it is dropped.
    pub(super) async fn close(self) -> Result<(ScratchHome, Seen), CheckError> {
        let requests = self.upstream.shutdown().await;
        if let Some(enclosure) = self.enclosure {
            enclosure.close().await?;
        }
        let seen = Seen { enclosure: self.enclosed, config_changes: self.set_up.changes, requests };
        Ok((self.home, seen))
    }
}

/// A port that nobody listens on now.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// What has to be where it is, though `/tmp` is the room's own: the scratch home,
/// the candidate, what it runs on and what is on its PATH; for a command of the
/// user's own, the files that it names as well.
fn kept(
    subject: &Subject,
    home: &Utf8Path,
    command: Option<&str>,
    surroundings: &Surroundings,
) -> Vec<Utf8PathBuf> {
    let mut kept = vec![home.to_owned(), subject.prefix.clone()];
    kept.extend(subject.node.bin.parent().map(Utf8Path::to_owned));
    // A `node` on PATH may be a link to where it is really installed.
    let node = subject.node.executable().canonicalize_utf8().ok();
    kept.extend(node.iter().filter_map(|node| Some(node.parent()?.parent()?.to_owned())));
    let path = surroundings.environment.get("PATH").unwrap_or_default();
    kept.extend(path.split(':').filter(|name| name.starts_with('/')).map(Utf8PathBuf::from));
    if let Some(command) = command {
        kept.extend(surroundings.keep.iter().cloned());
        kept.extend(named_in(command));
    }
    kept
}

/// The user's own authorities, which a candidate that speaks TLS with the service
/// itself has to find.
fn trusted(environment: &Environment) -> impl Iterator<Item = Utf8PathBuf> + '_ {
    TRUST.into_iter().filter_map(|name| environment.get(name)).map(Utf8PathBuf::from)
}

/// The absolute paths in a shell command that exist: each with the directory
/// that it is in, where that is not a shared one itself.
fn named_in(command: &str) -> Vec<Utf8PathBuf> {
    let ends = |c: char| c.is_whitespace() || "'\"=;&|<>()`".contains(c);
    let files = command.split(ends).filter(|word| word.starts_with('/')).map(Utf8Path::new);
    files
        .filter(|file| file.exists())
        .flat_map(|file| file.parent().into_iter().chain([file]))
        .map(ToOwned::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_a_command_names_are_found_in_it() {
        let directory = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(directory.path()).unwrap();
        let (script, input) = (root.join("try.sh"), root.join("input"));
        fs_err::write(&script, "").unwrap();
        fs_err::write(&input, "").unwrap();
        let command = format!("FROM={input} '{script}' --fast <{root}/missing; echo /no/such");
        let found = named_in(&command);
        assert_eq!(found, [root.to_owned(), input, root.to_owned(), script]);
    }
}
