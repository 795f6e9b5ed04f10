//! What is kept on disk.

use std::fmt::Write as _;

use camino::Utf8PathBuf;
use indicatif::DecimalBytes;
use serde::Serialize;

use super::{OutputForm, counted, print_if_json, terminal};
use crate::prefix::{PackageUse, store};

/// The prefixes on disk.
#[derive(Debug, Serialize)]
pub struct CacheReport {
    /// The one not used for longest first.
    pub prefixes: Vec<store::PrefixListing>,
    /// The packages that they share.
    pub packages: PackageUse,
    /// Where they are.
    pub directory: Utf8PathBuf,
}

impl CacheReport {
    /// Prints them, for a person or as JSON.
    pub fn print(&self, form: OutputForm) {
        if print_if_json(form, self) {
            return;
        }
        let mut text = String::new();
        for prefix in &self.prefixes {
            let state = if prefix.core.is_none() { "  half made" } else { "" };
            let used = prefix.used.strftime("%Y-%m-%d %H:%M UTC");
            let size = DecimalBytes(prefix.bytes).to_string();
            let _ = writeln!(text, "{used}  {size:>10}  {}{state}", prefix.name);
        }
        let _ = write!(text, "{} in {}", total(&self.prefixes), self.directory);
        let unused = self.packages.unused_bytes;
        if unused > 0 {
            let unused = DecimalBytes(unused);
            let _ = write!(text, "\n{unused} of packages that none of them has: cache prune");
        }
        terminal::print(&text);
    }
}

/// What a pruning did.
#[derive(Debug)]
pub struct PruneReport {
    /// What is gone.
    pub removed: Vec<store::PrefixListing>,
    /// What is left.
    pub kept: Vec<store::PrefixListing>,
}

impl PruneReport {
    /// Prints it.
    pub fn print(&self) {
        for prefix in &self.removed {
            terminal::print(&format!("removed {}", prefix.name));
        }
        terminal::print(&format!("{} left", total(&self.kept)));
    }
}

fn total(prefixes: &[store::PrefixListing]) -> String {
    let bytes: u64 = prefixes.iter().map(|prefix| prefix.bytes).sum();
    format!("{}, {}", counted(prefixes.len(), "prefix", "prefixes"), DecimalBytes(bytes))
}
