//! Where in a config a setting stands.

use std::fmt;

use serde_json::Value;

/// One step into a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeySegment {
    Name(String),
    Index(usize),
}

/// A setting's place, shown as `agents.list[0].model`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Key(Vec<KeySegment>);

impl Key {
    /// The place that a dotted text without wildcards names.
    pub(super) fn of(dotted: &str) -> Self {
        Self(dotted.split('.').map(|name| KeySegment::Name(name.to_owned())).collect())
    }

    /// The place of a member of this one.
    #[must_use]
    pub(super) fn name(&self, name: &str) -> Self {
        self.step(KeySegment::Name(name.to_owned()))
    }

    /// The place of a list's item.
    #[must_use]
    pub(super) fn index(&self, index: usize) -> Self {
        self.step(KeySegment::Index(index))
    }

    fn step(&self, step: KeySegment) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The last name on the way: an item is known by its list's name.
    pub(super) fn last_name(&self) -> &str {
        let name = self.0.iter().rev().find_map(|step| match step {
            KeySegment::Name(name) => Some(name.as_str()),
            KeySegment::Index(_) => None,
        });
        name.unwrap_or_default()
    }

    /// Whether a pattern, in which `*` stands for any one step, names it.
    pub(super) fn is(&self, pattern: &str) -> bool {
        let mut parts = pattern.split('.');
        let all = self.0.iter().all(|step| {
            parts.next().is_some_and(|part| {
                part == "*" || matches!(step, KeySegment::Name(name) if name == part)
            })
        });
        all && parts.next().is_none()
    }

    /// The places in `tree` that a pattern names, in the tree's order.
    pub(super) fn matching(pattern: &str, tree: &Value) -> Vec<Self> {
        let mut found = vec![Self::default()];
        for part in pattern.split('.') {
            found = found.iter().flat_map(|key| key.inner(part, tree)).collect();
        }
        found
    }

    fn inner(&self, part: &str, tree: &Value) -> Vec<Self> {
        match self.get(tree) {
            Some(Value::Object(object)) if part == "*" => {
                object.keys().map(|name| self.name(name)).collect()
            }
            Some(Value::Array(items)) if part == "*" => {
                (0..items.len()).map(|index| self.index(index)).collect()
            }
            Some(Value::Object(object)) if object.contains_key(part) => vec![self.name(part)],
            _ => Vec::new(),
        }
    }

    pub(super) fn get<'a>(&self, tree: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(tree, |value, step| match step {
            KeySegment::Name(name) => value.as_object()?.get(name),
            KeySegment::Index(index) => value.as_array()?.get(*index),
        })
    }

    pub(super) fn get_mut<'a>(&self, tree: &'a mut Value) -> Option<&'a mut Value> {
        self.0.iter().try_fold(tree, |value, step| match step {
            KeySegment::Name(name) => value.as_object_mut()?.get_mut(name),
            KeySegment::Index(index) => value.as_array_mut()?.get_mut(*index),
        })
    }

    /// Takes the setting out; an item of a list stays, as taking it out would
    /// move the others.
    pub(super) fn remove(&self, tree: &mut Value) -> Option<Value> {
        let (last, parents) = self.0.split_last()?;
        let KeySegment::Name(name) = last else { return None };
        Self(parents.to_vec()).get_mut(tree)?.as_object_mut()?.shift_remove(name)
    }

    /// Writes the setting, with the objects that it stands in. Whether it
    /// could: not where something else than an object is in the way.
    pub(super) fn set(&self, tree: &mut Value, value: Value) -> bool {
        let mut place = tree;
        for step in &self.0 {
            let inner = match (step, place) {
                (KeySegment::Name(name), Value::Object(object)) => Some(
                    object.entry(name).or_insert_with(|| Value::Object(serde_json::Map::new())),
                ),
                (KeySegment::Index(index), Value::Array(items)) => items.get_mut(*index),
                _ => None,
            };
            let Some(inner) = inner else { return false };
            place = inner;
        }
        *place = value;
        true
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                KeySegment::Index(index) => write!(f, "[{index}]")?,
                KeySegment::Name(name) => {
                    if place > 0 {
                        f.write_str(".")?;
                    }
                    let plain = |c: char| c.is_ascii_alphanumeric() || "-_$/:@".contains(c);
                    if !name.is_empty() && name.chars().all(plain) {
                        f.write_str(name)?;
                    } else {
                        write!(f, "{name:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pattern_names_members_and_items_alike() {
        let tree = json!({"a": {"x": {"k": 1}, "y.z": {"k": 2}, "q": 0}, "b": [{"k": 3}, {}]});
        let shown =
            |pattern| Key::matching(pattern, &tree).iter().map(Key::to_string).collect::<Vec<_>>();
        assert_eq!(shown("a.*.k"), ["a.x.k", "a.\"y.z\".k"]);
        assert_eq!(shown("b.*.k"), ["b[0].k"]);
        assert_eq!(shown("c.*"), [""; 0]);
        assert!(Key::matching("a.*.k", &tree).iter().all(|key| key.is("a.*.k") && !key.is("a.*")));
    }

    #[test]
    fn a_setting_is_written_with_what_it_stands_in_but_never_over_something_else() {
        let mut tree = json!({"a": "text"});
        assert!(Key::of("b.c").set(&mut tree, json!(1)));
        assert!(!Key::of("a.c").set(&mut tree, json!(1)));
        assert_eq!(tree, json!({"a": "text", "b": {"c": 1}}));
    }
}
