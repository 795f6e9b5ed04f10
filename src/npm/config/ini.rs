//! The INI dialect of `.npmrc` files, as the `ini` package that npm carries reads it.
//!
//! Quirks are kept on purpose: a comment behind a quoted value leaves the
//! quotes in, a line with no `=` means `true`, and what stands under a
//! `[section]` is no setting at all.

/// One setting as a file has it: variables are not expanded yet.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct IniLine {
    /// From 1.
    pub number: u32,
    pub key: String,
    pub value: IniValue,
}

/// A value before it is known what it is for.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum IniValue {
    Text(String),
    Bool(bool),
    Null,
    /// `key[]=one`, `key[]=two`.
    List(Vec<String>),
}

/// Reads a file. Nothing in it is an error: npm skips what it cannot read, too.
pub(super) fn parse(text: &str) -> Vec<IniLine> {
    let mut lines: Vec<IniLine> = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        // A lone carriage return ends a line as well, though it does not count as one.
        for part in line.split('\r') {
            let start = part.trim_start();
            if start.is_empty() || start.starts_with([';', '#']) {
                continue;
            }
            if part.starts_with('[') && part.trim_end().find(']') == Some(part.trim_end().len() - 1)
            {
                return lines;
            }
            add(&mut lines, number, part);
        }
    }
    lines
}

fn add(lines: &mut Vec<IniLine>, number: u32, part: &str) {
    let (key, value) = match part.split_once('=') {
        Some(("", _)) => return,
        Some((key, value)) => (unquote(key), typed(unquote(value))),
        None => (unquote(part), IniValue::Bool(true)),
    };
    let (key, listed) = match key.strip_suffix("[]") {
        Some(key) if !key.is_empty() => (key.to_owned(), true),
        _ => (key, false),
    };
    let before = lines.iter_mut().find(|line| line.key == key);
    match (before, listed) {
        (Some(IniLine { value: IniValue::List(items), .. }), _) => items.push(text(value)),
        (Some(line), false) => (line.number, line.value) = (number, value),
        (Some(line), true) => {
            let first = text(std::mem::replace(&mut line.value, IniValue::Null));
            line.value = IniValue::List(vec![first, text(value)]);
        }
        (None, true) => {
            lines.push(IniLine { number, key, value: IniValue::List(vec![text(value)]) });
        }
        (None, false) => lines.push(IniLine { number, key, value }),
    }
}

fn typed(value: String) -> IniValue {
    match value.as_str() {
        "true" => IniValue::Bool(true),
        "false" => IniValue::Bool(false),
        "null" => IniValue::Null,
        _ => IniValue::Text(value),
    }
}

fn text(value: IniValue) -> String {
    match value {
        IniValue::Text(text) => text,
        IniValue::Bool(yes) => yes.to_string(),
        IniValue::Null => "null".to_owned(),
        IniValue::List(items) => items.join(","),
    }
}

/// `ini`'s `unsafe`: JSON inside quotes, else up to the first comment sign that is not escaped.
fn unquote(text: &str) -> String {
    let text = text.trim();
    if text.starts_with('"') && text.ends_with('"') {
        return json(text).unwrap_or_else(|| text.to_owned());
    }
    if text.starts_with('\'') && text.ends_with('\'') {
        let inner = text[1..].strip_suffix('\'').unwrap_or_default();
        return json(inner).unwrap_or_else(|| inner.to_owned());
    }
    let mut plain = String::with_capacity(text.len());
    let mut escaped = false;
    for c in text.chars() {
        if escaped {
            if !matches!(c, '\\' | ';' | '#') {
                plain.push('\\');
            }
            plain.push(c);
            escaped = false;
        } else if matches!(c, ';' | '#') {
            break;
        } else if c == '\\' {
            escaped = true;
        } else {
            plain.push(c);
        }
    }
    if escaped {
        plain.push('\\');
    }
    plain.trim().to_owned()
}

fn json(text: &str) -> Option<String> {
    match serde_json::from_str(text).ok()? {
        serde_json::Value::String(text) => Some(text),
        value @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => {
            Some(value.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        let lines = parse(text);
        assert_eq!(lines.len(), 1, "{text}");
        super::text(lines[0].value.clone())
    }

    #[test]
    fn values_are_read_as_npms_ini_package_reads_them() {
        for (line, value) in [
            ("a=b", "b"),
            ("  a  =  b  ", "b"),
            ("a=b ; comment", "b"),
            ("a=b # comment", "b"),
            (r"a=b\;c\#d", "b;c#d"),
            (r"a=b\c", r"b\c"),
            (r"a=b\", r"b\"),
            ("a=\"b;c\"", "b;c"),
            (r#"a="x\ny""#, "x\ny"),
            ("a='b;c'", "b;c"),
            ("a=\"b\" ; comment", "\"b\""),
            ("a=\"", "\""),
            ("a='", ""),
            ("a=", ""),
            ("a", "true"),
            ("a=b=c", "b=c"),
            ("a=x\r", "x"),
            ("a=1\na=2", "2"),
            ("a[]=1\na[]=2", "1,2"),
            ("a=1\na[]=2", "1,2"),
        ] {
            assert_eq!(one(line), value, "{line:?}");
        }
    }

    #[test]
    fn comments_blank_lines_and_sections_hold_no_settings() {
        let lines = parse("; one\n\n # two\n=three\nkey=v\n[section]\nkey=other\n");
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.key.as_str())).collect();
        assert_eq!(seen, [(5, "key")]);
    }
}
