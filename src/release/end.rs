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
        let meant = match self {
            Self::Form(text) => meant_by(text),
            _ => None,
        };
        Some(meant.unwrap_or_else(|| "`codexpin releases` lists what the registry has".to_owned()))
    }

    fn class(&self) -> Class {
        Class::Usage
    }
}

/// What was probably meant by a text that names no release.
fn meant_by(text: &str) -> Option<String> {
    let bare = text.strip_prefix("openclaw@").unwrap_or(text);
    let bare = bare.strip_prefix(['v', 'V']).unwrap_or(bare);
    if bare != text && bare.parse::<End>().is_ok() {
        return Some(format!("write it as {bare}"));
    }
    let mut parts = text.split('-').map(str::parse::<i16>);
    let (Some(Ok(year)), Some(Ok(month)), Some(Ok(day)), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    Some(format!("write {date} for the date, or {year}.{month}.{day} for the release"))
}

/// What a date as an end was taken for. A registry's dates are its own: those of a
/// mirror can be the days on which it fetched the releases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateReading {
    /// The date.
    pub date: Date,
    /// The release that it stands for.
    pub version: Version,
    /// Two stable releases whose dates run against their order, the older one first.
    pub against_order: Option<(Version, Version)>,
}

impl DateReading {
    /// Says which release the date stands for.
    pub fn note(&self) -> String {
        let Self { date, version, .. } = self;
        format!(
            "{date} stands for {version}, the newest stable release by the end of that day (UTC), by this registry's dates"
        )
    }

    /// Says that the dates are not to be relied upon, where they are not.
    pub fn warning(&self) -> Option<String> {
        let (older, newer) = self.against_order?;
        Some(format!(
            "this registry's dates run against the order of releases ({newer} is dated before {older}): name a release in place of a date"
        ))
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
    /// What a date is taken for; none where the end is no date.
    pub fn date_reading(&self, core: &Packument) -> Option<DateReading> {
        let Self::Date(date) = self else { return None };
        let version = self.resolve(core, None).ok()?;
        let stable = core.releases.values().filter(|m| m.version.channel() == Channel::Stable);
        let dated: Vec<_> = stable.filter_map(|m| Some((m.version, m.published?))).collect();
        let against_order =
            dated.windows(2).find(|pair| pair[0].1 > pair[1].1).map(|pair| (pair[0].0, pair[1].0));
        Some(DateReading { date: *date, version, against_order })
    }

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
    fn a_date_says_what_it_stands_for_and_whether_the_dates_are_in_order() {
        let end: End = "2026-05-18".parse().unwrap();
        let reading = end.date_reading(&packument()).unwrap();
        assert_eq!(reading.version.to_string(), "2026.5.18");
        assert!(reading.note().starts_with("2026-05-18 stands for 2026.5.18"));
        assert_eq!(reading.warning(), None);
        let mirror = Packument::from_registry(
            br#"{"name": "openclaw", "dist-tags": {},
                 "versions": {"2026.5.18": {}, "2026.5.19": {}},
                 "time": {"2026.5.18": "2026-05-20T00:00:00Z", "2026.5.19": "2026-05-18T00:00:00Z"}}"#,
        )
        .unwrap();
        let warning = end.date_reading(&mirror).unwrap().warning().unwrap();
        assert!(warning.contains("2026.5.19 is dated before 2026.5.18"), "{warning}");
        assert_eq!("2026.5.18".parse::<End>().unwrap().date_reading(&mirror), None);
    }

    #[test]
    fn a_slip_in_the_form_is_answered_with_the_right_form() {
        let hint = |text: &str| text.parse::<End>().unwrap_err().hint().unwrap();
        assert_eq!(
            hint("2026-5-18"),
            "write 2026-05-18 for the date, or 2026.5.18 for the release"
        );
        assert_eq!(hint("openclaw@2026.5.18"), "write it as 2026.5.18");
        assert_eq!(hint("openclaw@latest"), "write it as latest");
        assert!(hint("2026.5").contains("codexpin releases"));
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
