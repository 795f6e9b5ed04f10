//! How far back to look: `2h`, `30m`, `3d`, or a time.

use jiff::{Span, Timestamp};

/// It is neither a duration nor a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a duration such as 2h or 3d nor a time such as 2026-11-21T08:00:00Z")]
pub struct SinceError(String);

/// The moment that is meant, seen from `now`. A day has 24 hours.
pub fn since(text: &str, now: Timestamp) -> Result<Timestamp, SinceError> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let wrong = || SinceError(text.to_owned());
    let span: Span = text.parse().map_err(|_| wrong())?;
    let duration =
        span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    now.checked_sub(duration.abs()).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times_are_understood() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (text, at) in [
            ("2h", "2026-11-21T10:00:00Z"),
            ("90m", "2026-11-21T10:30:00Z"),
            ("2 hours ago", "2026-11-21T10:00:00Z"),
            ("-2h", "2026-11-21T10:00:00Z"),
            ("1d", "2026-11-20T12:00:00Z"),
            ("2026-11-21T08:00:00Z", "2026-11-21T08:00:00Z"),
        ] {
            assert_eq!(since(text, now).unwrap().to_string(), at, "{text}");
        }
        for text in ["", "yesterday", "2", "99999999999h"] {
            assert!(since(text, now).is_err(), "{text}");
        }
    }
}
