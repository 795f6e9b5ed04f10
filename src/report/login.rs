//! What happens to logins.

use super::{counted, terminal};
use crate::app::login::MadeLogin;
use crate::event::Event;

/// Shows an event that speaks of a login; nothing for any other.
pub(super) fn show(event: &Event) {
    match event {
        Event::LoginLent { lending, turns, and_for_each_remedy } => {
            let turns = counted(*turns, "turn", "turns");
            let more = if *and_for_each_remedy { ", and as many for each remedy" } else { "" };
            terminal::note(&format!("live upstream, {turns}{more}: {lending}"));
        }
        Event::LoginRenewing { .. } => {
            terminal::note("codexpin's own login has ended, and is renewed by a turn");
        }
        Event::LoginsCompared { changed } if changed.is_empty() => {
            terminal::note(
                "the live logins are as they were: codexpin compared them before and after",
            );
        }
        Event::LoginsCompared { changed } => {
            for path in changed {
                terminal::warning(&format!(
                    "{path} changed meanwhile: the live OpenClaw may have renewed its login; codexpin writes nothing there"
                ));
            }
        }
        _ => {}
    }
}

/// Says that codexpin has a login of its own.
pub fn made(login: &MadeLogin) {
    terminal::print(&format!(
        "codexpin has a login of its own: {}, good until {:.0}\n  it is lent to candidates from now on; the live installation's is left alone\n  next  codexpin check",
        login.label, login.expires,
    ));
}

/// Says that it has none any more.
pub fn forgotten(had_one: bool) {
    terminal::print(if had_one { "codexpin's own login is gone" } else { "there was none" });
}
