//! What a secret looks like.

use super::super::{ACCOUNT, ADDRESS, MAIL, TOKEN, USER};
use super::Shape;
use super::spared::{is_no_account, is_no_address, is_no_secret, is_prose, is_scheme, never};

/// Names of fields that hold credentials, whatever is before them:
/// `refresh_token`, `_authToken`, `OPENAI_API_KEY`, `client_secret`.
macro_rules! secret_names {
    () => {
        "(?i-u:token|api[_-]?key|secret(?:[_-]?(?:access[_-]?)?key)?|passw(?:or)?d|passphrase\
         |private[_-]?key|code[_-]?verifier|client[_-]?assertion|\\b_auth)"
    };
}

/// Names of fields that say whose account it is.
macro_rules! account_names {
    () => {
        "(?i-u:account[_-]?(?:user[_-]?)?id|chatgpt[_-]?user[_-]?id|user[_-]?id\
         |org(?:anization)?[_-]?id|workspace[_-]?id)"
    };
}

/// A field with its value, as JSON, as JSON in a string of JSON, and as scripts,
/// headers and configuration files have it. No value goes beyond a quote, or what
/// is JSON would be so no more.
macro_rules! field {
    ($($names:tt)*) => {
        concat!(
            $($names)*,
            "(?:",
            r#""[ \t]*:[ \t]*"((?:[^"\\\n]|\\[^\n])+)"#,
            "|",
            r#"\\"[ \t]*:[ \t]*\\"((?:[^"\\\n]|\\\\\\\\|\\\\\\"|\\\\[^"\\\n])+)"#,
            "|",
            r#"\\*"[ \t]*:[ \t]*([0-9][^\s",}\]\\]*)"#,
            "|",
            r#"\\{2,}"[ \t]*:[ \t]*\\+"([^"\\\n]+)"#,
            "|",
            r"'?[ \t]*(?:=>|[:=])[ \t]*",
            r#"(?:\\*'([^'"\\\n]+)|\\+"([^"\\\n]+)|"([^"\\\n,}\]:\s][^"\\\n]*)"#,
            r#"|([^\s"'\\,;:=>\[\](){}&<][^\s"'\\,;<>&)}\]]*))"#,
            ")"
        )
    };
}

/// The names of URL parameters that hold credentials. Broad on
/// purpose: a masked harmless value costs nothing.
macro_rules! parameter_names {
    () => {
        "(?i-u:[a-z0-9_.~-]*(?:token|secret|passw|key|auth|verifier|assertion|signature|session)\
         [a-z0-9_.~-]*|code|state|sig|jwt)"
    };
}

