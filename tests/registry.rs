//! The registry client against a server in this process.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use camino::Utf8PathBuf;
use codexpin::explain::Explain as _;
use codexpin::npm::config::{NpmConfig, NpmEnvironment};
use codexpin::npm::registry::{
    Freshness, PackumentFetch, PackumentSource, Registry, RegistryError, RegistryLimits,
};
use codexpin::release::PackageName;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const BODY: &str = r#"{"name":"openclaw","dist-tags":{"latest":"2026.5.2"},
    "versions":{"2026.5.1":{},"2026.5.2":{"engines":{"node":">=22"}}}}"#;

type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

/// A server that gives the same answer to the same turn: `answer` is told how
/// many requests came before.
struct Server {
    host: String,
    seen: Seen,
}

impl Server {
    async fn start(
        answer: impl Fn(usize, &Request) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let seen = Seen::default();
        let noted = seen.clone();
        let app = Router::new().fallback(move |request: Request| {
            let turn = {
                let mut noted = noted.lock().unwrap();
                noted.push((request.uri().path().to_owned(), request.headers().clone()));
                noted.len() - 1
            };
            let response = answer(turn, &request);
            async move { response }
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { host, seen }
    }

    /// One that writes these bytes to each connection and leaves it open if `hold`.
    async fn raw(bytes: Vec<u8>, hold: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                stream.write_all(&bytes).await.unwrap();
                stream.flush().await.unwrap();
                if hold {
                    open.push(stream);
                }
            }
        });
        Self { host, seen: Seen::default() }
    }

    fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    fn header(&self, turn: usize, name: &str) -> Option<String> {
        let seen = self.seen.lock().unwrap();
        seen[turn].1.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

struct Client {
    guard: tempfile::TempDir,
    npmrc: String,
    limits: RegistryLimits,
    clock: fn() -> Timestamp,
}

/// Seconds that the clock of a test has gone on. One for each test that moves it.
static LATER: AtomicI64 = AtomicI64::new(0);

fn moving_clock() -> Timestamp {
    still_clock() + Duration::from_secs(LATER.load(Ordering::SeqCst).unsigned_abs())
}

fn still_clock() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

impl Client {
    fn of(server: &Server) -> Self {
        Self::with(&format!("registry=http://{}/npm/\n", server.host))
    }

    fn with(npmrc: &str) -> Self {
        let limits = RegistryLimits {
            connect: Duration::from_secs(5),
            stall: Duration::from_millis(200),
            overall: Duration::from_secs(20),
            retries: 2,
            first_delay: Duration::from_millis(1),
            longest_wait: Duration::from_secs(2),
            largest_body: 1_000_000,
        };
        let guard = tempfile::tempdir().unwrap();
        Self { guard, npmrc: npmrc.to_owned(), limits, clock: still_clock }
    }

    fn root(&self) -> Utf8PathBuf {
        Utf8PathBuf::from_path_buf(self.guard.path().to_owned()).unwrap()
    }

    fn registry(&self) -> Registry {
        let home = self.root();
        fs_err::write(home.join(".npmrc"), &self.npmrc).unwrap();
        let env = BTreeMap::from([("PREFIX".to_owned(), home.join("none").into_string())]);
        let cwd = home.join("work");
        let around = NpmEnvironment { env, home: home.clone(), cwd, npm: None };
        let config = NpmConfig::load(&around);
        Registry::new(config, self.limits.clone(), home.join("cache"), self.clock).unwrap()
    }

    async fn ask(&self, freshness: Freshness) -> Result<PackumentFetch, RegistryError> {
        self.registry().packument(&PackageName::CORE, freshness).await
    }

    async fn cached(&self) -> PackumentFetch {
        self.ask(Freshness::Cached).await.unwrap()
    }

    async fn error(&self) -> RegistryError {
        self.ask(Freshness::Cached).await.unwrap_err()
    }
}

fn status(code: u16) -> Response<Body> {
    Response::builder().status(code).body(Body::empty()).unwrap()
}

fn ok(headers: &[(&str, &str)]) -> Response<Body> {
    let builder = Response::builder().header("content-type", "application/json");
    let builder =
        headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value));
    builder.body(Body::from(BODY)).unwrap()
}

