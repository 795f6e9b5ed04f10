//! An npm registry in this process: packages made in memory, faults on demand,
//! and every request counted. The stand-in for `OpenClaw` asks it what to do.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response, StatusCode, header};
use base64::Engine as _;
use bytes::Bytes;
use camino::Utf8Path;
use hyper::body::Frame;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha512};

use crate::agent;

/// How long a test waits for something to happen before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// A request that came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub path: String,
    /// npm, and not codexpin itself.
    pub by_npm: bool,
    pub authorization: Option<String>,
}

/// A turn that a release was asked for, with what it was given.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub core: String,
    pub given: Value,
}

/// What goes wrong on a path.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Status(u16),
    /// 429, to be asked again after so many seconds.
    TooMany(u32),
    /// No answer at all.
    Stall,
    /// Half of the body, then nothing.
    Truncated,
    /// A login page.
    Html,
    /// It is to be had there.
    Redirect(String),
}

struct Tarball {
    content: Vec<u8>,
    integrity: String,
}

#[derive(Default)]
struct State {
    manifests: BTreeMap<String, BTreeMap<String, Value>>,
    tags: BTreeMap<String, BTreeMap<String, String>>,
    tarballs: BTreeMap<String, Tarball>,
    /// By path: what goes wrong, and how often still; for ever where none.
    faults: BTreeMap<String, (Fault, Option<usize>)>,
    /// The header without which nothing is given.
    authorization: Option<String>,
    seen: Vec<Seen>,
    scripts: BTreeMap<String, VecDeque<Value>>,
    turns: Vec<Turn>,
    notes: Vec<Value>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

/// The registry. Dropped, it stops.
pub(crate) struct Registry {
    address: SocketAddr,
    /// Holds the socket that the stand-in tells by.
    directory: tempfile::TempDir,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

/// What a package's `package.json` has besides name and version.
pub(crate) fn asks_for_node(range: &str) -> Value {
    json!({ "engines": { "node": range } })
}

/// A process that the stand-in told of: its number where it runs, and which namespace of
/// numbers that is.
#[derive(Debug, Clone, serde::Deserialize)]
pub(crate) struct NotedProcess {
    pub(crate) pid: u32,
    pub(crate) namespace: String,
}

impl Registry {
    /// One without packages.
    pub(crate) fn empty() -> Self {
        let shared = Arc::new(Shared::default());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let answering = Arc::clone(&shared);
        let app = Router::new().fallback(move |request: Request| {
            let shared = Arc::clone(&answering);
            async move { shared.answer(request).await }
        });
        let directory = tempfile::tempdir().unwrap();
        let bound = directory.path().join("bound");
        let told = {
            let _entered = runtime.enter();
            tokio::net::UnixListener::bind(&bound).unwrap()
        };
        // An enclosure covers a socket by the name that the kernel has of it.
        fs_err::hard_link(bound, directory.path().join("socket")).unwrap();
        runtime.spawn(axum::serve(listener, app.clone()).into_future());
        runtime.spawn(axum::serve(told, app).into_future());
        Self { address, directory, shared, runtime: Some(runtime) }
    }

    /// Where the stand-in reaches the test. On PATH it is within reach of a candidate,
    /// which finds `/tmp` empty otherwise.
    pub(crate) fn directory(&self) -> &Utf8Path {
        Utf8Path::from_path(self.directory.path()).unwrap()
    }

