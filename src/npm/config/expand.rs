//! `${NAME}` in keys and values, as `@npmcli/config` replaces it.

use std::collections::BTreeMap;

/// A text with its variables put in, and those that were not set.
pub(super) struct Expansion {
    pub text: String,
    /// Names that stayed as `${NAME}` because the environment does not have them.
    pub unset: Vec<String>,
}

/// Replaces `${NAME}` by the variable, `${NAME?}` by the variable or nothing.
///
/// A name that is not set stays as it is written, and an odd number of
/// backslashes in front keeps the whole from being replaced.
pub(super) fn expand(text: &str, env: &BTreeMap<String, String>) -> Expansion {
    let mut out = Expansion { text: String::with_capacity(text.len()), unset: Vec::new() };
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, at) = rest.split_at(start);
        let Some((name, optional, length)) = name(at) else {
            // Not a variable: go on behind the dollar sign.
            out.text.push_str(before);
            out.text.push('$');
            rest = &at[1..];
            continue;
        };
        let plain = before.trim_end_matches('\\');
        let backslashes = before.len() - plain.len();
        out.text.push_str(plain);
        out.text.push_str(&"\\".repeat(backslashes / 2));
        if backslashes % 2 == 1 {
            out.text.push_str(&at[..length]);
        } else if let Some(value) = env.get(name) {
            out.text.push_str(value);
        } else if !optional {
            out.text.push_str(&at[..length]);
            out.unset.push(name.to_owned());
        }
        rest = &at[length..];
    }
    out.text.push_str(rest);
    out
}

/// The name at the head of `${NAME}...`, whether it is optional, and the length of the whole.
fn name(text: &str) -> Option<(&str, bool, usize)> {
    let body = text.strip_prefix("${")?;
    let end = body.find(['$', '{', '}', '?'])?;
    let (name, tail) = body.split_at(end);
    let optional = tail.starts_with("?}");
    let closed = optional || tail.starts_with('}');
    let length = 2 + end + if optional { 2 } else { 1 };
    (closed && !name.is_empty()).then_some((name, optional, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_as_npm_replaces_them() {
        let env = BTreeMap::from([
            ("A".to_owned(), "one".to_owned()),
            ("EMPTY".to_owned(), String::new()),
        ]);
        for (text, expanded) in [
            ("${A}", "one"),
            ("x${A}y${A?}z", "xoneyonez"),
            ("${NONE}", "${NONE}"),
            ("${NONE?}", ""),
            ("${EMPTY}.", "."),
            (r"\${A}", "${A}"),
            (r"\\${A}", r"\one"),
            (r"\\\${A}", r"\${A}"),
            ("$A ${} ${A", "$A ${} ${A"),
            ("${${A}}", "${one}"),
            ("plain", "plain"),
        ] {
            assert_eq!(expand(text, &env).text, expanded, "{text}");
        }
        assert_eq!(expand("${NONE}${A}${OTHER?}", &env).unset, ["NONE"]);
    }
}
