//! An installed npm package, by its `package.json`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fs::foreign;
use crate::release::{Schemas, Version};

/// A package directory and what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Where it is.
    pub directory: Utf8PathBuf,
    /// Its release.
    pub version: Version,
    /// `engines.node`.
    pub node: Option<String>,
    /// `openclaw.schemaVersions`, from 2026.7.2-beta.3 on.
    #[serde(default)]
    pub schemas: Option<Schemas>,
    /// `bin`, as names and paths in the package.
    bin: Vec<(String, String)>,
}

/// A manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what `OpenClaw` publishes.
    #[error("{path} does not parse: {reason}")]
    Manifest {
        /// The manifest.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
}

impl Package {
    /// Reads the manifest in a package directory.
    pub fn read(directory: &Utf8Path) -> Result<Self, PackageError> {
        let path = directory.join("package.json");
        let text = foreign::read_to_string_named(&path, foreign::TEXT)?;
        let wrong = |reason: String| PackageError::Manifest { path: path.clone(), reason };
        let manifest: Value = serde_json::from_str(&text).map_err(|e| wrong(e.to_string()))?;
        let name = manifest["name"].as_str().unwrap_or_default();
        let version = manifest["version"].as_str().unwrap_or_default();
        let plain = name.rsplit('/').next().unwrap_or_default();
        let bin = match &manifest["bin"] {
            Value::String(entry) => vec![(plain.to_owned(), entry.clone())],
            Value::Object(entries) => entries
                .iter()
                .filter_map(|(name, entry)| Some((name.clone(), entry.as_str()?.to_owned())))
                .collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            directory: directory.to_owned(),
            version: version
                .parse()
                .map_err(|e: crate::release::version::ParseVersionError| wrong(e.to_string()))?,
            node: manifest["engines"]["node"].as_str().map(ToOwned::to_owned),
            schemas: serde_json::from_value(manifest["openclaw"]["schemaVersions"].clone()).ok(),
            bin,
        })
    }

    /// The `node_modules` that it stands in.
    pub fn root(&self) -> &Utf8Path {
        self.directory.parent().unwrap_or(&self.directory)
    }

    /// The file of a command.
    pub fn bin(&self, name: &str) -> Option<Utf8PathBuf> {
        let entry = self.bin.iter().find(|(command, _)| command == name)?;
        Some(self.directory.join(entry.1.trim_start_matches("./")))
    }
}
