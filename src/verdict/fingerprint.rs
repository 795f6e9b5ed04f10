//! What an unknown failure is known by: its best line without what differs from
//! run to run.

use std::sync::LazyLock;

use regex::Regex;
use sha2::{Digest as _, Sha256};

/// Eight hexadecimal digits; the same for lines that differ only in times,
/// numbers, ids, addresses and paths.
pub(super) fn of(line: &str) -> String {
    let digest = Sha256::digest(normalised(line).as_bytes());
    format!("{digest:x}")[..8].to_owned()
}

fn normalised(line: &str) -> String {
    static VARIES: LazyLock<Regex> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "a constant; a test runs it")]
        Regex::new(concat!(
            r"\x1b\[[0-9;]*[A-Za-z]",                                     // colours
            r#"|(?:file|https?|wss?)://[^\s"')]+"#,                       // addresses
            r#"|(?:[A-Za-z]:)?(?:[\\/][\w.@+~\[\]-]+){2,}/?"#,            // paths
            r"|\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b", // UUIDs
            r"|\b(?:codexpin-[A-Za-z0-9]+|[0-9a-fA-F]{7,})\b",            // session names, hashes
            r"|\d+(?:[.:,]\d+)*", // numbers, times, versions
        ))
        .expect("a valid pattern")
    });
    let text = VARIES.replace_all(line, "*");
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_same_failure_at_another_time_has_the_same_fingerprint() {
        let one = "2026-11-21T08:00:00.123Z TypeError: x is not a function at /home/a/b.js:10:2 run=94af5a13-bfef-4192-a612-5708cd9d1ac2";
        let other = "2026-11-22T09:01:10.5Z TypeError: x is not a function at /srv/c/d/e.js:7:91 run=0e667a91-e5a8-4fd8-92dd-b2a17ef1bc1c";
        assert_eq!(of(one), of(other));
        assert_eq!(of(one).len(), 8);
    }

    #[test]
    fn another_failure_has_another_fingerprint() {
        assert_ne!(of("TypeError: x is not a function"), of("TypeError: y is not a function"));
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic_and_numbers_never_matter(line in "\\PC*", a in 0u64.., b in 0u64..) {
            let _ = of(&line);
            prop_assert_eq!(of(&format!("failed after {a} ms")), of(&format!("failed after {b} ms")));
        }
    }
}
