//! Pins.

use std::fmt::Write as _;

use camino::Utf8Path;
use serde::Serialize;

use super::paint::Paint as _;
use super::{OutputForm, print_if_json, terminal};
use crate::pin::Pin;
use crate::release::Version;
use crate::visible;

/// Says that a pin was written into this file.
pub fn pinned(pin: &Pin, file: &Utf8Path) {
    terminal::print(&format!("pinned {} in {file}", pin.core));
    terminal::print("  next  codexpin apply    bring this machine to it");
}

/// A pin file.
#[derive(Debug, Serialize)]
pub struct PinsReport<'a> {
    /// What `current` names.
    pub current: Option<Version>,
    /// In the order of the file.
    pub pins: Vec<Pin>,
    /// Where it is.
    #[serde(skip)]
    pub file: &'a Utf8Path,
}

impl PinsReport<'_> {
    /// Prints it, for a person or as JSON.
    pub fn print(&self, form: OutputForm) {
        if print_if_json(form, self) {
            return;
        }
        let mut text = String::new();
        for pin in &self.pins {
            let current = if self.current == Some(pin.core) { "  (current)" } else { "" };
            let _ = writeln!(text, "{}{}", pin.core.bold(), current.green());
            let plugin = pin.plugin.map_or("core only".to_owned(), |v| format!("plugin {v}"));
            let [node, route, upstream] =
                [&pin.node, &pin.route, &pin.upstream].map(|told| visible::line(told));
            let _ = writeln!(text, "  {plugin}, Node {node}, {route} by {upstream}");
            let day = pin.tested.strftime("%Y-%m-%d %H:%M UTC");
            let _ = writeln!(text, "  passed {} of {}, last on {day}", pin.passed, pin.checks);
            if let Some(bad) = &pin.first_bad {
                let [signature, evidence] =
                    [&bad.signature, &bad.evidence].map(|told| visible::line(told));
                let _ = writeln!(text, "  first bad: {} [{signature}] {evidence}", bad.core);
            }
        }
        if self.pins.is_empty() {
            let _ = writeln!(text, "{} holds no pin yet", self.file);
        }
        terminal::print(text.trim_end());
    }
}
