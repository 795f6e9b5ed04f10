//! What stands before the registries for an install: it is asked in their names by plain
//! HTTP, asks them itself, and puts in who the user is.
//!
//! ```text
//! npm ──GET http://registry.example:443/openclaw──▶ front ──GET https://registry.example/openclaw──▶
//!       (no credential)                                     authorization: Bearer ...
//! ```
//!
//! A registry's host and port stand for it, so that every other address below it, and
//! npm's cache, are the same from install to install.

use std::io;

use bytes::Bytes;
use camino::Utf8Path;
use futures_util::{StreamExt as _, stream};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Response, StatusCode, Uri};
use reqwest::Body;
use url::Url;

use super::tarballs;
use crate::host::HostPort;
use crate::npm::NpmConfig;
use crate::npm::registry::{self, RegistryError, RegistryLimits};
use crate::proxy::without_hops;

/// What the front says itself: who asks, and in which form an answer comes.
const OF_THE_FRONT: [HeaderName; 4] =
    [header::HOST, header::ACCEPT_ENCODING, header::AUTHORIZATION, header::COOKIE];

/// The registries of npm's configuration, and how they are asked.
pub(in crate::npm) struct RegistryFront {
    config: NpmConfig,
    registries: Vec<Url>,
    client: reqwest::Client,
    largest_body: usize,
}

impl RegistryFront {
    pub(in crate::npm) fn new(config: NpmConfig) -> Result<Self, RegistryError> {
        let limits = RegistryLimits::of(&config);
        let client = registry::client(&config, &limits)?
            // npm follows them, and each is judged by itself.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .build()
            .map_err(|error| registry::client_error(&error))?;
        let registries = config.registries()?;
        Ok(Self { config, registries, client, largest_body: limits.largest_body })
    }

    pub(super) fn config(&self) -> &NpmConfig {
        &self.config
    }

    /// Where the registries are.
    pub(super) fn hosts(&self) -> impl Iterator<Item = HostPort> {
        self.registries.iter().filter_map(HostPort::of)
    }

    /// The registry's own address for one that npm asks at; none for other hosts.
    pub(super) fn real(&self, to: &HostPort, uri: &Uri) -> Option<Url> {
        let registry =
            self.registries.iter().find(|known| HostPort::of(known).as_ref() == Some(to))?;
        let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        Url::parse(&format!("{}://{to}{path}", registry.scheme())).ok()
    }

    /// The address at which npm asks, for any on a registry's host; none where the two are
    /// one, and for other hosts.
    fn other(&self, address: &str) -> Option<String> {
        let url = Url::parse(address).ok().filter(|url| url.scheme() == "https")?;
        let to = HostPort::of(&url)?;
        let known = |registry: &Url| {
            registry.scheme() == "https" && HostPort::of(registry).as_ref() == Some(&to)
        };
        self.registries.iter().any(known).then(|| asked_at(&url).to_string())
    }

    /// Asks a registry for what npm asked the front for.
    pub(super) async fn ask(
        &self,
        method: Method,
        headers: &HeaderMap,
        url: Url,
    ) -> io::Result<Response<Body>> {
        let wanted = method == Method::GET;
        let (url, authorization) = self.with_credentials(url)?;
        let mut headers = headers.clone();
        without_hops(&mut headers);
        for name in OF_THE_FRONT {
            headers.remove(name);
        }
        let mut request = self.client.request(method, url).headers(headers);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let mut answer = self.send(request).await?;
        answer.headers_mut().remove(header::SET_COOKIE);
        let location = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
        if let Some(other) = location.and_then(|to| self.other(to)) {
            let other = HeaderValue::try_from(other).map_err(io::Error::other)?;
            answer.headers_mut().insert(header::LOCATION, other);
        }
        let may_be_a_packument = wanted
            && answer.status() == StatusCode::OK
            && self.registries.iter().any(|registry| registry.scheme() == "https");
        if may_be_a_packument { self.with_tarballs(answer).await } else { Ok(answer) }
    }

