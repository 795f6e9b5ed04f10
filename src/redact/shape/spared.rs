//! What has the shape of a secret and is none.

use super::ShapeMatch;

pub(super) fn never(_: &ShapeMatch<'_>) -> bool {
    false
}

/// Words that follow `token:` in a sentence. Anything else there is masked.
const PROSE: &str = "\
    a an and are auth authentication authorization cannot could credential \
    credentials denied empty error expected expired failed false for forbidden from \
    has header headers in invalid is malformed missing must no none not null ok or \
    present refresh refused required revoked scheme the token tokens true \
    unauthorized undefined unset was";

pub(super) fn is_prose(value: &str) -> bool {
    if !value.contains(char::is_alphanumeric) {
        return true;
    }
    let word = value.trim_end_matches(['.', ':', '!', '?']).to_ascii_lowercase();
    PROSE.split(' ').any(|known| known == word)
}

/// How a credential is meant; it comes before it.
pub(super) fn is_scheme(word: &str) -> bool {
    ["bearer", "basic", "digest", "apikey"].iter().any(|scheme| word.eq_ignore_ascii_case(scheme))
}

/// Harmless values of a field: a count, a word, the name of a variable.
pub(super) fn is_no_secret(&ShapeMatch { name, value, .. }: &ShapeMatch<'_>) -> bool {
    let count = value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit());
    let name = name.to_ascii_lowercase();
    let password = name.starts_with("pass");
    is_variable(value) || (!password && (count || is_prose(value)))
}

/// `$NAME` or `${NAME}`: says where a secret is and not what.
fn is_variable(value: &str) -> bool {
    let Some(name) = value.strip_prefix('$') else { return false };
    let name = name.trim_start_matches('{').trim_end_matches('}');
    let of_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && name.chars().all(of_name)
}

pub(super) fn is_no_account(&ShapeMatch { name, value, .. }: &ShapeMatch<'_>) -> bool {
    if name.is_empty() {
        // Words behind `user-` that happen to be long.
        let of_shape = value.starts_with("user-") || value.starts_with("org-");
        return of_shape
            && value.len() < 24
            && !value.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    }
    is_variable(value) || value == "default" || is_prose(value)
}

/// What is written like an e-mail address: a release, a unit of systemd's, a
/// file, the host of a URL behind a password.
pub(super) fn is_no_address(&ShapeMatch { head, value: address, .. }: &ShapeMatch<'_>) -> bool {
    const UNITS: [&str; 9] =
        ["service", "socket", "timer", "target", "slice", "scope", "mount", "path", "device"];
    const FILES: [&str; 8] = ["js", "mjs", "cjs", "ts", "json", "tgz", "png", "svg"];
    let Some((local, domain)) = address.rsplit_once('@') else { return false };
    let last = domain.rsplit('.').next().unwrap_or_default();
    let of_release = |label: &str| {
        let number = label.trim_start_matches('v').trim_end_matches('x');
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    local == "git"
        || domain.split('.').take(2).all(of_release)
        || head.rsplit_once("://").is_some_and(|(_, before)| before.chars().all(is_of_userinfo))
        || UNITS.contains(&last)
        || FILES.contains(&last)
}

fn is_of_userinfo(c: char) -> bool {
    !c.is_whitespace() && !"/?#\"'<>\\".contains(c)
}
