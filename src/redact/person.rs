//! Whose texts these are: what is known of the user, besides the shape of secrets.

use std::borrow::Cow;

use camino::Utf8Path;
use memchr::memmem;

use super::shape::{Flood, Shapes};
use super::{HOME, HOST, USER};
use crate::secret::Secret;

/// Names that say nothing of anybody, and that a release's own words are full
/// of: masked, a failure would not be recognised any more.
const COMMON: &str = "\
    admin agent api auth chatgpt claw codex codexpin config debian default docker \
    error gateway guest home host linux localhost login main model node nodejs npm \
    openai openclaw plugin provider proxy request root runner server session test \
    token ubuntu user work";

/// What is known of the user: home, names, and the secrets that codexpin holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Person {
    /// Each with the mask in its place. The longer before the shorter.
    names: Vec<(String, &'static str)>,
    secrets: Vec<(Secret, &'static str)>,
}

impl Person {
    /// With a home, a login name, and the name of the machine. A name that is a
    /// word of `OpenClaw`'s own, or that is very short, is left where it stands.
    pub fn new(home: &Utf8Path, user: Option<&str>, host: Option<&str>) -> Self {
        let telling = |name: &&str| {
            name.len() >= 3 && !COMMON.split(' ').any(|common| name.eq_ignore_ascii_case(common))
        };
        let mut names = Vec::new();
        if home.as_str().len() > 1 {
            names.push((home.as_str().trim_end_matches('/').to_owned(), HOME));
        }
        let host = host.unwrap_or_default();
        let short = host.split('.').next().filter(|short| *short != host);
        let hosts = [Some(host), short].into_iter().flatten();
        names.extend(hosts.filter(telling).map(|host| (host.to_owned(), HOST)));
        names.extend(user.into_iter().filter(telling).map(|user| (user.to_owned(), USER)));
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        Self { names, secrets: Vec::new() }
    }

    /// The same person with a secret that is masked wherever it stands. An empty
    /// one, or one that is known already, changes nothing.
    #[must_use]
    pub fn with_secret(mut self, secret: &Secret, mask: &'static str) -> Self {
        let known = self.secrets.iter().any(|(known, _)| known == secret);
        if !known && !secret.reveal().is_empty() {
            self.secrets.push((secret.clone(), mask));
        }
        self
    }

    /// The text without the person's names and home, without the secrets that are
    /// known, and without what looks like one.
    pub fn line<'t>(&self, text: &'t str) -> Cow<'t, str> {
        self.part(text, &mut Flood::default())
    }

    /// The same for a part of an output that comes in several.
    pub(super) fn part<'t>(&self, text: &'t str, flood: &mut Flood) -> Cow<'t, str> {
        let mut masked = Cow::Borrowed(text);
        for (secret, mask) in &self.secrets {
            if memmem::find(masked.as_bytes(), secret.reveal().as_bytes()).is_some() {
                masked = Cow::Owned(masked.replace(secret.reveal(), mask));
            }
        }
        for (name, mask) in &self.names {
            if let Some(without) = without_name(&masked, name, mask) {
                masked = Cow::Owned(without);
            }
        }
        match Shapes::of_secrets().mask(&masked, flood) {
            Cow::Owned(without) => Cow::Owned(without),
            Cow::Borrowed(_) => masked,
        }
    }
}

/// The text with a name masked wherever it is not a part of a longer one; none
/// where it is not there.
fn without_name(text: &str, name: &str, mask: &str) -> Option<String> {
    let of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let mut masked = String::new();
    let mut done = 0;
    for at in memmem::find_iter(text.as_bytes(), name) {
        let end = at + name.len();
        // A name that is a path itself begins at its `/`, whatever is before that.
        let begun = !name.starts_with('/') && text[..at].ends_with(of_word);
        if begun || text[end..].starts_with(of_word) {
            continue;
        }
        masked.push_str(&text[done..at]);
        masked.push_str(mask);
        done = end;
    }
    (done > 0).then(|| {
        masked.push_str(&text[done..]);
        masked
    })
}
