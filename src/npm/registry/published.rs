//! What the registry says of single releases of any packages, a tree of them at once.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::cache;
use super::request::RegistryRequest;
use super::{Registry, RegistryError, below, without_credentials};
use crate::npm::lock_audit::Publications;
use crate::npm::published::PublishedPackage;

/// Requests at the same time: as many as npm has (`maxsockets`).
const AT_ONCE: usize = 15;

/// Counts up when the content of these files changes its meaning.
const FORMAT: u32 = 1;

/// What a registry said of one release, kept: a release never changes.
#[derive(Serialize, Deserialize)]
struct PublishedFile {
    format: u32,
    url: String,
    package: PublishedPackage,
}

impl Registry {
    /// What the registries say of all these releases. One that is not there is left out.
    pub async fn published(
        &self,
        packages: BTreeSet<(String, String)>,
    ) -> Result<Publications, RegistryError> {
        let asked = packages.into_iter().map(|(name, version)| async move {
            let found = self.published_package(&name, &version).await?;
            Ok::<_, RegistryError>(found.map(|found| ((name, version), found)))
        });
        let mut answers = stream::iter(asked).buffer_unordered(AT_ONCE);
        let mut all = Publications::new();
        while let Some(answer) = answers.next().await {
            all.extend(answer?);
        }
        Ok(all)
    }

    async fn published_package(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Option<PublishedPackage>, RegistryError> {
        let registry = self.config.registry_of(name)?;
        let registry =
            registry.ok_or_else(|| RegistryError::NoRegistry { package: name.to_owned() })?;
        let package = below(&registry, &name.replace('/', "%2f"));
        let url = below(&package, version);
        let file = self.published_file(&url, name);
        if let Some(known) = read(&file, &url) {
            return Ok(Some(known));
        }
        // Not every registry answers for a single release; all have the whole list.
        let manifest = match self.json(&registry, &url, name).await? {
            Some(manifest) if manifest["version"] == version => Some(manifest),
            _ => {
                let all = self.json(&registry, &package, name).await?;
                all.and_then(|mut all| Some(all["versions"].get_mut(version)?.take()))
            }
        };
        let Some(manifest) = manifest else { return Ok(None) };
        let package = PublishedPackage::read(&manifest);
        let kept = PublishedFile {
            format: FORMAT,
            url: without_credentials(&url).to_string(),
            package: package.clone(),
        };
        // What cannot be kept is asked for again.
        if let Ok(text) = serde_json::to_vec(&kept) {
            let _ = crate::fs::write_atomic(&file, &text);
        }
        Ok(Some(package))
    }

    fn published_file(&self, url: &Url, name: &str) -> Utf8PathBuf {
        cache::file(&self.cache.join("published"), &without_credentials(url), name)
    }

    /// A registry's answer, if it has one.
    async fn json(
        &self,
        registry: &Url,
        url: &Url,
        name: &str,
    ) -> Result<Option<Value>, RegistryError> {
        let shown = without_credentials(url);
        self.config.proxy_for(url)?;
        let authorization = self.config.credentials_for(url);
        let request = RegistryRequest {
            client: &self.client,
            limits: &self.limits,
            clock: self.clock,
            package: name,
            url: if authorization.is_some() { &shown } else { url },
            shown: &shown,
            registry,
            authorization: authorization.as_ref(),
            known: None,
        };
        match self.ask(&shown, || request.send_for_json()).await {
            Ok(answer) => Ok(Some(answer)),
            // 405 and 501: it knows no such question.
            Err(
                RegistryError::NotFound { .. } | RegistryError::Server { status: 405 | 501, .. },
            ) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read(file: &camino::Utf8Path, url: &Url) -> Option<PublishedPackage> {
    let known: PublishedFile = serde_json::from_slice(&fs_err::read(file).ok()?).ok()?;
    let same = known.format == FORMAT && known.url == without_credentials(url).as_str();
    same.then_some(known.package)
}
