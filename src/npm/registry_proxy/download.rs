//! Fetching a tarball the way an install does, without starting npm for it.

use std::io::{self, Write as _};

use camino::Utf8Path;
use futures_util::StreamExt as _;
use http::header::{HeaderMap, LOCATION};
use http::{Method, Response, StatusCode};
use reqwest::Body;
use sha2::{Digest as _, Sha512};
use url::Url;

use super::{EgressOutcome, ProxyState, RegistryProxy, front};
use crate::host::HostPort;
use crate::npm::integrity;

/// How often a registry may send on to another address, as with npm.
const REDIRECTS: usize = 10;
/// How large a tarball may be. Bytes; no release of anything that `OpenClaw` needs has a
/// fifth of it.
const LARGEST: u64 = 1 << 30;

impl RegistryProxy {
    /// Writes the tarball of a package such as `dep@1.0.0`, which has this SHA-512, into a new
    /// file: from where registries have it that say nothing else. An error leaves a file of
    /// no use, and npm may find the tarball still.
    pub(crate) async fn download(
        &self,
        package: &str,
        integrity: &str,
        file: &Utf8Path,
    ) -> io::Result<()> {
        let mut address = self.usual_address(package)?;
        for _ in 0..=REDIRECTS {
            let answer = self.gate.get(&address).await?;
            if answer.status().is_redirection() {
                let to = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
                address =
                    to.and_then(|to| address.join(to).ok()).ok_or_else(|| not_there(package))?;
            } else if answer.status() == StatusCode::OK {
                // Some registries answer any address, with a page.
                let is_it = write(answer, file).await? == integrity;
                return if is_it { Ok(()) } else { Err(not_there(package)) };
            } else {
                return Err(not_there(package));
            }
        }
        Err(not_there(package))
    }

    /// `REGISTRY/@scope/name/-/name-1.0.0.tgz`.
    fn usual_address(&self, package: &str) -> io::Result<Url> {
        let parts = package.rsplit_once('@').filter(|(name, _)| !name.is_empty());
        let (name, version) = parts.ok_or_else(|| not_there(package))?;
        let registry = self.gate.front.config().registry_of(name).map_err(io::Error::other)?;
        let mut address = front::asked_at(&registry.ok_or_else(|| not_there(package))?);
        let base = address.path().trim_end_matches('/').to_owned();
        let file = name.rsplit('/').next().unwrap_or(name);
        address.set_path(&format!("{base}/{name}/-/{file}-{version}.tgz"));
        Ok(address)
    }
}

impl ProxyState {
    /// Asks as for a program inside, and writes it down.
    async fn get(&self, address: &Url) -> io::Result<Response<Body>> {
        let to = HostPort::of(address).ok_or_else(|| not_there(address.path()))?;
        let uri = address.as_str().parse().map_err(io::Error::other)?;
        let record = |outcome| self.egress().add("GET", &to, Some(address.path()), outcome);
        let real = self.front.real(&to, &uri);
        // What is no registry's is left to npm.
        let Some(real) = real else { return Err(not_there(address.path())) };
        let answer = self.front.ask(Method::GET, &HeaderMap::new(), real).await;
        record(if answer.is_ok() { EgressOutcome::Passed } else { EgressOutcome::Failed });
        answer
    }
}

/// Writes a body into a new file; its SHA-512.
async fn write(answer: Response<Body>, file: &Utf8Path) -> io::Result<String> {
    let mut hash = Sha512::new();
    let mut chunks = http_body_util::BodyDataStream::new(answer.into_body());
    let mut written = 0;
    let mut file = fs_err::File::create_new(file)?;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(io::Error::other)?;
        written += chunk.len() as u64;
        if written > LARGEST {
            return Err(io::Error::other("it is larger than any tarball"));
        }
        hash.update(&chunk);
        file.write_all(&chunk)?;
    }
    Ok(integrity::of_hash(&hash.finalize()))
}

fn not_there(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no tarball of {what} is where it usually is"))
}
