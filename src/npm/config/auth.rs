//! Whom a request is from: npm ties credentials to a host and a path
//! (`//host/path/:_authToken`) and looks them up from the request's own path
//! upward, as `npm-registry-fetch` does.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD};
use url::Url;

use super::Origin;
use super::layers::{Layers, Setting};
use crate::secret::Secret;

/// Node's reading of base64: padding or none, and stray bits are no matter.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What goes into the `authorization` header of a request, and where it was found.
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The whole header value, such as `Bearer ...`.
    pub header: Secret,
    /// The setting that it comes from, such as `//host/path/:_authToken`.
    pub key: String,
    /// The file and line, or the variable, of that setting.
    pub origin: Origin,
    /// Variables that the setting names and the environment does not have:
    /// npm then sends the text `${NAME}` itself, which no registry accepts.
    pub unset: Vec<String>,
}

/// The credentials for a request to this URL.
pub(super) fn find(layers: &Layers, url: &Url) -> Option<Authorization> {
    let mut at = nerf_dart(url)?;
    // `//host/a/b`, `//host/a/`, `//host/a`, `//host/`, `//host`.
    while at.len() > 2 {
        if let Some(found) = at_path(layers, &at) {
            return Some(found);
        }
        if at.ends_with('/') {
            at.pop();
        } else {
            at.truncate(at.rfind('/')? + 1);
        }
    }
    None
}

/// The key with which this URL's credentials would be set: npm's "nerf dart",
/// the host with its port and the directory of the path.
pub(super) fn key_to_set(registry: &Url) -> Option<String> {
    let mut at = nerf_dart(registry)?;
    at.truncate(at.rfind('/')? + 1);
    at.push_str(":_authToken");
    Some(at)
}

fn nerf_dart(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("//{host}{port}{}", url.path()))
}

fn at_path(layers: &Layers, at: &str) -> Option<Authorization> {
    let setting = |name: &str| layers.get(&format!("{at}:{name}")).filter(|e| e.text().is_some());
    let text = |entry: &Setting| entry.text().unwrap_or_default().to_owned();
    let from = |entry: &Setting, header: String| Authorization {
        header: Secret::new(header),
        key: entry.key.clone(),
        origin: entry.origin.clone(),
        unset: entry.unset.clone(),
    };
    if let Some(token) = setting("_authToken") {
        return Some(from(token, format!("Bearer {}", text(token))));
    }
    if let Some(basic) = setting("_auth") {
        return Some(from(basic, format!("Basic {}", text(basic))));
    }
    let (user, password) = (setting("username")?, setting("_password")?);
    let decoded = LENIENT.decode(text(password)).unwrap_or_default();
    let pair = format!("{}:{}", text(user), String::from_utf8_lossy(&decoded));
    Some(from(password, format!("Basic {}", STANDARD.encode(pair))))
}
