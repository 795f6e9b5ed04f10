//! A pin written over an older one of the same release, so that what people wrote
//! around it stays.

use toml_edit::{Item, Table, Value};

/// Every field that codexpin owns in a `[[pin]]`: absent in the new pin means gone.
const OWNED: [&str; 14] = [
    "core",
    "core_integrity",
    "plugin",
    "plugin_integrity",
    "codex_cli",
    "node",
    "route",
    "upstream",
    "tested",
    "passed",
    "checks",
    "scripts_not_run",
    "lock",
    "first_bad",
];

/// Sets the new values and keeps what is around the old ones:
/// comments, the order of the keys, keys that are not codexpin's.
pub(super) fn update(table: &mut Table, fresh: &Table) {
    for key in OWNED {
        match (table.get_mut(key), fresh.get(key)) {
            (Some(Item::Value(old)), Some(Item::Value(new))) => {
                let decor = old.decor().clone();
                *old = plain(new);
                *old.decor_mut() = decor;
            }
            (Some(Item::Table(old)), Some(new)) => {
                if let Ok(new) = new.clone().into_table() {
                    update_all(old, &new);
                }
            }
            (_, Some(new)) => {
                let new = match new.clone().into_table() {
                    Ok(table) => Item::Table(table),
                    Err(item) => item,
                };
                table.insert(key, new);
            }
            (Some(_), None) => {
                table.remove(key);
            }
            (None, None) => {}
        }
    }
}

fn update_all(old: &mut Table, new: &Table) {
    for (key, item) in new {
        match (old.get_mut(key), item) {
            (Some(Item::Value(value)), Item::Value(new)) => {
                let decor = value.decor().clone();
                *value = plain(new);
                *value.decor_mut() = decor;
            }
            _ => {
                old.insert(key, item.clone());
            }
        }
    }
}

fn plain(value: &Value) -> Value {
    let mut value = value.clone();
    value.decor_mut().clear();
    value
}