pub(super) const SECRETS: [Shape; 12] = [
    Shape {
        pattern: r#"://([^\s/?#"'<>\\]+)@"#,
        mask: TOKEN,
        spared: |found| found.value == "git",
    },
    Shape {
        pattern: concat!(
            r"(?-u:\b)eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)*",
            r"|eyJ[A-Za-z0-9_-]*\.eyJ[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*",
            // One that was cut short.
            r"|(?-u:\b)eyJ[A-Za-z0-9_-]{16,}",
        ),
        mask: TOKEN,
        // Hashes in base64 may have such letters.
        spared: |found| !found.value.contains('.') && found.head.ends_with(['/', '+']),
    },
    Shape {
        pattern: concat!(
            r"(?:(?-u:\b)|_|bot)(",
            r"sk-[A-Za-z0-9_-]{6,}",
            r"|rt_[A-Za-z0-9][A-Za-z0-9._-]{5,}|rt\.[0-9]+\.[A-Za-z0-9._-]{8,}",
            r"|npm_[A-Za-z0-9]{16,}",
            r"|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_-]{16,}",
            r"|xox[abeoprs]-[A-Za-z0-9-]{10,}|AIza[A-Za-z0-9_-]{30,}|AKIA[A-Z0-9]{16}",
            // A bot of Telegram's.
            r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}",
            r")",
        ),
        mask: TOKEN,
        // A system call.
        spared: |found| found.value.starts_with("rt_sig"),
    },
    Shape { pattern: field!(secret_names!()), mask: TOKEN, spared: is_no_secret },
    Shape {
        pattern: r#"(?i-u:\bbearer)(?:(?:[ \t]|%20)+(?i-u:bearer))*(?:[ \t]|%20)+["']?([A-Za-z0-9._~+/=-]+)"#,
        mask: TOKEN,
        spared: |found| is_prose(found.value) || found.value.ends_with('='),
    },
    Shape {
        pattern: concat!(
            r#"(?i-u:authorization)(?:\\*["'])?[ \t]*[:=][ \t]*(?:\\*["'])?"#,
            r"(?i-u:(?:bearer|basic|token|digest|apikey|key|bot|oauth|dpop|negotiate|ntlm|hawk|signature)[ \t]+)?",
            r#"([^\s"'\\,;:=>\[\](){}&<][^\s"'\\,;]*)"#,
        ),
        mask: TOKEN,
        spared: |found| is_prose(found.value) || is_scheme(found.value),
    },
    Shape {
        // On a command line, and as OpenClaw keeps a login.
        pattern: concat!(
            r#"(?i-u:--[a-z-]*(?:token|password|passphrase|api-key|secret))(?:[ \t]+|=)\\*["']?([^\s"'\\-][^\s"'\\]*)"#,
            "|",
            r#"\\*"(?:access|refresh)\\*"[ \t]*:[ \t]*\\*"([^"\\\s]{12,})"#,
        ),
        mask: TOKEN,
        spared: is_no_secret,
    },
    Shape {
        pattern: concat!(
            r#"(?i-u:cookie)(?:\\*["'])?[ \t]*[:=][ \t]*\[[ \t]*\\*["']((?:[^\]\n"'\\]|\\*["'][ \t]*,[ \t]*\\*["'])+)"#,
            "|",
            r#"(?i-u:cookie)(?:\\*["'])?[ \t]*[:=][ \t]*(?:(?:\[[ \t]*)?\\*["'])?"#,
            r#"([^\s"'\\,;:=>\[\](){}&<][^"'\\\n]*)"#,
        ),
        mask: TOKEN,
        spared: |found| is_prose(found.value) || TOKEN.starts_with(found.value),
    },
    Shape {
        pattern: concat!("[?&#;]", parameter_names!(), r#"=([^\s&#"'<>\\]+)"#),
        mask: TOKEN,
        spared: never,
    },
    Shape {
        pattern: concat!("(?i-u:%3f|%26)", parameter_names!(), r"(?i-u:%3d)([A-Za-z0-9._~+-]+)"),
        mask: TOKEN,
        spared: never,
    },
    Shape {
        pattern: concat!(
            r"(?-u:\b)(acct_[A-Za-z0-9]{4,}|(?:user|org)-[A-Za-z0-9]{16,}|auth0\|[A-Za-z0-9]{8,})",
            "|",
            field!(account_names!()),
        ),
        mask: ACCOUNT,
        spared: is_no_account,
    },
    Shape {
        pattern: concat!(
            r"([A-Za-z0-9._%+\x{80}-\x{10ffff}-]+(?:@|%40)",
            r"(?:[A-Za-z0-9\x{80}-\x{10ffff}-]+\.)+[A-Za-z\x{80}-\x{10ffff}]{2,})",
        ),
        mask: MAIL,
        spared: is_no_address,
    },
];

pub(super) const PLACES: [Shape; 4] = [
    Shape {
        pattern: r#"(?:/home/|/Users/|\\Users\\)([^/\s"'`\\:,;<>()\[\]|]+)"#,
        mask: USER,
        spared: never,
    },
    Shape {
        pattern: concat!(
            r"(?-u:\b)((?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])",
            r"(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){3})(?-u:\b)",
        ),
        mask: ADDRESS,
        spared: |found| found.value.starts_with("127.") || found.value == "0.0.0.0",
    },
    Shape {
        // Of a network at home or of one interface; and a network card.
        pattern: concat!(
            r"(?i-u:\b)((?i-u:fe80|f[cd][0-9a-f]{2}):[0-9A-Fa-f:]+",
            r"|(?:[0-9A-Fa-f]{1,4}:){4,7}[0-9A-Fa-f]{1,4})(?-u:\b)",
        ),
        mask: ADDRESS,
        spared: never,
    },
    Shape {
        // A global one with its zeros left out.
        pattern: r"(?-u:\b)([23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4})",
        mask: ADDRESS,
        spared: |found| {
            !found.value.contains("::") || found.value.parse::<std::net::Ipv6Addr>().is_err()
        },
    },
];
