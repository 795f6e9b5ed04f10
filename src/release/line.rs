//! From two ends to the ordered candidates between them.

use super::pairing::Candidate;
use super::version::{Channel, Version};
use crate::explain::{Class, Explain};

/// There is no line between two ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The registry does not have this release.
    #[error("{version} is not in the registry")]
    Unknown {
        /// What was asked for.
        version: Version,
        /// Releases that it has and that are near.
        near: Vec<Version>,
    },
    /// Both ends are the same release.
    #[error("both ends are {version}: there is nothing between a release and itself")]
    SameEnd {
        /// The release.
        version: Version,
    },
    /// The good end is newer than the bad end.
    #[error("the good end {good} is newer than the bad end {bad}")]
    WrongOrder {
        /// The end said to be good.
        good: Version,
        /// The end said to be bad.
        bad: Version,
    },
}

impl Explain for LineError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near, .. } if near.is_empty() => None,
            Self::Unknown { near, .. } => {
                let near: Vec<_> = near.iter().map(ToString::to_string).collect();
                Some(format!("near it are {}; `codexpin releases` lists all", near.join(", ")))
            }
            Self::SameEnd { version } => {
                Some(format!("`codexpin check {version}` asks this one release for a reply"))
            }
            Self::WrongOrder { good, bad } => Some(format!(
                "`codexpin bisect {bad} {good}` finds the first release between them that does not answer,\n      `codexpin bisect {bad} {good} --find-fix` the first one that answers again"
            )),
        }
    }

    fn class(&self) -> Class {
        Class::Usage
    }
}

/// The candidate with this version.
pub fn find(candidates: &[Candidate], version: Version) -> Result<&Candidate, LineError> {
    let found = candidates.iter().find(|candidate| candidate.core == version);
    found.ok_or_else(|| LineError::Unknown { version, near: near(candidates, version) })
}

/// The line from `good` to `bad`, both included: stable releases and their
/// corrections, betas where `betas` says so.
///
/// An extended-stable line branches off its month's stable line and is left out
/// of a line that only passes by. Where an end is on one, the line goes through
/// the branch point, the month's last ordinary release.
pub fn between(
    candidates: &[Candidate],
    good: Version,
    bad: Version,
    betas: bool,
) -> Result<Vec<Candidate>, LineError> {
    find(candidates, good)?;
    find(candidates, bad)?;
    if good == bad {
        return Err(LineError::SameEnd { version: good });
    }
    if good > bad {
        return Err(LineError::WrongOrder { good, bad });
    }
    let wanted = |version: Version| {
        version == good
            || version == bad
            || version.channel() == Channel::Stable
            || (betas && version.channel() == Channel::Beta)
            || (version.channel() == Channel::Extended)
    };
    let mut versions: Vec<Version> =
        candidates.iter().map(|c| c.core).filter(|version| wanted(*version)).collect();
    versions.sort();
    let path = path(&versions, good, bad);
    Ok(path.into_iter().filter_map(|version| find(candidates, version).ok()).cloned().collect())
}

fn path(versions: &[Version], good: Version, bad: Version) -> Vec<Version> {
    let one_branch = good.is_extended() && bad.is_extended() && good.same_month(bad);
    if one_branch {
        let on_it = |v: &&Version| v.is_extended() && (good..=bad).contains(*v);
        return versions.iter().filter(on_it).copied().collect();
    }
    // The line runs down the good end's branch, along the main line, and up the bad end's
    // branch.
    let branch = |end: Version| {
        let of_end = move |v: &&Version| v.is_extended() && v.same_month(end) && **v <= end;
        versions.iter().filter(of_end).copied().collect::<Vec<_>>()
    };
    let mut line: Vec<Version> = Vec::new();
    let mut from = good;
    if good.is_extended() {
        line.extend(branch(good).into_iter().rev());
        let before = |v: &&Version| !v.is_extended() && v.same_month(good);
        from = versions.iter().rev().find(before).copied().unwrap_or(good);
    }
    let main = |v: &&Version| !v.is_extended() && (from..=bad).contains(*v);
    line.extend(versions.iter().filter(main));
    if bad.is_extended() {
        line.extend(branch(bad));
    }
    line
}