    /// One with a small dependency, and core releases of three channels that
    /// all answer.
    pub(crate) fn with_releases() -> Self {
        let registry = Self::empty();
        registry.publish("tiny-dep", "1.0.0", json!({}), &[("index.js", "module.exports = 1;\n")]);
        for core in [
            "2026.5.12",
            "2026.5.18",
            "2026.5.18-1",
            "2026.5.19",
            "2026.5.31-beta.1",
            "2026.6.1",
            "2026.6.5",
            "2026.6.11",
            "2026.6.33",
            "2026.7.1",
            "2026.7.1-1",
            "2026.7.2-beta.1",
        ] {
            registry.publish_core(core, json!({}));
        }
        registry.tag("openclaw", "latest", "2026.7.1-1");
        registry.tag("openclaw", "beta", "2026.7.2-beta.1");
        registry.tag("openclaw", "extended-stable", "2026.6.33");
        registry
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A core release with the stand-in inside.
    pub(crate) fn publish_core(&self, version: &str, more: Value) {
        self.publish_core_with(version, more, &[]);
    }

    /// The same with further files.
    pub(crate) fn publish_core_with(&self, version: &str, more: Value, files: &[(&str, &str)]) {
        let mut manifest = json!({
            "bin": { "openclaw": "openclaw.mjs" },
            "engines": { "node": ">=18" },
            "dependencies": { "tiny-dep": "^1.0.0" },
            "fixture": { "socket": self.directory.path().join("socket") },
        });
        merge(&mut manifest, more);
        let files = [&agent::FILES, files].concat();
        self.publish("openclaw", version, manifest, &files);
    }

    /// The plugin for these core releases.
    pub(crate) fn publish_plugin(&self, versions: &[&str]) {
        self.publish("@openai/codex", "0.154.0", json!({}), &[]);
        for version in versions {
            let manifest = json!({
                "dependencies": { "@openai/codex": "0.154.0" },
                "peerDependencies": { "openclaw": version },
            });
            self.publish("@openclaw/codex", version, manifest, &[("index.js", "")]);
        }
    }

    pub(crate) fn publish(&self, name: &str, version: &str, more: Value, files: &[(&str, &str)]) {
        let mut manifest = json!({ "name": name, "version": version });
        merge(&mut manifest, more);
        let text = manifest.to_string();
        let files = [("package.json", text.as_str())].into_iter().chain(files.iter().copied());
        let content = tarball(files);
        let integrity = format!(
            "sha512-{}",
            base64::engine::general_purpose::STANDARD.encode(Sha512::digest(&content))
        );
        let base = name.rsplit('/').next().unwrap_or(name);
        let path = format!("/{name}/-/{base}-{version}.tgz");
        let mut state = self.lock();
        state.tarballs.insert(path, Tarball { content, integrity });
        state.manifests.entry(name.to_owned()).or_default().insert(version.to_owned(), manifest);
        let tags = state.tags.entry(name.to_owned()).or_default();
        tags.insert("latest".to_owned(), version.to_owned());
    }

    /// The list promises, and npm gets, the tarball of another release under this one's name.
    pub(crate) fn serve_in_place_of(&self, tarball: &str, other: &str) {
        let mut state = self.lock();
        let Tarball { content, integrity } = &state.tarballs[other];
        let other = Tarball { content: content.clone(), integrity: integrity.clone() };
        state.tarballs.insert(tarball.to_owned(), other);
    }

    /// What npm would get is not what the packument promises.
    pub(crate) fn promise_another_integrity(&self, tarball: &str) {
        let wrong = base64::engine::general_purpose::STANDARD.encode([7; 64]);
        self.lock().tarballs.get_mut(tarball).unwrap().integrity = format!("sha512-{wrong}");
    }

    pub(crate) fn unpublish(&self, name: &str) {
        self.lock().manifests.remove(name);
    }

    pub(crate) fn tag(&self, name: &str, tag: &str, version: &str) {
        let mut state = self.lock();
        state.tags.entry(name.to_owned()).or_default().insert(tag.to_owned(), version.to_owned());
    }

    /// From now on, nothing without this token.
    pub(crate) fn ask_for_token(&self, token: &str) {
        self.ask_for(format!("Bearer {token}"));
    }

    /// The same with the whole header.
    pub(crate) fn ask_for(&self, authorization: String) {
        self.lock().authorization = Some(authorization);
    }

    pub(crate) fn break_path(&self, path: &str, fault: Fault) {
        self.lock().faults.insert(path.to_owned(), (fault, None));
    }

    pub(crate) fn break_path_times(&self, path: &str, fault: Fault, times: usize) {
        self.lock().faults.insert(path.to_owned(), (fault, Some(times)));
    }

    pub(crate) fn mend(&self) {
        self.lock().faults.clear();
    }

    /// What a release does in its turns: one script after the other, and the
    /// last one from then on.
    pub(crate) fn script(&self, core: &str, scripts: impl IntoIterator<Item = Value>) {
        self.lock().scripts.insert(core.to_owned(), scripts.into_iter().collect());
    }

    /// What several releases do in every turn.
    pub(crate) fn script_all(&self, cores: &[&str], script: &Value) {
        for core in cores {
            self.script(core, [script.clone()]);
        }
    }

    /// What a release does in every start of its Gateway.
    pub(crate) fn script_gateway(&self, core: &str, script: Value) {
        self.script(&format!("{core} gateway"), [script]);
    }

    /// What a release does in every `openclaw doctor --fix`.
    pub(crate) fn script_doctor(&self, core: &str, script: Value) {
        self.script(&format!("{core} doctor"), [script]);
    }

    /// What a release does in every `openclaw models list`.
    pub(crate) fn script_models(&self, core: &str, script: Value) {
        self.script(&format!("{core} models"), [script]);
    }

    /// Every request for a package so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    pub(crate) fn requests(&self, path: &str) -> usize {
        self.lock().seen.iter().filter(|seen| seen.path == path).count()
    }

