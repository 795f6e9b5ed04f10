//! Packuments on disk, in their short form, with what is needed to ask
//! whether they still hold.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::RegistryError;
use crate::npm::packument::Packument;

/// Counts up when the content of these files changes its meaning.
const FORMAT: u32 = 2;

/// One file of the cache.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CacheEntry {
    format: u32,
    /// What was asked for, without credentials.
    url: String,
    pub fetched_at: Timestamp,
    max_age_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    pub packument: Packument,
}

impl CacheEntry {
    pub(super) fn new(
        url: &Url,
        fetched_at: Timestamp,
        validity: Validity,
        packument: Packument,
    ) -> Self {
        Self {
            format: FORMAT,
            url: url.to_string(),
            fetched_at,
            max_age_seconds: validity.max_age.as_secs(),
            etag: validity.etag,
            last_modified: validity.last_modified,
            packument,
        }
    }

    /// Whether it can be used unasked. A copy from the future, after the clock
    /// was set back, cannot.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.fetched_at);
        u64::try_from(age.as_secs()).is_ok_and(|age| age < self.max_age_seconds)
            && !age.is_negative()
    }

    /// Confirmed by the registry: fresh again from now on.
    pub(super) fn renewed(self, now: Timestamp, validity: Validity) -> Self {
        Self {
            fetched_at: now,
            max_age_seconds: validity.max_age.as_secs(),
            etag: validity.etag.or(self.etag),
            last_modified: validity.last_modified.or(self.last_modified),
            ..self
        }
    }
}

/// What an answer's headers say about how long it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Validity {
    pub max_age: Duration,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// How long an answer without `cache-control` counts as fresh. npm's public
/// registry itself sends `max-age=300` with packuments.
const USUAL_AGE: Duration = Duration::from_mins(5);

impl Validity {
    /// That of an answer that says nothing about it.
    pub(super) fn usual() -> Self {
        Self { max_age: USUAL_AGE, etag: None, last_modified: None }
    }

    pub(super) fn of(headers: &http::HeaderMap) -> Self {
        let text = |name: http::HeaderName| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let age = text(http::header::AGE).and_then(|age| age.trim().parse().ok()).unwrap_or(0);
        let max_age = text(http::header::CACHE_CONTROL).and_then(|control| max_age(&control));
        Self {
            max_age: max_age
                .map_or(USUAL_AGE, |seconds| Duration::from_secs(seconds.saturating_sub(age))),
            etag: text(http::header::ETAG),
            last_modified: text(http::header::LAST_MODIFIED),
        }
    }
}

/// Seconds from `cache-control` (RFC 9111, 5.2.2); `no-cache` and `no-store` are none.
fn max_age(control: &str) -> Option<u64> {
    let mut found = None;
    for directive in control.split(',').map(|part| part.trim().to_ascii_lowercase()) {
        if directive == "no-cache" || directive == "no-store" {
            return Some(0);
        }
        if let Some(seconds) = directive.strip_prefix("max-age=") {
            found = seconds.trim_matches('"').parse().ok().or(found);
        }
    }
    found
}

/// The file of one package from one registry.
pub(super) fn file(directory: &Utf8Path, url: &Url, package: &str) -> Utf8PathBuf {
    use std::fmt::Write as _;
    let mut name = package.trim_start_matches('@').replace('/', "-");
    name.push('-');
    for byte in &Sha256::digest(url.as_str())[..8] {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    directory.join(name + ".json")
}

/// The copy, if there is one that can be read, of this format and from this URL.
pub(super) fn read(file: &Utf8Path, url: &Url) -> Option<CacheEntry> {
    let text = fs_err::read(file).ok()?;
    let copy: CacheEntry = serde_json::from_slice(&text).ok()?;
    (copy.format == FORMAT && copy.url == url.as_str()).then_some(copy)
}

/// Keeps the copy.
pub(super) fn write(file: &Utf8Path, copy: &CacheEntry) -> Result<(), RegistryError> {
    let error = |source| RegistryError::Cache {
        directory: file.parent().unwrap_or(file).to_owned(),
        source,
    };
    let text = serde_json::to_vec(copy).map_err(|e| error(e.into()))?;
    crate::fs::write_atomic(file, &text).map_err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_max_age_is_read_from_the_header_or_is_five_minutes() {
        for (headers, seconds) in [
            (vec![], 300),
            (vec![("cache-control", "public, max-age=60")], 60),
            (vec![("cache-control", "max-age=60"), ("age", "45")], 15),
            (vec![("cache-control", "max-age=60"), ("age", "90")], 0),
            (vec![("cache-control", "no-cache, max-age=60")], 0),
            (vec![("cache-control", "No-Store")], 0),
            (vec![("cache-control", "public")], 300),
            (vec![("cache-control", "max-age=soon")], 300),
        ] {
            let map = headers
                .iter()
                .map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap()))
                .collect::<http::HeaderMap>();
            assert_eq!(Validity::of(&map).max_age.as_secs(), seconds, "{headers:?}");
        }
    }

    #[test]
    fn a_copy_is_fresh_until_its_age_is_over_and_never_from_the_future() {
        let url = "https://registry.example.test/openclaw".parse().unwrap();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let packument = Packument::from_registry(br#"{"versions":{}}"#).unwrap();
        let copy =
            CacheEntry::new(&url, at(1000), Validity::of(&http::HeaderMap::new()), packument);
        for (now, fresh) in [(1000, true), (1299, true), (1300, false), (999, false)] {
            assert_eq!(copy.is_fresh(at(now)), fresh, "{now}");
        }
    }

    #[test]
    fn a_copy_of_another_format_is_no_copy() {
        let guard = tempfile::tempdir().unwrap();
        let directory = Utf8Path::from_path(guard.path()).unwrap();
        let url: Url = "https://registry.example.test/openclaw".parse().unwrap();
        let path = file(directory, &url, "openclaw");
        assert!(path.file_name().unwrap().starts_with("openclaw-"));
        let packument = Packument::from_registry(br#"{"versions":{}}"#).unwrap();
        let validity = Validity::of(&http::HeaderMap::new());
        let mut copy = CacheEntry::new(&url, Timestamp::UNIX_EPOCH, validity, packument);
        write(&path, &copy).unwrap();
        assert!(read(&path, &url).is_some());
        copy.format = FORMAT + 1;
        write(&path, &copy).unwrap();
        assert!(read(&path, &url).is_none());
        fs_err::write(&path, "{\"format\":1").unwrap();
        assert!(read(&path, &url).is_none());
    }
}
