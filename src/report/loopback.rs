//! The loopback upstream in the foreground: what to export, and what comes in.

use super::terminal;
use crate::observation::{RequestKind, RequestRecord};

/// Shows the requests as they come.
#[derive(Debug)]
pub struct Served {
    shown: usize,
}

impl Served {
    /// Prints the environment for a release to be pointed here.
    pub fn begin(base_url: &str, environment: &[(&str, String)]) -> Self {
        for (name, value) in environment {
            terminal::print(&format!("export {name}={value}"));
        }
        terminal::note(&format!("a custom provider reaches it at {base_url}; Ctrl-C ends it"));
        Self { shown: 0 }
    }

    /// Prints what has come in since the last time.
    pub fn show(&mut self, records: &[RequestRecord]) {
        let settled = records.iter().skip(self.shown).take_while(|record| is_settled(record));
        for record in settled {
            let status = record.status.map_or("-".to_owned(), |status| status.to_string());
            let (method, host, port) = (&record.method, &record.host, record.port);
            terminal::say(&format!("{status:>3} {method} {host}:{port}{}", record.path));
            self.shown += 1;
        }
    }
}

fn is_settled(record: &RequestRecord) -> bool {
    record.kind != RequestKind::Unanswered || record.status.is_some()
}