    /// How often npm, and not codexpin itself, asked for this.
    pub(crate) fn requests_by_npm(&self, path: &str) -> usize {
        self.lock().seen.iter().filter(|seen| seen.path == path && seen.by_npm).count()
    }

    pub(crate) fn turns(&self) -> Vec<Turn> {
        self.lock().turns.clone()
    }

    /// The releases that were asked, in order, one for each turn.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.lock().turns.iter().map(|turn| turn.core.clone()).collect()
    }

    pub(crate) fn wait_for_turns(&self, number: usize) {
        self.wait("turns", |state| state.turns.len() >= number);
    }

    pub(crate) fn wait_for_request(&self, path: &str) {
        self.wait(path, |state| state.seen.iter().any(|seen| seen.path == path));
    }

    /// The number of the last process that the stand-in told of under this name.
    pub(crate) fn noted(&self, what: &str) -> NotedProcess {
        let noted = |state: &State| {
            let mut notes = state.notes.iter().rev();
            notes.find_map(|note| serde_json::from_value(note.get(what)?.clone()).ok())
        };
        self.wait(what, |state| noted(state).is_some());
        noted(&self.lock()).unwrap()
    }

    /// Everything that the stand-in told of besides turns.
    pub(crate) fn notes(&self) -> Vec<Value> {
        self.lock().notes.clone()
    }

    fn wait(&self, what: &str, ready: impl Fn(&State) -> bool) {
        let waited = self.shared.changed.wait_timeout_while(self.lock(), PATIENCE, |s| !ready(s));
        assert!(!waited.unwrap().1.timed_out(), "waited for {what} in vain");
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    async fn answer(&self, request: Request) -> Response<Body> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().replace("%2f", "/").replace("%2F", "/");
        if path.ends_with("/-/whoami") || path.ends_with("/-/npm/v1/tokens") {
            // As careless as can be.
            return Response::new(Body::from(format!("{:?}", head.headers)));
        }
        if let Some(told) = path.strip_prefix("/-/") {
            let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
            return self.hear(told, serde_json::from_slice(&body).unwrap());
        }
        match self.serve(&path, &head.headers) {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    /// A packument or a tarball; none where nobody ever gets an answer.
    fn serve(&self, path: &str, headers: &HeaderMap) -> Option<Response<Body>> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let by_npm = header(header::USER_AGENT).is_some_and(|agent| agent.starts_with("npm/"));
        let mut state = self.state.lock().unwrap();
        let authorization = header(header::AUTHORIZATION).map(str::to_owned);
        state.seen.push(Seen { path: path.to_owned(), by_npm, authorization });
        self.changed.notify_all();
        let expected = state.authorization.as_deref();
        if expected.is_some() && expected != header(header::AUTHORIZATION) {
            return Some(status(401));
        }
        let fault = state.fault_on(path);
        let host = header(header::HOST).unwrap();
        let Some((kind, body)) = state.content(path, host) else { return Some(status(404)) };
        let etag = format!("\"{:x}\"", Sha512::digest(&body));
        let answer = Response::builder().header(header::CONTENT_TYPE, kind);
        let answer = match fault {
            Some(Fault::Stall) => return None,
            Some(Fault::Status(code)) => return Some(status(code)),
            Some(Fault::TooMany(seconds)) => {
                let answer = Response::builder().status(429).header(header::RETRY_AFTER, seconds);
                answer.body(Body::empty())
            }
            Some(Fault::Redirect(to)) => {
                Response::builder().status(302).header(header::LOCATION, to).body(Body::empty())
            }
            Some(Fault::Html) => Response::builder()
                .header(header::CONTENT_TYPE, "text/html")
                .body(Body::from("<!DOCTYPE html><title>Log in</title>\n")),
            Some(Fault::Truncated) => {
                let half = Bytes::copy_from_slice(&body[..body.len() / 2]);
                answer.header(header::CONTENT_LENGTH, body.len()).body(Body::new(Half(Some(half))))
            }
            None if header(header::IF_NONE_MATCH) == Some(&etag) => {
                Response::builder().status(304).header(header::ETAG, etag).body(Body::empty())
            }
            None => answer.header(header::ETAG, etag).body(Body::from(body)),
        };
        Some(answer.unwrap())
    }

    /// What the stand-in tells, and what it is told to do.
    fn hear(&self, told: &str, body: Value) -> Response<Body> {
        let mut state = self.state.lock().unwrap();
        let mut answer = json!({});
        match told.split_once('/') {
            Some(("turn", core)) => {
                state.turns.push(Turn { core: core.to_owned(), given: body });
                answer = state.next_script(core).unwrap_or_else(agent::answers);
            }
            Some((what @ ("gateway" | "doctor" | "models"), core)) => {
                answer = state.next_script(&format!("{core} {what}")).unwrap_or(answer);
            }
            _ => state.notes.push(body),
        }
        drop(state);
        self.changed.notify_all();
        Response::new(Body::from(answer.to_string()))
    }
}

impl State {
    fn next_script(&mut self, of: &str) -> Option<Value> {
        let scripts = self.scripts.get_mut(of)?;
        if scripts.len() > 1 { scripts.pop_front() } else { scripts.front().cloned() }
    }

