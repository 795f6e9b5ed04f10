//! The code of a service's error: of its body nothing else is fit for a record,
//! the rest can hold account data.

use serde_json::Value;

/// The only error of the `ChatGPT` backend that has a sentence and no code:
/// openclaw issues 67158 and 73242 quote it.
const NOT_SUPPORTED: &str = "not supported when using Codex with a ChatGPT account";

/// `code` or `type` of an error body, where it is a plain word.
pub(super) fn of(body: &Value) -> Option<String> {
    let error = body.get("error").or_else(|| body.get("detail")).unwrap_or(body);
    if error.as_str().is_some_and(|text| text.contains(NOT_SUPPORTED)) {
        return Some("model_not_supported".to_owned());
    }
    let code = ["code", "type"].iter().find_map(|name| error.get(name)?.as_str());
    code.filter(|code| is_word(code)).map(str::to_owned)
}

/// A code as services write them, too short and too plain for a token.
pub(super) fn is_word(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.".contains(c);
    (1..=48).contains(&text.len()) && text.chars().all(plain)
}
