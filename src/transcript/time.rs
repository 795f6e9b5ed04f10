//! A time at the beginning of a text, in the forms in which logs have it.

use std::sync::LazyLock;

use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use regex::{Captures, Regex};

use super::pattern::pattern;

/// What a time that says neither its year nor its zone is read by.
#[derive(Debug, Clone)]
pub struct LogClock {
    /// Nothing was written later than this.
    pub now: Timestamp,
    /// The zone of times that name none: journald writes those of its machine.
    pub zone: TimeZone,
}

impl LogClock {
    /// A clock that goes by UTC.
    pub fn utc(now: Timestamp) -> Self {
        Self { now, zone: TimeZone::UTC }
    }
}

impl Default for LogClock {
    /// For what makes no use of times.
    fn default() -> Self {
        Self::utc(Timestamp::UNIX_EPOCH)
    }
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Names of zones that mean one thing only.
const ZONES: [(&str, i8); 12] = [
    ("UTC", 0),
    ("GMT", 0),
    ("CET", 1),
    ("CEST", 2),
    ("EET", 2),
    ("EST", -5),
    ("EDT", -4),
    ("CDT", -5),
    ("PST", -8),
    ("PDT", -7),
    ("JST", 9),
    ("KST", 9),
];

static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(concat!(
        r"^[\[(]?(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?",
        r"(?:(?P<y>\d{4})[-/](?P<m>\d\d)[-/](?P<d>\d\d)[T ]",
        r"|(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +(?P<day>\d{1,2}) +",
        r"(?:(?P<year>\d{4}) +)?)?",
        r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?",
        r"(?: (?P<later_year>20\d\d))?",
        r"(?: ?(?P<offset>Z|[+-]\d\d(?::?\d\d)?)| (?P<zone>UTC|GMT|CES?T|EET|E[SD]T|CDT|P[SD]T|[JK]ST))?",
        r"[\])]?[:,]?(?:\s+|$)",
    ))
});
static EPOCH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^(?P<seconds>1\d{9})\.(?P<fraction>\d{3,9})\s+"));

/// A time is at its end within so many bytes; a long line is not looked through.
const LONGEST: usize = 80;

/// The time at the beginning of a text, and what is after it.
pub(super) fn leading<'a>(text: &'a str, clock: &LogClock) -> Option<(Timestamp, &'a str)> {
    let first = *text.as_bytes().first()?;
    if !(first.is_ascii_digit() || first == b'[' || first == b'(' || first.is_ascii_uppercase()) {
        return None;
    }
    if let Some((at, rest)) = rfc3339(text) {
        return Some((at, rest));
    }
    let head = &text[..text.floor_char_boundary(LONGEST.min(text.len()))];
    if let Some(found) = TIME.captures(head) {
        let at = instant(&found, clock)?;
        return Some((at, &text[found.get(0)?.end()..]));
    }
    let found = EPOCH.captures(head)?;
    let seconds: i64 = found["seconds"].parse().ok()?;
    let at = Timestamp::new(seconds, nanoseconds(&found["fraction"])).ok()?;
    Some((at, &text[found.get(0)?.end()..]))
}

/// The form that nearly every line of a large log has; the others are looked for after it.
fn rfc3339(text: &str) -> Option<(Timestamp, &str)> {
    const SHORTEST: usize = "2026-11-21T08:04:18Z".len();
    let bytes = text.as_bytes();
    let is_shaped = bytes.len() > SHORTEST && bytes[4] == b'-' && bytes[10] == b'T';
    let (word, rest) = is_shaped.then(|| text.split_once(' '))??;
    Some((word.parse().ok()?, rest.trim_start()))
}

/// A time that is a whole field: RFC 3339, or any of the forms above.
pub(super) fn field(text: &str, clock: &LogClock) -> Option<Timestamp> {
    text.parse().ok().or_else(|| leading(text, clock).map(|(at, _)| at))
}

fn nanoseconds(fraction: &str) -> i32 {
    format!("{fraction:0<9}").parse().unwrap_or(0)
}

