//! A registry in this process: tiny releases, made in memory, for the real npm.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use codexpin::apply::file_integrity;
use serde_json::{Value, json};

/// Answers `--version` and a turn, and runs a Gateway that says which release it is. With
/// a config of a newer release it refuses to start, as the real one does; with `not-held` in
/// its home also where it is kept from updating itself.
const CORE: &str = r#"
const here = JSON.parse(fs.readFileSync(new URL(import.meta.url.includes("/dist/") ? "../package.json" : "./package.json", import.meta.url)));
if (process.argv.includes("--version")) { console.log(`OpenClaw ${here.version} (0000000)`); process.exit(0); }
if (process.argv[2] === "agent") { await (await import(import.meta.url.includes("/dist/") ? "../agent.mjs" : "./agent.mjs")).run(process.argv.slice(3)); process.exit(0); }
const config = `${process.env.HOME}/.openclaw/openclaw.json`;
if (here.version === "2026.7.2") {
  fs.writeFileSync(config, JSON.stringify({ meta: { lastTouchedVersion: here.version } }));
  console.error("cannot start");
  process.exit(1);
}
const numbers = (version) => version.split(".").map(Number);
const [, stamp] = fs.readFileSync(config, "utf8").match(/lastTouchedVersion['"]?: *['"]([^'"]+)/) ?? [];
const [there, mine] = [numbers(stamp ?? here.version), numbers(here.version)];
const at = there.findIndex((number, index) => number !== mine[index]);
if (at >= 0 && there[at] > mine[at]) {
  console.error(`Refusing to start the gateway service: the config was last written by OpenClaw ${stamp}.`);
  process.exit(78);
}
if (process.env.OPENCLAW_NO_AUTO_UPDATE && fs.existsSync(`${process.env.HOME}/not-held`)) process.exit(1);
const port = Number(process.argv[process.argv.indexOf("--port") + 1]);
http.createServer((request, response) => {
  response.end(request.url === "/healthz" ? JSON.stringify({ ok: true, version: here.version }) : "");
}).listen(port, "127.0.0.1");
"#;

/// A turn, asked as real releases ask.
const TURN: [(&str, &str); 3] = [
    ("agent.mjs", include_str!("agent.mjs")),
    ("fixture.mjs", include_str!("../it/openclaw/fixture.mjs")),
    ("upstream.mjs", include_str!("../it/openclaw/upstream.mjs")),
];

type Files = Vec<(&'static str, String)>;

pub(crate) struct Registry {
    pub(crate) url: String,
    content: Arc<Content>,
    _runtime: tokio::runtime::Runtime,
}

struct Content {
    packuments: BTreeMap<String, Value>,
    tarballs: BTreeMap<String, Vec<u8>>,
}

impl Registry {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let content = Arc::new(content(&url));
        let app = axum::Router::new().fallback(answer).with_state(Arc::clone(&content));
        runtime.spawn(async { axum::serve(listener, app).await.unwrap() });
        Self { url, content, _runtime: runtime }
    }

    /// The hash of a release's tarball.
    pub(crate) fn integrity(&self, name: &str, version: &str) -> Value {
        self.content.packuments[name]["versions"][version]["dist"]["integrity"].clone()
    }
}

async fn answer(State(content): State<Arc<Content>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').replace("%2f", "/").replace("%2F", "/");
    if let Some(tarball) = content.tarballs.get(&path) {
        return tarball.clone().into_response();
    }
    match content.packuments.get(&path) {
        Some(packument) => packument.to_string().into_response(),
        None => (StatusCode::NOT_FOUND, r#"{"error":"not found"}"#).into_response(),
    }
}

fn content(url: &str) -> Content {
    let mut content = Content { packuments: BTreeMap::new(), tarballs: BTreeMap::new() };
    let module = format!(
        "#!/usr/bin/env node\nimport fs from \"node:fs\";\nimport http from \"node:http\";\n{CORE}"
    );
    for version in ["2026.6.1", "2026.7.1", "2026.7.2"] {
        // The command's file has another name in the older release.
        let entry = if version == "2026.6.1" { "claw.mjs" } else { "openclaw.mjs" };
        let mut manifest = json!({
            "name": "openclaw", "version": version, "type": "module",
            "bin": {"openclaw": entry}, "dependencies": {"tiny-dep": "1.0.0"},
            "engines": {"node": ">=18"}, "scripts": {"postinstall": "true"},
        });
        if version == "2026.6.1" {
            manifest["dependencies"]["scripted"] = "1.0.0".into();
        }
        let mut files = vec![(entry, module.clone()), ("dist/index.js", module.clone())];
        files.extend(TURN.map(|(name, text)| (name, text.to_owned())));
        content.publish(url, &manifest, files);
        let plugin = json!({
            "name": "@openclaw/codex", "version": version,
            "dependencies": {"tiny-dep": "1.0.0"}, "peerDependencies": {"openclaw": version},
        });
        content.publish(url, &plugin, vec![("index.js", String::new())]);
    }
    // What a pin of another's wants to install in place of the release.
    let mark = json!({"postinstall": "touch \"$npm_config_cache-mark\""});
    let other = json!({
        "name": "other", "version": "2026.6.1", "type": "module", "bin": {"openclaw": "claw.mjs"},
        "dependencies": {"tiny-dep": "1.0.0"}, "scripts": mark,
    });
    content.publish(url, &other, vec![("claw.mjs", module.clone()), ("dist/index.js", module)]);
    content.publish(url, &json!({"name": "mark", "version": "1.0.0", "scripts": mark}), vec![]);
    let scripted = json!({"name": "scripted", "version": "1.0.0", "scripts": {"install": "true"}});
    content.publish(url, &scripted, vec![]);
    let dependency = json!({"name": "tiny-dep", "version": "1.0.0", "bin": "tiny.js"});
    content.publish(url, &dependency, vec![("tiny.js", "#!/usr/bin/env node\n".to_owned())]);
    content
}

impl Content {
    fn publish(&mut self, url: &str, manifest: &Value, files: Files) {
        let (name, version) =
            (manifest["name"].as_str().unwrap(), manifest["version"].as_str().unwrap());
        let plain = name.rsplit('/').next().unwrap();
        let tarball = tarball(manifest, files);
        let path = format!("{name}/-/{plain}-{version}.tgz");
        let mut published = manifest.clone();
        published["dist"] =
            json!({"tarball": format!("{url}/{path}"), "integrity": file_integrity(&tarball)});
        let packument = self
            .packuments
            .entry(name.to_owned())
            .or_insert_with(|| json!({"name": name, "dist-tags": {}, "versions": {}}));
        packument["dist-tags"]["latest"] = version.into();
        packument["versions"][version] = published;
        self.tarballs.insert(path, tarball);
    }
}

fn tarball(manifest: &Value, files: Files) -> Vec<u8> {
    let mut archive =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let manifest = ("package.json", manifest.to_string());
    for (path, text) in std::iter::once(manifest).chain(files) {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        archive.append_data(&mut header, format!("package/{path}"), text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap().finish().unwrap()
}
