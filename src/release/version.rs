//! `OpenClaw`'s calendar version: `YYYY.M.PATCH`, with betas before their
//! release and corrections after it. The only place that orders releases.
//!
//! Semver would put the correction `2026.7.1-2` before `2026.7.1`; the releases
//! themselves are published the other way round.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// From this PATCH on, a release belongs to the month's extended-stable line.
pub const FIRST_EXTENDED_PATCH: u16 = 33;

/// One release's version. The derived order is the order of releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    year: u16,
    month: u8,
    patch: u16,
    tail: Suffix,
}

/// What stands behind `YYYY.M.PATCH`. The order of the variants is the order of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Suffix {
    Alpha(u32),
    Beta(u32),
    Release,
    Correction(u32),
}

/// Which stream of releases a version belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// Releases and their corrections.
    Stable,
    /// `-alpha.N` and `-beta.N`.
    Beta,
    /// PATCH of 33 and more: a month's stable line, kept alive beside newer months.
    Extended,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::Extended => "extended",
        })
    }
}

impl Version {
    /// The release of this number.
    pub(crate) const fn release(year: u16, month: u8, patch: u16) -> Self {
        Self { year, month, patch, tail: Suffix::Release }
    }

    /// Where the prereleases of this number begin: before every alpha and beta of it.
    pub(crate) const fn prereleases_of(year: u16, month: u8, patch: u16) -> Self {
        Self { year, month, patch, tail: Suffix::Alpha(0) }
    }

    /// A beta of this number.
    pub(crate) const fn beta(year: u16, month: u8, patch: u16, number: u32) -> Self {
        Self { year, month, patch, tail: Suffix::Beta(number) }
    }

    /// The channel that this version was published for.
    pub fn channel(self) -> Channel {
        match self.tail {
            Suffix::Alpha(_) | Suffix::Beta(_) => Channel::Beta,
            Suffix::Release | Suffix::Correction(_) if self.patch >= FIRST_EXTENDED_PATCH => {
                Channel::Extended
            }
            Suffix::Release | Suffix::Correction(_) => Channel::Stable,
        }
    }

    /// Whether PATCH puts this version (a beta of it, too) on an extended-stable line.
    pub fn is_extended(self) -> bool {
        self.patch >= FIRST_EXTENDED_PATCH
    }

    /// Whether this is a correction (`-N`) of a release.
    pub fn is_correction(self) -> bool {
        matches!(self.tail, Suffix::Correction(_))
    }

    /// The release that this one corrects or leads to: `2026.7.1` for `2026.7.1-2`.
    #[must_use]
    pub fn base(self) -> Self {
        Self { tail: Suffix::Release, ..self }
    }

    /// Whether both belong to the same month: `2026.6.11` and `2026.6.33` do.
    pub fn same_month(self, other: Self) -> bool {
        (self.year, self.month) == (other.year, other.month)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = format_args!("{}.{}.{}", self.year, self.month, self.patch).to_string();
        f.pad(&match self.tail {
            Suffix::Alpha(n) => format!("{base}-alpha.{n}"),
            Suffix::Beta(n) => format!("{base}-beta.{n}"),
            Suffix::Release => base,
            Suffix::Correction(n) => format!("{base}-{n}"),
        })
    }
}

/// The text is no calendar version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a release: expected YYYY.M.PATCH, such as 2026.5.18, 2026.7.1-2 or 2026.6.1-beta.3"
)]
pub struct ParseVersionError(pub String);

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseVersionError(text.to_owned());
        let plain = text.strip_prefix('v').unwrap_or(text);
        let (base, tail) = match plain.split_once('-') {
            None => (plain, Suffix::Release),
            Some((base, tail)) => {
                let tail = if let Some(n) = tail.strip_prefix("alpha.") {
                    Suffix::Alpha(number(n).ok_or_else(error)?)
                } else if let Some(n) = tail.strip_prefix("beta.") {
                    Suffix::Beta(number(n).ok_or_else(error)?)
                } else {
                    Suffix::Correction(number(tail).ok_or_else(error)?)
                };
                (base, tail)
            }
        };
        let mut parts = base.split('.');
        let (Some(year), Some(month), Some(patch), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error());
        };
        let year: u16 = number(year).ok_or_else(error)?;
        let month: u8 = number(month).ok_or_else(error)?;
        let patch: u16 = number(patch).ok_or_else(error)?;
        if year < 2000 || !(1..=12).contains(&month) {
            return Err(error());
        }
        Ok(Self { year, month, patch, tail })
    }
}

/// A decimal number as a version writes it: digits only, no sign, no leading zero.
fn number<N: FromStr>(text: &str) -> Option<N> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if digits && canonical { text.parse().ok() } else { None }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn corrections_come_after_their_release_and_betas_before_it() {
        let in_order = [
            "2026.2.2-beta.1",
            "2026.2.2",
            "2026.2.2-3",
            "2026.5.31-beta.4",
            "2026.6.1-alpha.9",
            "2026.6.1-beta.2",
            "2026.6.1-beta.10",
            "2026.6.1",
            "2026.6.11",
            "2026.7.1",
            "2026.7.1-1",
            "2026.7.1-2",
            "2026.7.1-10",
            "2026.7.2-beta.1",
            "2026.10.1",
        ];
        let mut shuffled: Vec<_> = in_order.iter().rev().map(|v| version(v)).collect();
        shuffled.sort();
        assert_eq!(shuffled.iter().map(ToString::to_string).collect::<Vec<_>>(), in_order);
    }

    #[test]
    fn channels_follow_the_tail_and_the_patch() {
        for (text, channel) in [
            ("2026.5.18", Channel::Stable),
            ("2026.7.1-2", Channel::Stable),
            ("2026.6.1-beta.3", Channel::Beta),
            ("2026.6.1-alpha.1", Channel::Beta),
            ("2026.6.33", Channel::Extended),
            ("2026.6.33-1", Channel::Extended),
        ] {
            assert_eq!(version(text).channel(), channel, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_calendar_version_is_refused_by_name() {
        for text in [
            "",
            "latest",
            "0.0.1",
            "2026.5",
            "2026.13.1",
            "2026.0.1",
            "2026.5.18.1",
            "2026.05.18",
            "2026.5.18-",
            "2026.5.18-beta",
            "2026.5.18-rc.1",
            "2026.5.+18",
            "2026.5.18-01",
            "99999.1.1",
        ] {
            let error = text.parse::<Version>().unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("`{text}` is not a release")),
                "{error}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_version_reads_back_as_it_is_written(
            year in 2000u16..2100, month in 1u8..=12, patch in 0u16..100, kind in 0u8..4, n in 0u32..50
        ) {
            let tail = match kind {
                0 => Suffix::Alpha(n),
                1 => Suffix::Beta(n),
                2 => Suffix::Release,
                _ => Suffix::Correction(n),
            };
            let written = Version { year, month, patch, tail };
            prop_assert_eq!(version(&written.to_string()), written);
        }
    }
}
