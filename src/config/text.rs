//! One switch of a config changed in its text: every other byte stays, comments and
//! layout too. A result that does not say the same but for the switch is refused.

mod object;

use std::ops::Range;

use camino::Utf8Path;
use serde_json::Value;

use self::object::ObjectText;
use super::{ConfigError, Key, Loaded, source};

/// The value that stands at a dotted name in this very file, what it includes left out.
///
/// # Errors
///
/// The text is no JSON5.
pub fn written_at(file: &Utf8Path, text: &str, dotted: &str) -> Result<Option<Value>, ConfigError> {
    Ok(Key::of(dotted).get(&source::parse(file, text)?).cloned())
}

/// The text with a switch set.
///
/// # Errors
///
/// The text is no JSON5, or what the switch stands in is no object.
pub fn with_switch(
    file: &Utf8Path,
    text: &str,
    dotted: &str,
    value: bool,
) -> Result<String, ConfigError> {
    let mut wanted = source::parse(file, text)?;
    let key = Key::of(dotted);
    if key.get(&wanted) == Some(&Value::Bool(value)) {
        return Ok(text.to_owned());
    }
    let set = key.set(&mut wanted, Value::Bool(value));
    let changed = set.then(|| set_in(text, dotted, value)).flatten();
    checked(file, key, changed, &wanted)
}

/// The text without a setting. Of what it stands in, the objects from `outermost` on go
/// with it where nothing else is in them.
///
/// # Errors
///
/// The text is no JSON5.
pub fn without(
    file: &Utf8Path,
    text: &str,
    dotted: &str,
    outermost: &str,
) -> Result<String, ConfigError> {
    let mut wanted = source::parse(file, text)?;
    let Some(name) = removed_from(&mut wanted, dotted, outermost) else {
        return Ok(text.to_owned());
    };
    checked(file, Key::of(name), take_out(text, name), &wanted)
}

/// Takes a setting out of a tree; the name of what went, none where nothing was there.
fn removed_from<'a>(tree: &mut Value, dotted: &'a str, outermost: &str) -> Option<&'a str> {
    let mut name = dotted;
    Key::of(name).get(tree)?;
    while name != outermost
        && let Some((parent, _)) = name.rsplit_once('.')
        && Key::of(parent).get(tree).and_then(Value::as_object).is_some_and(|o| o.len() == 1)
    {
        name = parent;
    }
    Key::of(name).remove(tree).map(|_| name)
}

impl Loaded {
    /// The same with a switch set.
    #[must_use]
    pub fn with_switch(mut self, dotted: &str, value: bool) -> Self {
        Key::of(dotted).set(&mut self.tree, Value::Bool(value));
        self
    }

    /// The same without a setting, as [`without`] takes it out of a text.
    #[must_use]
    pub fn without(mut self, dotted: &str, outermost: &str) -> Self {
        removed_from(&mut self.tree, dotted, outermost);
        self
    }
}

/// The outermost part of a dotted name that is not there yet; none where all of it is.
///
/// # Errors
///
/// The text is no JSON5.
pub fn outermost_missing<'a>(
    file: &Utf8Path,
    text: &str,
    dotted: &'a str,
) -> Result<Option<&'a str>, ConfigError> {
    let tree = source::parse(file, text)?;
    let ends = dotted.match_indices('.').map(|(at, _)| at).chain([dotted.len()]);
    let mut prefixes = ends.map(|end| &dotted[..end]);
    Ok(prefixes.find(|prefix| Key::of(prefix).get(&tree).is_none()))
}

fn checked(
    file: &Utf8Path,
    key: Key,
    changed: Option<String>,
    wanted: &Value,
) -> Result<String, ConfigError> {
    let says = |text: &String| source::parse(file, text).is_ok_and(|tree| tree == *wanted);
    changed.filter(says).ok_or_else(|| ConfigError::InTheWay { file: file.to_owned(), key })
}

fn set_in(text: &str, dotted: &str, value: bool) -> Option<String> {
    let mut object = ObjectText::outermost(text)?;
    let mut names = dotted.split('.');
    let mut name = names.next()?;
    loop {
        let rest: Vec<_> = names.clone().collect();
        match object.member(name) {
            Some(member) if rest.is_empty() => {
                let Range { start, end } = member.value.clone();
                return Some(format!("{}{value}{}", &text[..start], &text[end..]));
            }
            Some(member) => {
                object = ObjectText::at(text, member.value.start)?;
                name = names.next()?;
            }
            None => return Some(object.with_first(text, &written(name, &rest, value))),
        }
    }
}

/// `"update": { "auto": { "enabled": false } }`
fn written(name: &str, rest: &[&str], value: bool) -> String {
    match rest.split_first() {
        Some((inner, rest)) => format!("\"{name}\": {{ {} }}", written(inner, rest, value)),
        None => format!("\"{name}\": {value}"),
    }
}