fn instant(found: &Captures<'_>, clock: &LogClock) -> Option<Timestamp> {
    let number = |name: &str| found.name(name).and_then(|part| part.as_str().parse::<i8>().ok());
    let year = ["y", "year", "later_year"].iter().find_map(|name| found.name(name));
    let year = year.and_then(|year| year.as_str().parse::<i16>().ok());
    let fraction = found.name("fraction").map_or(0, |part| nanoseconds(part.as_str()));
    let time =
        Time::new(number("hour")?, number("minute")?, number("second")?.min(59), fraction).ok()?;
    let month = found.name("month").and_then(|month| {
        let place = MONTHS.iter().position(|name| *name == month.as_str())?;
        i8::try_from(place + 1).ok()
    });
    let (month, day) = (month.or(number("m")), number("d").or(number("day")));
    let zone = zone(found).unwrap_or_else(|| clock.zone.clone());
    let at = |date: Date| zone.to_timestamp(date.to_datetime(time)).ok();
    let today = || clock.now.to_zoned(zone.clone()).date();
    // What says no year, or no day, was written last at that day or time of day.
    let tomorrow = clock.now.checked_add(SignedDuration::from_hours(24)).unwrap_or(clock.now);
    match (year, month, day) {
        (Some(year), Some(month), Some(day)) => at(Date::new(year, month, day).ok()?),
        (None, Some(month), Some(day)) => {
            let this_year = at(Date::new(today().year(), month, day).ok()?);
            match this_year {
                Some(at) if at <= tomorrow => Some(at),
                _ => at(Date::new(today().year() - 1, month, day).ok()?),
            }
        }
        _ => {
            let this_day = at(today())?;
            if this_day <= clock.now { Some(this_day) } else { at(today().yesterday().ok()?) }
        }
    }
}

fn zone(found: &Captures<'_>) -> Option<TimeZone> {
    if let Some(name) = found.name("zone") {
        let hours = ZONES.iter().find(|(zone, _)| *zone == name.as_str())?.1;
        return Some(TimeZone::fixed(Offset::constant(hours)));
    }
    let offset = found.name("offset")?.as_str();
    let Some(digits) = offset.strip_prefix(['+', '-']) else { return Some(TimeZone::UTC) };
    let digits = digits.replace(':', "");
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..4).map_or(Ok(0), str::parse).ok()?;
    let seconds = (hours * 60 + minutes) * 60;
    let seconds = if offset.starts_with('-') { -seconds } else { seconds };
    Offset::from_seconds(seconds).ok().map(TimeZone::fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_in_every_form_in_which_logs_have_it() {
        let clock = LogClock::utc("2026-11-24T12:00:00Z".parse().unwrap());
        for (text, at) in [
            ("2026-11-21T08:04:18Z x", "2026-11-21T08:04:18Z"),
            ("2026-11-21T08:04:18.250+02:00 x", "2026-11-21T06:04:18.25Z"),
            ("2026-11-21T08:04:18+0200 x", "2026-11-21T06:04:18Z"),
            ("[2026-11-21 08:04:18] x", "2026-11-21T08:04:18Z"),
            ("2026-11-21 08:04:18,123 x", "2026-11-21T08:04:18.123Z"),
            ("2026/11/21 08:04:18 x", "2026-11-21T08:04:18Z"),
            ("2026-11-21 08:04:18 UTC x", "2026-11-21T08:04:18Z"),
            ("Sat 2026-11-21 08:04:18 CET x", "2026-11-21T07:04:18Z"),
            ("Nov 21 08:04:18 x", "2026-11-21T08:04:18Z"),
            ("Nov  1 08:04:18.5 x", "2026-11-01T08:04:18.5Z"),
            ("Dec 31 08:04:18 x", "2025-12-31T08:04:18Z"),
            ("[Thu Mar  5 08:23:05 2026] x", "2026-03-05T08:23:05Z"),
            ("08:04:18+00:00 x", "2026-11-24T08:04:18Z"),
            ("14:04:18 x", "2026-11-23T14:04:18Z"),
            ("1795248258.250000 x", "2026-11-21T08:04:18.25Z"),
        ] {
            let (read, rest) = leading(text, &clock).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((read.to_string().as_str(), rest), (at, "x"), "{text}");
        }
        for text in ["403 <html", "[gateway] ready", "Mark 21", "", "2026-13-41T08:04:18Z x", "é"]
        {
            assert!(leading(text, &clock).is_none(), "{text}");
        }
    }
}