    fn fault_on(&mut self, path: &str) -> Option<Fault> {
        let (fault, times) = self.faults.get_mut(path)?;
        if let Some(times) = times {
            *times = times.checked_sub(1)?;
        }
        Some(fault.clone())
    }

    fn content(&self, path: &str, host: &str) -> Option<(&'static str, Vec<u8>)> {
        if let Some(tarball) = self.tarballs.get(path) {
            return Some(("application/octet-stream", tarball.content.clone()));
        }
        let name = path.trim_start_matches('/');
        let base = name.rsplit('/').next().unwrap_or(name);
        let mut versions = serde_json::Map::new();
        let mut time = serde_json::Map::new();
        for (at, (version, manifest)) in self.manifests.get(name)?.iter().enumerate() {
            let file = format!("/{name}/-/{base}-{version}.tgz");
            let mut manifest = manifest.clone();
            manifest["dist"] = json!({
                "tarball": format!("http://{host}{file}"),
                "integrity": self.tarballs[&file].integrity,
            });
            versions.insert(version.clone(), manifest);
            let day = 10 + at % 18;
            time.insert(version.clone(), json!(format!("2026-05-{day}T10:00:00.000Z")));
        }
        let packument = json!({
            "name": name, "dist-tags": self.tags.get(name), "versions": versions, "time": time,
        });
        Some(("application/json", packument.to_string().into_bytes()))
    }
}

fn status(code: u16) -> Response<Body> {
    let code = StatusCode::from_u16(code).unwrap();
    Response::builder().status(code).body(Body::from("{\"error\":\"made up\"}")).unwrap()
}

fn merge(into: &mut Value, more: Value) {
    if let (Value::Object(into), Value::Object(more)) = (into, more) {
        into.extend(more);
    }
}

fn tarball<'a>(files: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packed);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        archive.append_data(&mut header, format!("package/{name}"), content.as_bytes()).unwrap();
    }
    let mut packed = archive.into_inner().unwrap();
    packed.flush().unwrap();
    packed.finish().unwrap()
}

/// A body that breaks off.
struct Half(Option<Bytes>);

impl hyper::body::Body for Half {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let end = || Err(std::io::Error::other("the end of what there is"));
        Poll::Ready(Some(self.0.take().map_or_else(end, |half| Ok(Frame::data(half)))))
    }
}