fn take_out(text: &str, dotted: &str) -> Option<String> {
    let mut object = ObjectText::outermost(text)?;
    let mut names = dotted.split('.').peekable();
    while let Some(name) = names.next() {
        let member = object.members.iter().rposition(|member| member.name == name)?;
        if names.peek().is_none() {
            return Some(object.without(text, member));
        }
        object = ObjectText::at(text, object.members[member].value.start)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SWITCH: &str = "update.checkOnStart";

    fn off(text: &str) -> Result<String, String> {
        with_switch("f".into(), text, SWITCH, false).map_err(|error| error.to_string())
    }

    /// As it was before a switch was set in it.
    fn back(text: &str, changed: &str) -> String {
        if let Some(value) = written_at("f".into(), text, SWITCH).unwrap() {
            return with_switch("f".into(), changed, SWITCH, value.as_bool().unwrap()).unwrap();
        }
        let made = outermost_missing("f".into(), text, SWITCH).unwrap().unwrap();
        without("f".into(), changed, SWITCH, made).unwrap()
    }

    #[test]
    fn a_switch_is_set_and_every_other_byte_stays_and_the_way_back_leaves_the_very_text() {
        for (text, expected) in [
            ("{}", "{\"update\": { \"checkOnStart\": false }}"),
            ("{a: 1}", "{\"update\": { \"checkOnStart\": false },a: 1}"),
            ("{ a: 1 }", "{ \"update\": { \"checkOnStart\": false }, a: 1 }"),
            (
                "{\n  \"a\": 1\n}\n",
                "{\n  \"update\": { \"checkOnStart\": false },\n  \"a\": 1\n}\n",
            ),
            (
                "{\r\n\ta: 1,\r\n}",
                "{\r\n\t\"update\": { \"checkOnStart\": false },\r\n\ta: 1,\r\n}",
            ),
            (
                "// top\n{ // mine\n  a: {b: '}'}, // its\n}",
                "// top\n{ // mine\n  \"update\": { \"checkOnStart\": false },\n  a: {b: '}'}, // its\n}",
            ),
            ("{\n}\n", "{\n  \"update\": { \"checkOnStart\": false }\n}\n"),
            ("{ // none\n}", "{ // none\n  \"update\": { \"checkOnStart\": false }\n}"),
            (
                "{update: {channel: \"beta\", /* c */ }, z: [1, '//']}",
                "{update: {\"checkOnStart\": false,channel: \"beta\", /* c */ }, z: [1, '//']}",
            ),
            (
                "{'update': {\n    checkOnStart: true, // why\n  }}",
                "{'update': {\n    checkOnStart: false, // why\n  }}",
            ),
            (
                "{upd\\u0061te: {checkOnStart/**/:/**/true/**/}}",
                "{upd\\u0061te: {checkOnStart/**/:/**/false/**/}}",
            ),
            // The last of two of a name counts.
            (
                "{update: {checkOnStart: 1}, update: {}}",
                "{update: {checkOnStart: 1}, update: {\"checkOnStart\": false}}",
            ),
            (
                "{$include: './more.json'}",
                "{\"update\": { \"checkOnStart\": false },$include: './more.json'}",
            ),
        ] {
            let changed = off(text).unwrap();
            assert_eq!(changed, expected, "{text}");
            assert_eq!(off(&changed).unwrap(), changed, "set twice");
            assert_eq!(back(text, &changed), text);
        }
    }

    #[test]
    fn what_was_added_beside_the_switch_since_stays() {
        let changed = off("{\n  a: 1\n}").unwrap();
        let since = changed.replace("{ \"check", "{ channel: 'beta', \"check");
        let left = without("f".into(), &since, SWITCH, "update").unwrap();
        assert_eq!(left, "{\n  \"update\": { channel: 'beta' },\n  a: 1\n}");
        // As OpenClaw writes it anew, with another one behind.
        let anew = "{\n  \"a\": 1, // last\n  \"update\": {\n    \"checkOnStart\": false\n  }\n}";
        let left = without("f".into(), anew, SWITCH, "update").unwrap();
        assert_eq!(left, "{\n  \"a\": 1 // last\n}");
        let kept = without("f".into(), anew, SWITCH, SWITCH).unwrap();
        assert!(kept.contains("\"update\": {\n  }"), "{kept}");
    }

    #[test]
    fn what_is_no_object_is_not_written_into() {
        for text in ["{update: 'x'}", "{update: [1]}"] {
            let error = off(text).unwrap_err();
            assert!(error.contains("what it stands in is not an object"), "{error}");
        }
        assert_eq!(off("{a: 1 b: 2}").unwrap_err(), "f:1:7 is not JSON5: expected comma");
    }

    fn json5() -> impl Strategy<Value = String> {
        let space = || prop::sample::select(vec!["", " ", "\n  ", " // x\n", "/* { */", "\r\n\t"]);
        let word = || {
            prop::sample::select(vec![
                "a",
                "'b}'",
                "\"c\\\"\"",
                "update",
                "'update'",
                "\"checkOnStart\"",
                "$include",
            ])
        };
        let leaf = prop::sample::select(vec![
            "1",
            "true",
            "false",
            "null",
            "'//'",
            "\"{\\\\\"",
            "-.5",
            "[]",
            "{}",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 4, move |inner| {
            let member = (space(), word(), space(), space(), inner.clone(), space());
            let members = prop::collection::vec(
                member.prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}")),
                0..4,
            );
            let items = prop::collection::vec((space(), inner), 0..3);
            prop_oneof![
                3 => (members, any::<bool>(), space()).prop_map(|(members, comma, end)| {
                    let comma = if comma && !members.is_empty() { "," } else { "" };
                    format!("{{{}{comma}{end}}}", members.join(","))
                }),
                1 => items.prop_map(|items| {
                    let items = items.into_iter().map(|(space, item)| format!("{space}{item}"));
                    format!("[{}]", items.collect::<Vec<_>>().join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_config_is_changed_and_brought_back_to_its_very_text(text in json5()) {
            let Ok(tree) = source::parse("f".into(), &text) else { return Ok(()) };
            let before = written_at("f".into(), &text, SWITCH).unwrap();
            let update = tree.get("update");
            let fits = tree.is_object() && update.is_none_or(Value::is_object);
            prop_assert_eq!(off(&text).is_ok(), fits, "{}", text);
            if fits && before.as_ref().is_none_or(Value::is_boolean) {
                prop_assert_eq!(back(&text, &off(&text).unwrap()), text);
            }
        }
    }
}