    /// Carries a request to a host that is no registry, as it is.
    pub(super) async fn carry<B>(&self, request: http::Request<B>) -> io::Result<Response<Body>>
    where
        B: hyper::body::Body<Data = Bytes, Error = hyper::Error> + Send + Sync + 'static,
    {
        let (mut head, body) = request.into_parts();
        without_hops(&mut head.headers);
        head.headers.remove(header::HOST);
        let request = self.client.request(head.method, head.uri.to_string());
        self.send(request.headers(head.headers).body(Body::wrap(body))).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> io::Result<Response<Body>> {
        let answer = request.send().await.map_err(|error| io::Error::other(error.without_url()))?;
        let mut answer = Response::<Body>::from(answer);
        // It may have come by another version of HTTP than it goes on by.
        *answer.version_mut() = http::Version::HTTP_11;
        without_hops(answer.headers_mut());
        Ok(answer)
    }

    /// What npm would send along with a request to this address, as far as an install needs
    /// it: for packages, and not for what a registry says of the user.
    fn with_credentials(&self, url: Url) -> io::Result<(Url, Option<HeaderValue>)> {
        self.config.proxy_for(&url).map_err(io::Error::other)?;
        let origin = |registry: &&Url| registry.origin() == url.origin();
        let registries = self.registries.iter().filter(origin);
        let below = |registry: &Url| {
            let base = format!("{}/", registry.path().trim_end_matches('/'));
            url.path().strip_prefix(&base).map(str::to_owned)
        };
        let nearest = registries
            .filter_map(|registry| Some((registry, below(registry)?)))
            .min_by_key(|(_, rest)| rest.len());
        if !is_of_a_package(url.path(), nearest.as_ref().map(|(_, rest)| rest.as_str())) {
            return Ok((url, None));
        }
        if let Some(found) = self.config.credentials_for(&url) {
            let value = HeaderValue::from_str(found.header.reveal()).map_err(io::Error::other)?;
            return Ok((url, Some(value)));
        }
        let mut url = url;
        if let Some((registry, _)) = nearest {
            // These fail only for URLs that have no host.
            let _ = url.set_username(registry.username());
            let _ = url.set_password(registry.password());
        }
        Ok((url, None))
    }

    /// The answer, with every tarball's address one at which npm asks the front.
    async fn with_tarballs(&self, answer: Response<Body>) -> io::Result<Response<Body>> {
        let (mut head, body) = answer.into_parts();
        let mut chunks = http_body_util::BodyDataStream::new(body);
        let mut beginning = Vec::new();
        while let Some(chunk) = chunks.next().await {
            beginning.extend_from_slice(&chunk.map_err(io::Error::other)?);
            let first = beginning.iter().find(|byte| !byte.is_ascii_whitespace());
            // No JSON, or more than anybody reads: passed on as it comes.
            if first.is_some_and(|byte| *byte != b'{') || beginning.len() > self.largest_body {
                let body =
                    stream::once(std::future::ready(Ok(Bytes::from(beginning)))).chain(chunks);
                return Ok(Response::from_parts(head, Body::wrap_stream(body)));
            }
        }
        if let Some(replaced) = tarballs::replaced(&beginning, |address| self.other(address)) {
            head.headers.remove(header::CONTENT_LENGTH);
            beginning = replaced;
        }
        Ok(Response::from_parts(head, Body::from(beginning)))
    }
}

/// The address at which npm asks the front for what is at this one.
pub(super) fn asked_at(url: &Url) -> Url {
    let place = HostPort::of(url).map(|place| place.to_string()).unwrap_or_default();
    let mut at = registry::without_credentials(url);
    let asked = format!("http://{place}{}", &at[url::Position::BeforePath..]);
    if let Ok(asked) = Url::parse(&asked) {
        at = asked;
    }
    at
}

/// Whether an address is one of a package or a tarball; `below` is what of the path is below
/// the registry's own. What is below `-` or begins with `_` there is about users and tokens
/// (`/-/whoami`, `/-/npm/v1/tokens`, `/_session`); outside of it, only tarballs are asked for.
fn is_of_a_package(path: &str, below: Option<&str>) -> bool {
    let plain = |path: &str| {
        let path = path.to_ascii_lowercase();
        path.replace("%2f", "/")
            .replace("%5c", "/")
            .replace("%2d", "-")
            .replace("%2e", ".")
            .replace("%5f", "_")
    };
    let whole = plain(path);
    if whole.split('/').any(|part| part == "." || part == "..") {
        return false;
    }
    match below.map(plain) {
        Some(below) => !below.trim_start_matches('/').starts_with(['-', '_']),
        None => whole.contains("/-/") && Utf8Path::new(&whole).extension() == Some("tgz"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npm::NpmEnvironment;

    fn front(npmrc: &str) -> RegistryFront {
        let guard = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(guard.path()).unwrap().to_owned();
        fs_err::write(home.join(".npmrc"), npmrc).unwrap();
        let (env, cwd) = (std::collections::BTreeMap::default(), home.clone());
        RegistryFront::new(NpmConfig::load(&NpmEnvironment { env, home, cwd, npm: None })).unwrap()
    }

    #[test]
    fn a_credential_goes_where_npm_sends_it_and_only_for_packages() {
        let front = front(
            "registry=https://h.test/npm/team/\n@other:registry=https://user:word@other.test\n\
             //h.test/:_authToken=wide\n//h.test/npm/team/:_authToken=narrow\n",
        );
        for (url, expected) in [
            ("https://h.test/npm/team/@s%2fname", Some("Bearer narrow")),
            ("https://h.test/npm/team/name/-/name-1.0.0.tgz", Some("Bearer narrow")),
            // Some registries keep tarballs elsewhere.
            ("https://h.test/projects/1/name/-/name-1.0.0.tgz", Some("Bearer wide")),
            ("https://h.test/projects/1", None),
            ("https://h.test/user.tgz", None),
            ("https://h.test/npm/team/-/whoami", None),
            ("https://h.test/npm/team/%2D/whoami", None),
            ("https://h.test/npm/team//-/whoami", None),
            ("https://h.test/npm/team/_session", None),
            ("https://h.test/npm/team/x/..%2f-/whoami", None),
            ("https://h.test/npm/team/x/%2e%2E%5c-/whoami", None),
            ("https://h.test:8443/npm/team/name", None),
            ("http://h.test/npm/team/name", None),
        ] {
            let (asked, found) = front.with_credentials(url.parse().unwrap()).unwrap();
            assert_eq!(found.as_ref().map(|value| value.to_str().unwrap()), expected, "{url}");
            assert_eq!(asked.username(), "");
        }
        let in_the_address = |url: &str| front.with_credentials(url.parse().unwrap()).unwrap().0;
        assert_eq!(
            in_the_address("https://other.test/x").as_str(),
            "https://user:word@other.test/x"
        );
        assert_eq!(in_the_address("https://other.test/-/whoami").username(), "");
    }

    #[test]
    fn an_address_that_npm_asks_at_stands_for_the_registrys_own() {
        let front = front("registry=https://h.test/npm/\n@other:registry=http://[::1]:8080/\n");
        let asked = front.other("https://h.test/npm/a/-/a-1.0.0.tgz?x=1").unwrap();
        assert_eq!(asked, "http://h.test:443/npm/a/-/a-1.0.0.tgz?x=1");
        let uri: Uri = asked.parse().unwrap();
        let real = front.real(&HostPort::new("h.test", 443), &uri).unwrap();
        assert_eq!(real.as_str(), "https://h.test/npm/a/-/a-1.0.0.tgz?x=1");
        for same in
            ["http://[::1]:8080/a", "https://elsewhere.test/a", "https://h.test:8443/a", "a"]
        {
            assert_eq!(front.other(same), None, "{same}");
        }
        let plain =
            front.real(&HostPort::new("::1", 8080), &Uri::from_static("http://[::1]:8080/a"));
        assert_eq!(plain.unwrap().as_str(), "http://[::1]:8080/a");
        assert_eq!(front.real(&HostPort::new("h.test", 80), &Uri::from_static("/a")), None);
    }
}
