//! A codexpin at a terminal, and the person in front of it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::registry::PATIENCE;

/// A program with a terminal of its own as stdin, stdout and stderr.
pub(crate) struct Terminal {
    child: Child,
    master: File,
    shown: String,
}

impl Terminal {
    pub(crate) fn of(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let side = || File::options().read(true).write(true).open(&name).unwrap();
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        // With the last handle of the terminal its reader sees the end.
        drop(command);
        Self { child, master: File::from(master), shown: String::new() }
    }

    /// Waits until this was shown, whatever moves the cursor in between.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let begun = Instant::now();
        while !plain(&self.shown).contains(text) {
            assert!(begun.elapsed() < PATIENCE, "waited for {text} in vain:\n{}", self.shown);
            assert!(self.read(), "it ended without {text}:\n{}", self.shown);
        }
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    /// Waits for the end, and gives what was shown without colours.
    #[track_caller]
    pub(crate) fn ends_with(mut self, code: i32) -> String {
        while self.read() {}
        let shown = plain(&self.shown);
        assert_eq!(self.child.wait().unwrap().code(), Some(code), "{shown}");
        shown
    }

    /// Reads on; false at the end.
    fn read(&mut self) -> bool {
        let mut piece = [0; 4096];
        let mut watched = [PollFd::new(&self.master, PollFlags::IN)];
        let seconds = i64::try_from(PATIENCE.as_secs()).unwrap();
        let limit = Timespec { tv_sec: seconds, tv_nsec: 0 };
        assert_ne!(poll(&mut watched, Some(&limit)).unwrap(), 0, "silent:\n{}", self.shown);
        // Linux says EIO when nobody has the other side any more.
        let Ok(length) = self.master.read(&mut piece) else { return false };
        self.shown.push_str(&String::from_utf8_lossy(&piece[..length]));
        length > 0
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed leaves nothing running; one that ended has reaped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Without colours, moves of the cursor, and the terminal's own ends of lines.
fn plain(text: &str) -> String {
    let control = regex::Regex::new(r"\x1b\[[0-9;?]*[a-zA-Z]").unwrap();
    control.replace_all(text, "").replace("\r\n", "\n")
}
