//! What a sanitised config has that the user's has not, and the other way round.

use std::fmt;

use serde_json::Value;

use super::Key;

/// What happened to a setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is no longer there.
    Removed,
    /// It has a value of the check's own.
    Set,
    /// A credential, or what may be one, has a made-up value.
    MadeUp,
    /// A path leads into the scratch home.
    Moved,
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Removed => "removed",
            Self::Set => "set",
            Self::MadeUp => "made up",
            Self::Moved => "moved",
        })
    }
}

/// One change, shown as `channels.telegram: removed, channels are off in a
/// check`. It has no value of a setting in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigChange {
    /// The setting.
    pub key: Key,
    /// What happened to it.
    pub what: ChangeKind,
    /// Why.
    pub why: String,
}

impl fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}, {}", self.key, self.what, self.why)
    }
}

/// A config that is being changed, with the account of it.
#[derive(Debug)]
pub(super) struct Edit {
    tree: Value,
    changes: Vec<ConfigChange>,
}

impl Edit {
    pub(super) fn new(tree: Value) -> Self {
        Self { tree, changes: Vec::new() }
    }

    pub(super) fn tree(&self) -> &Value {
        &self.tree
    }

    pub(super) fn remove(&mut self, key: &Key, why: &str) {
        if key.remove(&mut self.tree).is_some() {
            self.note(key, ChangeKind::Removed, why);
        }
    }

    /// Takes out what is empty since its members were told of.
    pub(super) fn remove_empty(&mut self, key: &Key) {
        if key.get(&self.tree).and_then(Value::as_object).is_some_and(serde_json::Map::is_empty) {
            key.remove(&mut self.tree);
        }
    }

    pub(super) fn set(&mut self, key: &Key, value: Value, why: &str) {
        self.put(key, value, ChangeKind::Set, why);
    }

    /// Writes a value, unless it is there already.
    pub(super) fn put(&mut self, key: &Key, value: Value, what: ChangeKind, why: &str) {
        if key.get(&self.tree) != Some(&value) && key.set(&mut self.tree, value) {
            self.note(key, what, why);
        }
    }

    fn note(&mut self, key: &Key, what: ChangeKind, why: &str) {
        self.changes.push(ConfigChange { key: key.clone(), what, why: why.to_owned() });
    }

    pub(super) fn finish(self) -> (Value, Vec<ConfigChange>) {
        (self.tree, self.changes)
    }
}
