//! Masks secrets and personal data: the one place for every file and every output.
//!
//! ```text
//! a child's output ─▶ Stream ─▶ log file
//!                  ─▶ CapturedOutput::text ─▶ observation, journal, pin, errors
//! everything printed ─▶ line ─▶ terminal
//! report ─▶ paste ─▶ an issue that anybody can read
//! ```
//!
//! A mask says what was there: `[e-mail]`, `[account]`, and `[token]` for
//! credentials. Secrets are known by their shape ([`fn@line`]), and
//! those that codexpin holds itself by their text ([`Person`]). Masking twice
//! changes nothing more, it keeps the number of lines, and a text that is JSON
//! stays JSON.

mod person;
mod shape;
mod stream;

use std::borrow::Cow;

pub use person::Person;
use shape::{Flood, Shapes};
pub use stream::Stream;

/// The mask of credentials: tokens, keys, passwords, codes, cookies.
pub const TOKEN: &str = "[token]";
/// Whose account it is.
pub const ACCOUNT: &str = "[account]";
/// An e-mail address.
pub const MAIL: &str = "[e-mail]";
/// The machine's name.
pub const HOST: &str = "[host]";
/// The user's name.
pub const USER: &str = "[user]";
/// Where in a network something is.
pub const ADDRESS: &str = "[address]";
/// The user's home, as shells write it.
pub const HOME: &str = "~";

/// The text without secrets, as far as their shape gives them away. Lines are
/// looked at one by one, so it may be many.
pub fn line(text: &str) -> Cow<'_, str> {
    Shapes::of_secrets().mask(text, &mut Flood::default())
}

/// The text as strangers may read it: besides secrets, without the person's
/// names and home, other people's homes, and addresses in a network.
pub fn paste(text: &str, person: &Person) -> String {
    let text = person.line(text);
    Shapes::of_places().mask(&text, &mut Flood::default()).into_owned()
}

#[cfg(test)]
mod tests;