#[tokio::test]
async fn an_answer_is_read_and_kept_for_as_long_as_it_says() {
    let server = Server::start(|_, _| ok(&[("cache-control", "public, max-age=60")])).await;
    let mut client = Client::of(&server);
    client.clock = moving_clock;
    let first = client.cached().await;
    assert!(matches!(first.source, PackumentSource::Network));
    assert_eq!(first.packument.dist_tags["latest"], "2026.5.2");
    let second = client.cached().await;
    assert!(matches!(second.source, PackumentSource::Cache));
    assert_eq!(second.packument, first.packument);
    LATER.store(60, Ordering::SeqCst);
    assert!(matches!(client.cached().await.source, PackumentSource::Network));
    let forced = client.ask(Freshness::Refresh).await.unwrap();
    assert!(matches!(forced.source, PackumentSource::Network));
    assert_eq!(server.paths(), ["/npm/openclaw"; 3]);
    assert_eq!(server.header(0, "accept").as_deref(), Some("application/json"));
}

#[tokio::test]
async fn an_unchanged_packument_is_not_sent_again() {
    let server = Server::start(|_, request| {
        if request.headers().contains_key("if-none-match") {
            status(304)
        } else {
            ok(&[("etag", "\"v1\""), ("last-modified", "Fri, 20 Nov 2026 08:00:00 GMT")])
        }
    })
    .await;
    let client = Client::of(&server);
    let first = client.cached().await;
    for turn in 1..3 {
        let again = client.ask(Freshness::Refresh).await.unwrap();
        assert!(matches!(again.source, PackumentSource::Revalidated));
        assert_eq!(again.packument, first.packument);
        assert_eq!(server.header(turn, "if-none-match").as_deref(), Some("\"v1\""));
        let date = server.header(turn, "if-modified-since");
        assert_eq!(date.as_deref(), Some("Fri, 20 Nov 2026 08:00:00 GMT"));
    }
    assert!(matches!(client.cached().await.source, PackumentSource::Cache));
}

#[tokio::test]
async fn a_packed_answer_is_unpacked() {
    let server = Server::start(|_, request| {
        assert!(request.headers()["accept-encoding"].to_str().unwrap().contains("gzip"));
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(BODY.as_bytes()).unwrap();
        let body = Body::from(packed.finish().unwrap());
        Response::builder().header("content-encoding", "gzip").body(body).unwrap()
    })
    .await;
    assert_eq!(Client::of(&server).cached().await.packument.releases.len(), 2);
}

#[tokio::test]
async fn a_refusal_names_the_setting_and_never_the_token() {
    for code in [401, 403] {
        let server = Server::start(move |_, _| status(code)).await;
        let mut client = Client::of(&server);
        let error = client.error().await;
        assert!(error.to_string().ends_with("which had no credentials"), "{error}");
        let key = format!("//{}/npm/:_authToken", server.host);
        assert!(error.hint().unwrap().contains(&key), "{error:?}");
        client.npmrc = format!("{}{key}=made-up-token\n", client.npmrc);
        let error = client.error().await;
        assert!(error.to_string().contains(&format!("{key}` in ")), "{error}");
        assert!(!format!("{error} {error:?} {:?}", error.hint()).contains("made-up-token"));
        client.npmrc = format!("{}{key}=${{NOT_SET_HERE}}\n", client.npmrc);
        let hint = client.error().await.hint().unwrap();
        assert_eq!(hint, "set the variable NOT_SET_HERE");
        assert_eq!(server.paths().len(), 3, "a refusal is not asked again");
    }
}

