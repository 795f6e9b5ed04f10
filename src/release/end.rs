//! What a person types for a release: a version, a dist-tag, `installed` or a date.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;

use super::version::{Channel, Version};
use crate::explain::{Class, Explain};
use crate::npm::packument::Packument;

/// A release as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// `2026.5.18`.
    Version(Version),
    /// `latest`, `beta` or another dist-tag.
    Tag(String),
    /// The release that this machine runs.
    Installed,
    /// `2026-05-18`: the newest stable release published by the end of that day (UTC).
    Date(Date),
}

/// The text names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndError {
    /// It is none of the forms.
    #[error(
        "`{0}` names no release: expected a version (2026.5.18), a dist-tag (latest, beta), `installed` or a date (2026-05-18)"
    )]
    Form(String),
    /// The registry has no such dist-tag.
    #[error("the registry has no dist-tag `{tag}`; it has {known}")]
    NoSuchTag {
        /// What was asked for.
        tag: String,
        /// What there is.
        known: String,
    },
    /// A dist-tag stands for something that is no release.
    #[error(
        "the dist-tag `{tag}` stands for `{version}`, which is not among the registry's releases"
    )]
    OddTag {
        /// The tag.
        tag: String,
        /// What it stands for.
        version: String,
    },
    /// Nothing was published that early, as far as the registry knows.
    #[error("by this registry's dates, no stable release was published by {0}")]
    NothingBy(Date),
    /// No installation was found.
    #[error("no installation of openclaw was found on this machine, so `installed` names nothing")]
    NotInstalled,
}

impl Explain for EndError {
    fn hint(&self) -> Option<String> {
        Some("`codexpin releases` lists what the registry has".to_owned())
    }

    fn class(&self) -> Class {
        Class::Usage
    }
}

impl FromStr for End {
    type Err = EndError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "installed" {
            return Ok(Self::Installed);
        }
        if let Ok(version) = text.parse() {
            return Ok(Self::Version(version));
        }
        if let Ok(date) = text.parse::<Date>() {
            return Ok(Self::Date(date));
        }
        let tag = text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        if tag { Ok(Self::Tag(text.to_owned())) } else { Err(EndError::Form(text.to_owned())) }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(version) => version.fmt(f),
            Self::Tag(tag) => f.write_str(tag),
            Self::Installed => f.write_str("installed"),
            Self::Date(date) => date.fmt(f),
        }
    }
}

impl End {
    /// The release that is meant.
    pub fn resolve(
        &self,
        core: &Packument,
        installed: Option<Version>,
    ) -> Result<Version, EndError> {
        match self {
            Self::Version(version) => Ok(*version),
            Self::Installed => installed.ok_or(EndError::NotInstalled),
            Self::Tag(tag) => {
                let named = core.dist_tags.get(tag).ok_or_else(|| EndError::NoSuchTag {
                    tag: tag.clone(),
                    known: core.dist_tags.keys().cloned().collect::<Vec<_>>().join(", "),
                })?;
                let odd = || EndError::OddTag { tag: tag.clone(), version: named.clone() };
                let version = named.parse().map_err(|_| odd())?;
                if core.releases.contains_key(&version) { Ok(version) } else { Err(odd()) }
            }
            Self::Date(date) => {
                let by = |published: jiff::Timestamp| {
                    published.to_zoned(jiff::tz::TimeZone::UTC).date() <= *date
                };
                let stable = core.releases.values().rev().filter(|manifest| {
                    manifest.version.channel() == Channel::Stable
                        && manifest.published.is_some_and(by)
                });
                stable.map(|m| m.version).next().ok_or(EndError::NothingBy(*date))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packument() -> Packument {
        Packument::from_registry(
            br#"{"name": "openclaw", "dist-tags": {"latest": "2026.5.19", "odd": "0.0.1"},
                 "versions": {"2026.5.18": {}, "2026.5.19": {}, "2026.5.20-beta.1": {}},
                 "time": {"2026.5.18": "2026-05-18T23:00:00Z", "2026.5.19": "2026-05-20T01:00:00Z",
                          "2026.5.20-beta.1": "2026-05-19T00:00:00Z"}}"#,
        )
        .unwrap()
    }

    fn resolve(text: &str) -> Result<String, EndError> {
        let installed = Some("2026.5.18".parse().unwrap());
        Ok(text.parse::<End>()?.resolve(&packument(), installed)?.to_string())
    }

    #[test]
    fn a_release_can_be_named_in_four_ways() {
        for (text, version) in [
            ("2026.5.18", "2026.5.18"),
            ("latest", "2026.5.19"),
            ("installed", "2026.5.18"),
            ("2026-05-18", "2026.5.18"),
            ("2026-05-19", "2026.5.18"),
            ("2026-05-20", "2026.5.19"),
        ] {
            assert_eq!(resolve(text).unwrap(), version, "{text}");
        }
    }

    #[test]
    fn what_names_nothing_is_refused_with_what_there_is() {
        assert_eq!(
            resolve("beta").unwrap_err().to_string(),
            "the registry has no dist-tag `beta`; it has latest, odd"
        );
        assert!(matches!(resolve("odd"), Err(EndError::OddTag { .. })));
        assert!(matches!(resolve("2026-05-17"), Err(EndError::NothingBy(_))));
        assert!(matches!(resolve("2026.5"), Err(EndError::Form(_))));
        assert!(matches!(
            "installed".parse::<End>().unwrap().resolve(&packument(), None),
            Err(EndError::NotInstalled)
        ));
    }
}
