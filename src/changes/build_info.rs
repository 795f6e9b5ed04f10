//! Which commit a release was built from: `dist/build-info.json`, in every
//! release from 2026.5.12 to 2026.9.5 that was looked at.

use serde::{Deserialize, Serialize};

/// How much of a commit is shown.
const SHORT: usize = 12;

/// What `dist/build-info.json` says, as far as it is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildInfo {
    /// The commit, in full.
    pub commit: String,
    /// When it was built, in the release's own words.
    #[serde(default, alias = "builtAt", skip_serializing_if = "Option::is_none")]
    pub built_at: Option<String>,
}

impl BuildInfo {
    /// Reads `dist/build-info.json`; none where it names no commit.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let info: Self = serde_json::from_slice(text).ok()?;
        let is_hash = (7..=64).contains(&info.commit.len())
            && info.commit.bytes().all(|b| b.is_ascii_hexdigit());
        is_hash.then_some(info)
    }

    /// As much of the commit as tells it from all others.
    pub fn short(&self) -> &str {
        self.commit.get(..SHORT).unwrap_or(&self.commit)
    }
}

/// Where two commits can be looked at side by side. `repository` is that of
/// `package.json`; only GitHub's addresses are known.
pub(super) fn compare_address(
    repository: &str,
    good: &BuildInfo,
    bad: &BuildInfo,
) -> Option<String> {
    let plain = repository.strip_prefix("git+").unwrap_or(repository);
    let plain = plain.strip_suffix(".git").unwrap_or(plain);
    let path = plain.strip_prefix("https://github.com/")?;
    let (owner, name) = path.split_once('/')?;
    let fine = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    (fine(owner) && fine(name)).then(|| {
        format!("https://github.com/{owner}/{name}/compare/{}...{}", good.short(), bad.short())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REAL: &str = r#"{
      "version": "2026.9.5",
      "commit": "ec9c1a13db8938e5a3eaa51fca2e981cde2395a9",
      "builtAt": "2026-09-18T18:51:37.323Z",
      "buildId": "2026.9.5-release-ec9c1a13db89-2026-09-18T18-51-37.323Z"
    }"#;

    #[test]
    fn the_commit_of_a_release_is_read_and_shown_short() {
        let info = BuildInfo::parse(REAL.as_bytes()).unwrap();
        assert_eq!(info.short(), "ec9c1a13db89");
        assert_eq!(info.built_at.as_deref(), Some("2026-09-18T18:51:37.323Z"));
    }

    #[test]
    fn what_is_no_commit_is_not_taken_for_one() {
        for text in ["", "{}", r#"{"commit": "main"}"#, r#"{"commit": null}"#] {
            assert_eq!(BuildInfo::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn two_commits_of_a_github_repository_have_an_address() {
        let info = BuildInfo::parse(REAL.as_bytes()).unwrap();
        assert_eq!(
            compare_address("git+https://github.com/a/b.git", &info, &info).unwrap(),
            "https://github.com/a/b/compare/ec9c1a13db89...ec9c1a13db89"
        );
        for other in
            ["https://example.test/a/b", "https://github.com/a", "https://github.com/a/b/c"]
        {
            assert_eq!(compare_address(other, &info, &info), None, "{other}");
        }
    }
}
