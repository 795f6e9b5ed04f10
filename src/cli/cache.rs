//! `codexpin cache`.

use super::context::Context;
use super::failure::Failure;
use crate::exit_code::ExitCode;
use crate::prefix::store::DEFAULT_LIMIT_SHOWN;
use crate::report::cache::{Kept, Pruned};
use crate::report::terminal;

#[derive(Debug, clap::Args)]
pub(super) struct Cache {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the scratch prefixes, the one not used for longest first.
    Ls {
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Remove the prefixes not used for longest until the rest fits.
    Prune {
        /// How much may stay, such as 5GB or 0.
        #[arg(long, value_name = "SIZE", value_parser = bytes, default_value = DEFAULT_LIMIT_SHOWN)]
        limit: u64,
    },
    /// Print the cache directory.
    Path,
}

impl Cache {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, Failure> {
        match self.action {
            Action::Path => terminal::print(context.directories.cache.as_str()),
            Action::Ls { json } => {
                let (_, store) = context.workshop().await?;
                Kept { prefixes: store.list().await?, directory: context.directories.prefixes() }
                    .print(json);
            }
            Action::Prune { limit } => {
                let (_, store) = context.workshop().await?;
                let removed = store.prune(limit).await?;
                let kept = store.list().await?;
                Pruned { removed, kept }.print();
            }
        }
        Ok(ExitCode::Success)
    }
}

/// A size as people write it: `15GB`, `500 MB`, `0`. Decimal units.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let error =
        || format!("`{text}` is no size: expected a number with B, kB, MB, GB or TB, such as 5GB");
    let text = text.trim();
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let factor: f64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        _ => return Err(error()),
    };
    let number: f64 = number.parse().map_err(|_| error())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a non-negative size, saturating"
    )]
    Ok((number * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;
    use crate::prefix::store::{DEFAULT_LIMIT, DEFAULT_LIMIT_SHOWN};

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in [("0", 0), ("5GB", 5_000_000_000), ("1.5 mb", 1_500_000), ("12", 12)] {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        assert_eq!(bytes(DEFAULT_LIMIT_SHOWN), Ok(DEFAULT_LIMIT));
        for text in ["", "GB", "5 parsecs", "-1GB"] {
            assert!(bytes(text).unwrap_err().contains("is no size"), "{text}");
        }
    }
}