#[tokio::test]
async fn a_missing_package_is_named_and_not_asked_for_again() {
    let server = Server::start(|_, _| status(404)).await;
    let error = Client::of(&server).error().await;
    assert!(matches!(&error, RegistryError::NotFound { package, .. } if package == "openclaw"));
    assert_eq!(server.paths().len(), 1);
}

#[tokio::test]
async fn a_limited_rate_is_waited_out_where_the_wait_is_short() {
    let server = Server::start(|turn, _| match turn {
        0 => {
            Response::builder().status(429).header("retry-after", "1").body(Body::empty()).unwrap()
        }
        _ => ok(&[]),
    })
    .await;
    let start = Instant::now();
    assert!(matches!(Client::of(&server).cached().await.source, PackumentSource::Network));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.paths().len(), 2);
}

#[tokio::test]
async fn a_long_wait_is_told_instead_of_waited() {
    for header in ["3600", "Sat, 21 Nov 2026 09:00:00 GMT"] {
        let server = Server::start(move |_, _| {
            Response::builder()
                .status(429)
                .header("retry-after", header)
                .body(Body::empty())
                .unwrap()
        })
        .await;
        let error = Client::of(&server).error().await;
        assert!(error.to_string().ends_with("come back at 2026-11-21T09:00:00Z"), "{error}");
        assert_eq!(server.paths().len(), 1);
    }
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_three_times() {
    let server = Server::start(|_, _| status(503)).await;
    let error = Client::of(&server).error().await;
    assert!(matches!(error, RegistryError::Server { status: 503, .. }), "{error}");
    assert_eq!(server.paths().len(), 3);
    let server = Server::start(|turn, _| if turn < 2 { status(503) } else { ok(&[]) }).await;
    Client::of(&server).cached().await;
}

#[tokio::test]
async fn an_old_copy_stands_in_for_a_registry_in_trouble_and_not_for_one_that_refuses() {
    let server = Server::start(|turn, _| match turn {
        0 => ok(&[]),
        1..4 => status(503),
        _ => status(401),
    })
    .await;
    let client = Client::of(&server);
    client.cached().await;
    let stale = client.ask(Freshness::Refresh).await.unwrap();
    let PackumentSource::Stale { since, why } = stale.source else { panic!("{stale:?}") };
    assert_eq!(since, still_clock());
    assert!(matches!(*why, RegistryError::Server { status: 503, .. }));
    let refused = client.ask(Freshness::Refresh).await.unwrap_err();
    assert!(matches!(refused, RegistryError::Unauthorized { .. }));
}

#[tokio::test]
async fn an_answer_that_ends_early_is_told_from_a_bad_one() {
    let length = BODY.len() + 100;
    let whole = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{BODY}");
    let cut = format!("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}", &BODY[..60]);
    for bytes in [whole, cut] {
        let server = Server::raw(bytes.into_bytes(), false).await;
        let error = Client::of(&server).error().await;
        assert!(matches!(error, RegistryError::Truncated { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_packument_is_shown_by_its_beginning() {
    let server = Server::start(|_, _| {
        Response::new(Body::from("<html>\n<title>Please log in</title>\u{1b}[0m"))
    })
    .await;
    let error = Client::of(&server).error().await;
    assert!(matches!(&error, RegistryError::NotJson { shown, .. }
        if shown == "<html> <title>Please log in</title> [0m"));
    let server =
        Server::start(|_, _| Response::new(Body::from(r#"{"name":"other","versions":{}}"#))).await;
    let error = Client::of(&server).error().await.to_string();
    assert!(error.contains("it speaks of `other`"), "{error}");
}

#[tokio::test]
async fn a_stall_ends_at_its_limit() {
    for bytes in ["", "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"name\""] {
        let server = Server::raw(bytes.into(), true).await;
        let mut client = Client::of(&server);
        client.limits.retries = 0;
        let error = client.error().await;
        assert!(error.to_string().ends_with("took longer than 0.2 s"), "{error}");
        client.limits.retries = 1000;
        client.limits.overall = Duration::from_millis(500);
        let error = client.error().await;
        assert!(error.to_string().ends_with("took longer than 0.5 s"), "{error}");
    }
}

#[tokio::test]
async fn a_closed_port_is_named_without_the_password_in_the_url() {
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let client = Client::with(&format!("registry=http://user:pass-word@{address}/\n"));
    let error = client.error().await;
    assert!(matches!(error, RegistryError::Unreachable { .. }), "{error:?}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains(&format!("http://{address}/openclaw")), "{shown}");
    assert!(!shown.contains("pass-word"), "{shown}");
}

#[tokio::test]
async fn a_token_goes_to_its_own_path_of_its_own_registry_alone() {
    let server = Server::start(|_, _| status(404)).await;
    let host = &server.host;
    let client = Client::with(&format!(
        "registry=http://{host}/open/\n@openclaw:registry=http://{host}/closed/\n\
         //{host}/closed/:_authToken=t\n"
    ));
    let registry = client.registry();
    registry.packument(&PackageName::CORE, Freshness::Cached).await.unwrap_err();
    registry.packument(&PackageName::PLUGIN, Freshness::Cached).await.unwrap_err();
    assert_eq!(server.paths(), ["/open/openclaw", "/closed/@openclaw%2fcodex"]);
    assert_eq!(server.header(0, "authorization"), None);
    assert_eq!(server.header(1, "authorization").as_deref(), Some("Bearer t"));
}

#[tokio::test]
async fn an_endless_answer_is_refused() {
    let server = Server::start(|_, _| Response::new(Body::from(" ".repeat(2_000_000)))).await;
    let error = Client::of(&server).error().await;
    assert!(matches!(error, RegistryError::TooLarge { limit: 1_000_000, .. }), "{error}");
}

#[tokio::test]
async fn a_broken_copy_counts_as_none_and_a_cache_that_cannot_be_written_is_named() {
    let server = Server::start(|_, _| ok(&[])).await;
    let client = Client::of(&server);
    client.cached().await;
    let cache = client.root().join("cache");
    for file in fs_err::read_dir(&cache).unwrap() {
        fs_err::write(file.unwrap().path(), "{\"format\": 1, \"url\"").unwrap();
    }
    assert!(matches!(client.cached().await.source, PackumentSource::Network));
    fs_err::remove_dir_all(&cache).unwrap();
    fs_err::write(&cache, "in the way").unwrap();
    let error = client.error().await.to_string();
    assert!(error.starts_with(&format!("cannot write the cache in {cache}: ")), "{error}");
}

#[tokio::test]
async fn without_a_registry_nothing_is_asked() {
    let error = Client::with("fund=false\n").error().await;
    assert_eq!(error.to_string(), "no registry is configured for openclaw");
}

#[tokio::test]
async fn a_proxy_is_asked_in_the_registrys_place() {
    let proxy = Server::start(|_, _| ok(&[])).await;
    let client = Client::with(&format!(
        "registry=http://registry.example.test/\nproxy=http://{}\n",
        proxy.host
    ));
    client.cached().await;
    assert_eq!(proxy.header(0, "host").as_deref(), Some("registry.example.test"));
}

#[tokio::test]
async fn a_certificate_is_checked_against_cafile_or_not_at_all() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(tls));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate hangs up here.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let client =
        |settings: &str| Client::with(&format!("registry=https://localhost:{port}/\n{settings}\n"));
    let unknown = client("").error().await.to_string();
    assert!(unknown.contains("certificate"), "{unknown}");
    client("strict-ssl=false").cached().await;
    let with_file = client("cafile=~/ca.pem");
    fs_err::write(with_file.root().join("ca.pem"), made.cert.pem()).unwrap();
    with_file.cached().await;
    let inline = format!("ca={:?}", made.cert.pem());
    client(&inline).cached().await;
}
