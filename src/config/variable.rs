//! `${NAME}` in a config's strings.
//!
//! Names are `[A-Z_][A-Z0-9_]*`, `$${NAME}` stands for the text `${NAME}`, and
//! an empty variable counts as unset (docs/gateway/configuration-reference.md,
//! "Env var substitution").

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::{Captures, Regex};

#[expect(clippy::unwrap_used, reason = "a constant")]
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\$?)\$\{([A-Z_][A-Z0-9_]*)\}").unwrap());

/// Whether a text names a variable; an escaped name is none.
pub(super) fn refers(text: &str) -> bool {
    REFERENCE.captures_iter(text).any(|found| found[1].is_empty())
}

/// The variables that a text names.
pub(super) fn names(text: &str) -> Vec<String> {
    let found = REFERENCE.captures_iter(text).filter(|found| found[1].is_empty());
    found.map(|found| found[2].to_owned()).collect()
}

/// The text with its variables filled in, written so that `OpenClaw` reads it
/// as that text: what looks like a reference in a value is escaped.
///
/// # Errors
///
/// The name of the first variable that is not set.
pub(super) fn expand(
    text: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Result<Cow<'_, str>, String> {
    let mut unset = None;
    let expanded = REFERENCE.replace_all(text, |found: &Captures<'_>| {
        if !found[1].is_empty() {
            return found[0].to_owned();
        }
        let value = value(&found[2]).filter(|value| !value.is_empty());
        if value.is_none() {
            unset.get_or_insert_with(|| found[2].to_owned());
        }
        REFERENCE.replace_all(&value.unwrap_or_default(), "$$$0").into_owned()
    });
    match unset {
        Some(name) => Err(name),
        None => Ok(expanded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_upper_case_names_are_filled_in_and_escapes_stay() {
        let value = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "B_2" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        for (text, expected) in [
            ("${A}/${B_2}", Ok("one/$${A}")),
            ("$${A} ${a} $A ${2A} ${A", Ok("$${A} ${a} $A ${2A} ${A")),
            ("x${A}y", Ok("xoney")),
            ("${A} ${NO} ${EMPTY}", Err("NO")),
            ("${EMPTY}", Err("EMPTY")),
        ] {
            let expanded = expand(text, value).map(Cow::into_owned);
            assert_eq!(expanded, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
        }
        assert!(refers("a${A}") && !refers("$${A}") && !refers("${a}"));
    }
}
