//! Keys and tokens of logins that are kept elsewhere: profiles with `keyRef` or `tokenRef`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use serde::Deserialize;
use serde_json::Value;

use super::order::each_text;
use super::{Place, label};

/// A login whose secret is looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginReference {
    /// The store.
    pub file: Utf8PathBuf,
    /// The profile, with an address in it left out.
    pub label: String,
    /// The reference, as the store has it: `{source, provider, id}`.
    pub reference: Value,
}

#[derive(Deserialize)]
struct References {
    #[serde(default)]
    profiles: BTreeMap<String, ProfileReferences>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileReferences {
    key_ref: Option<Value>,
    token_ref: Option<Value>,
}

/// The secrets that the stores refer to. What cannot be read refers to none.
pub fn references(place: &Place) -> Vec<LoginReference> {
    let mut found = Vec::new();
    each_text(place, |source, _, text| {
        let Ok(store) = serde_json::from_slice::<References>(text) else { return };
        for (name, profile) in store.profiles {
            let named = [profile.key_ref, profile.token_ref].into_iter().flatten();
            found.extend(named.map(|reference| LoginReference {
                file: source.path.clone(),
                label: label(&name),
                reference,
            }));
        }
    });
    found
}
