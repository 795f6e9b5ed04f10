//! Which routes a release knows.

use std::fmt::Write as _;

use serde::Serialize;

use super::{OutputForm, print_if_json, terminal};
use crate::check::routes::ProviderRoutes;
use crate::release::pairing::Candidate;

/// What a release says of itself.
#[derive(Debug, Serialize)]
pub struct RoutesReport<'a> {
    /// The release.
    pub candidate: &'a Candidate,
    /// What it lists, a provider each.
    pub listed: &'a [ProviderRoutes],
}

impl RoutesReport<'_> {
    /// Prints it, for a person or as JSON.
    pub fn print(&self, form: OutputForm) {
        if !print_if_json(form, self) {
            terminal::print(self.text().trim_end());
        }
    }

    fn text(&self) -> String {
        let core = self.candidate.core;
        let mut text = String::new();
        for listed in self.listed {
            let through = match listed.provider.as_str() {
                "openai" => "an API key, or a ChatGPT login that doctor has moved",
                _ => "a ChatGPT login",
            };
            let _ = match (&listed.failed, listed.models.as_slice()) {
                (Some(why), _) => writeln!(text, "{}  no list: {why}", listed.provider),
                (None, []) => {
                    writeln!(text, "{}  {core} lists no model without a network", listed.provider)
                }
                (None, models) => {
                    let _ = writeln!(text, "{}  through {through}", listed.provider);
                    models.iter().try_for_each(|model| writeln!(text, "  {model}"))
                }
            };
        }
        let codex = match &self.candidate.plugin {
            Some(plugin) => format!("@codex (plugin {})", plugin.version),
            None => "@codex needs the plugin, which this registry has not for it".to_owned(),
        };
        let _ = writeln!(text, "harnesses  its embedded one where none is named; {codex}");
        let _ = writeln!(text, "try one    codexpin check {core} --route ROUTE");
        text
    }
}