/// Its neighbours in the order of releases, two on each side. Those of the same
/// channel; of a PATCH that no release has, such as 2026.5.91, those of the stable
/// line: it is a typing mistake rather than an extended release.
fn near(candidates: &[Candidate], version: Version) -> Vec<Version> {
    let of = |channel: Channel| {
        let all = candidates.iter().map(|candidate| candidate.core);
        let mut versions: Vec<Version> = all.filter(|v| v.channel() == channel).collect();
        versions.sort();
        versions
    };
    let extended = of(version.channel());
    let has_line = !version.is_extended() || extended.iter().any(|known| known.same_month(version));
    let versions = if has_line { extended } else { of(Channel::Stable) };
    let after = versions.partition_point(|known| *known < version);
    versions[after.saturating_sub(2)..(after + 2).min(versions.len())].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate> {
        let versions = "2026.5.12 2026.5.18 2026.5.19 2026.5.31-beta.1 2026.6.1-beta.1 2026.6.1 \
                        2026.6.11 2026.6.33 2026.6.34 2026.7.1 2026.7.1-1 2026.7.1-2 2026.7.33 2026.8.1";
        let candidate = |text: &str| Candidate {
            core: text.parse().unwrap(),
            core_integrity: None,
            node: None,
            plugin: None,
        };
        versions.split_whitespace().map(candidate).collect()
    }

    fn line(good: &str, bad: &str, betas: bool) -> Result<String, LineError> {
        let line = between(&candidates(), good.parse().unwrap(), bad.parse().unwrap(), betas)?;
        Ok(line.iter().map(|c| c.core.to_string()).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn a_line_holds_stable_releases_and_corrections() {
        assert_eq!(
            line("2026.5.19", "2026.8.1", false).unwrap(),
            "2026.5.19 2026.6.1 2026.6.11 2026.7.1 2026.7.1-1 2026.7.1-2 2026.8.1"
        );
    }

    #[test]
    fn betas_come_in_when_asked_for_and_as_ends() {
        assert_eq!(
            line("2026.5.19", "2026.6.1", true).unwrap(),
            "2026.5.19 2026.5.31-beta.1 2026.6.1-beta.1 2026.6.1"
        );
        assert_eq!(
            line("2026.5.19", "2026.6.1-beta.1", false).unwrap(),
            "2026.5.19 2026.6.1-beta.1"
        );
    }

    #[test]
    fn an_end_on_an_extended_line_goes_through_the_branch_point() {
        assert_eq!(
            line("2026.5.19", "2026.6.34", false).unwrap(),
            "2026.5.19 2026.6.1 2026.6.11 2026.6.33 2026.6.34"
        );
        assert_eq!(line("2026.6.33", "2026.6.34", false).unwrap(), "2026.6.33 2026.6.34");
        assert_eq!(
            line("2026.6.34", "2026.7.33", false).unwrap(),
            "2026.6.34 2026.6.33 2026.6.11 2026.7.1 2026.7.1-1 2026.7.1-2 2026.7.33"
        );
    }

    #[test]
    fn a_line_that_cannot_be_is_refused_with_the_way_out() {
        let unknown = line("2026.5.17", "2026.6.1", false).unwrap_err();
        assert_eq!(unknown.to_string(), "2026.5.17 is not in the registry");
        assert_eq!(
            unknown.hint().unwrap(),
            "near it are 2026.5.12, 2026.5.18, 2026.5.19; `codexpin releases` lists all"
        );
        let slip = line("2026.5.91", "2026.6.1", false).unwrap_err();
        assert_eq!(
            slip.hint().unwrap(),
            "near it are 2026.5.18, 2026.5.19, 2026.6.1, 2026.6.11; `codexpin releases` lists all"
        );
        let order = line("2026.6.1", "2026.5.18", false).unwrap_err();
        assert_eq!(order.to_string(), "the good end 2026.6.1 is newer than the bad end 2026.5.18");
        assert!(order.hint().unwrap().contains("codexpin bisect 2026.5.18 2026.6.1"));
        assert!(matches!(line("2026.6.1", "2026.6.1", false), Err(LineError::SameEnd { .. })));
    }
}
