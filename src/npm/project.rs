//! The `package.json` of a scratch project, from which npm installs.

use std::collections::BTreeMap;

use serde_json::json;

use crate::release::PackageName;

/// A `package.json` with these dependencies.
///
/// From npm 12 on, no install script runs that the project does not allow.
/// `OpenClaw`'s own updater allows those of `openclaw` and of nothing else
/// (`npm install -g --allow-scripts=openclaw`), and so does this. In a project
/// npm refuses that flag and takes the field; npm 11 and older run every script
/// whatever the field says.
pub(crate) fn manifest(dependencies: &BTreeMap<String, String>) -> String {
    let core = PackageName::CORE.as_str();
    let manifest =
        json!({ "private": true, "dependencies": dependencies, "allowScripts": { core: true } });
    format!("{manifest:#}\n")
}
