//! What happens to logins.

use super::terminal;
use crate::event::Event;

/// Shows an event that speaks of a login; nothing for any other.
pub(super) fn show(event: &Event) {
    match event {
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
