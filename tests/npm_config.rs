//! Our reading of npm's configuration, held against the real npm's.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use camino::{Utf8Path, Utf8PathBuf};
use codexpin::npm::config::{NpmConfig, NpmEnvironment};
use codexpin::release::PackageName;
use url::Url;

/// Files, variables and a working directory; `ROOT` and `HOST` stand for the
/// temporary directory and a server.
#[derive(Clone, Copy, Default)]
struct Layout<'a> {
    files: &'a [(&'a str, &'a str)],
    env: &'a [(&'a str, &'a str)],
    cwd: &'a str,
}

struct Machine {
    _guard: tempfile::TempDir,
    around: NpmEnvironment,
}

impl Machine {
    fn new(layout: &Layout<'_>, host: &str) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let put_in = |text: &str| text.replace("ROOT", root.as_str()).replace("HOST", host);
        let cwd = root.join(if layout.cwd.is_empty() { "work" } else { layout.cwd });
        for directory in [&root.join("home"), &cwd] {
            fs_err::create_dir_all(directory).unwrap();
        }
        for (name, text) in layout.files {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, put_in(text)).unwrap();
        }
        let mut env = BTreeMap::from([
            ("PATH".to_owned(), std::env::var("PATH").unwrap()),
            ("HOME".to_owned(), root.join("home").into_string()),
            ("npm_config_cache".to_owned(), root.join("cache").into_string()),
            ("npm_config_update_notifier".to_owned(), "false".to_owned()),
            ("npm_config_globalconfig".to_owned(), root.join("global-npmrc").into_string()),
        ]);
        for (name, value) in layout.env {
            if *value == "UNSET" {
                env.remove(*name);
            } else {
                env.insert((*name).to_owned(), put_in(value));
            }
        }
        let around = NpmEnvironment { env, home: root.join("home"), cwd, npm: Some(npm()) };
        Self { _guard: guard, around }
    }

    fn ours(&self) -> NpmConfig {
        NpmConfig::load(&self.around)
    }

    fn npm(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(npm());
        command.args(arguments).env_clear().envs(&self.around.env).current_dir(&self.around.cwd);
        command
    }

    fn npm_says(&self, arguments: &[&str]) -> String {
        let output = self.npm(arguments).output().unwrap();
        assert!(output.status.success(), "npm {arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn npm() -> Utf8PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    std::env::split_paths(&path)
        .map(|directory| Utf8PathBuf::from_path_buf(directory.join("npm")).unwrap())
        .find(|npm| npm.is_file())
        .expect("these tests ask the real npm: there must be one in PATH")
}

const LAYOUTS: &[(&str, Layout<'_>)] = &[
    ("nothing", Layout { files: &[], env: &[], cwd: "" }),
    (
        "a user file",
        Layout {
            files: &[("home/.npmrc", "registry=https://user.example.test/npm/\n")],
            env: &[],
            cwd: "",
        },
    ),
    (
        "project over user, found from below",
        Layout {
            files: &[
                ("home/.npmrc", "registry=https://user.example.test/\nfetch-retries=7"),
                ("work/package.json", "{}"),
                ("work/.npmrc", "registry = \"https://project.example.test\" \nstrict-ssl=false"),
            ],
            env: &[],
            cwd: "work/a/b",
        },
    ),
    (
        "a file above with no package.json is no project's",
        Layout {
            files: &[("work/.npmrc", "registry=https://project.example.test/")],
            env: &[],
            cwd: "work/a",
        },
    ),
    (
        "a node_modules makes a project",
        Layout {
            files: &[
                ("work/node_modules/x/index.js", ""),
                ("work/.npmrc", "registry=https://project.example.test/"),
            ],
            env: &[],
            cwd: "work/a",
        },
    ),
    (
        "variables over files",
        Layout {
            files: &[("home/.npmrc", "registry=https://user.example.test/\nfetch-timeout=1000")],
            env: &[
                ("NPM_CONFIG_REGISTRY", "https://env.example.test/"),
                ("npm_config_fetch_timeout", "2000"),
                ("npm_config_@openclaw:registry", "https://scope.example.test/"),
            ],
            cwd: "",
        },
    ),
    (
        "an empty variable does not count",
        Layout {
            files: &[("home/.npmrc", "registry=https://user.example.test/")],
            env: &[("npm_config_registry", "")],
            cwd: "",
        },
    ),
    (
        "variables inside of values and keys",
        Layout {
            files: &[(
                "home/.npmrc",
                "registry=https://${WHERE}.example.test/${NONE?}\n@${SCOPE}:registry=https://s.example.test/\n",
            )],
            env: &[("WHERE", "there"), ("SCOPE", "openclaw")],
            cwd: "",
        },
    ),
    (
        "a user file elsewhere, and a global one",
        Layout {
            files: &[
                ("home/.npmrc", "registry=https://home.example.test/"),
                ("other", "@openclaw:registry=https://scope.example.test/ ; ours"),
                ("global-npmrc", "registry=https://global.example.test/\n@openclaw:registry=no"),
            ],
            env: &[("npm_config_userconfig", "ROOT/other")],
            cwd: "",
        },
    ),
    (
        "the global file below the prefix of the user file",
        Layout {
            files: &[
                ("home/.npmrc", "prefix=~/own\n"),
                ("home/own/etc/npmrc", "registry=https://own.example.test/"),
            ],
            env: &[("npm_config_globalconfig", "UNSET")],
            cwd: "",
        },
    ),
    (
        "the global file below PREFIX",
        Layout {
            files: &[("p/etc/npmrc", "registry=https://prefix.example.test/")],
            env: &[("npm_config_globalconfig", "UNSET"), ("PREFIX", "ROOT/p")],
            cwd: "",
        },
    ),
    (
        "the global file of the machine itself",
        Layout { files: &[], env: &[("npm_config_globalconfig", "UNSET")], cwd: "" },
    ),
    (
        "global mode has no project",
        Layout {
            files: &[
                ("work/package.json", "{}"),
                ("work/.npmrc", "registry=https://project.example.test/"),
            ],
            env: &[("npm_config_location", "global")],
            cwd: "",
        },
    ),
    (
        "the home directory as project",
        Layout {
            files: &[
                ("home/package.json", "{}"),
                ("home/.npmrc", "registry=https://home.example.test/"),
            ],
            env: &[],
            cwd: "home/below",
        },
    ),
    (
        "the last line counts, and a section hides the rest",
        Layout {
            files: &[(
                "home/.npmrc",
                "registry=https://one.example.test/\r\nregistry='https://two.example.test/'\r\n[x]\r\nregistry=https://three.example.test/\r\n",
            )],
            env: &[],
            cwd: "",
        },
    ),
];

#[test]
fn registries_and_limits_are_what_the_real_npm_says() {
    let nothing = Machine::new(&Layout::default(), "");
    let default = url(&nothing.npm_says(&["config", "get", "registry"]));
    assert!(default.is_some());
    for (name, layout) in LAYOUTS {
        let machine = Machine::new(layout, "");
        let answer = machine.npm_says(&[
            "config",
            "get",
            "registry",
            "@openclaw:registry",
            "strict-ssl",
            "fetch-retries",
            "fetch-timeout",
        ]);
        let npm: BTreeMap<_, _> = answer.lines().filter_map(|line| line.split_once('=')).collect();
        let ours = machine.ours();
        let registry = url(npm["registry"]).filter(|url| Some(url) != default.as_ref());
        assert_eq!(ours.registry().unwrap(), registry, "{name}");
        let scope = url(npm["@openclaw:registry"]).or(registry);
        assert_eq!(ours.registry_for(&PackageName::PLUGIN).unwrap(), scope, "{name}");
        let limits = (
            ours.strict_ssl().to_string(),
            ours.fetch_retries().to_string(),
            ours.fetch_timeout().as_millis().to_string(),
        );
        let npms = (npm["strict-ssl"], npm["fetch-retries"], npm["fetch-timeout"]);
        assert_eq!((&*limits.0, &*limits.1, &*limits.2), npms, "{name}");
    }
}

fn url(text: &str) -> Option<Url> {
    if text == "undefined" { None } else { text.parse().ok() }
}

const PASSWORD: &str = "//HOST/:username=me\n//HOST/:_password=cGFzczp3b3Jk\n";

#[test]
fn requests_are_signed_as_the_real_npm_signs_them() {
    let server = Recorder::start();
    for (npmrc, env) in [
        ("registry=http://HOST/\n", vec![]),
        ("registry=http://HOST/npm/team\n//HOST/npm/:_authToken=above\n", vec![]),
        (
            "registry=http://HOST/npm/team/\n//HOST/npm/team/:_authToken=t\n//HOST/:_authToken=r\n",
            vec![],
        ),
        ("registry=http://HOST/npm/\n//HOST/npm:_authToken=no-slash\n", vec![]),
        ("registry=http://HOST/npm/\n//HOST/other/:_authToken=other\n", vec![]),
        ("registry=http://HOST/\n//127.0.0.1/:_authToken=other-port\n", vec![]),
        ("registry=http://HOST/\n//HOST/:_authToken=${TOKEN}\n", vec![("TOKEN", "from-env")]),
        ("registry=http://HOST/\n//HOST/:_authToken=${TOKEN}\n", vec![]),
        ("registry=http://HOST/\n//HOST/:_authToken=${TOKEN?}\n", vec![]),
        ("registry=http://HOST/\n//HOST/:_auth=bWU6d29yZA==\n", vec![]),
        (PASSWORD, vec![("npm_config_registry", "http://HOST/")]),
        ("registry=http://HOST/\n", vec![("npm_config_//HOST/:_authToken", "variable")]),
        ("registry=http://me:word@HOST/\n", vec![]),
        ("registry=http://me:word@HOST/\n//HOST/:_authToken=stronger\n", vec![]),
        (
            "@openclaw:registry=http://HOST/scoped/\nregistry=http://HOST/\n//HOST/scoped/:_authToken=s\n",
            vec![],
        ),
    ] {
        let layout = Layout { files: &[("home/.npmrc", npmrc)], env: &env, cwd: "" };
        for package in [PackageName::CORE, PackageName::PLUGIN] {
            let machine = Machine::new(&layout, &server.host);
            let view = ["view", package.as_str(), "version", "--fetch-retries=0"];
            machine.npm(&view).output().unwrap();
            let npm = server.taken();
            let cache = machine.around.home.join("codexpin");
            ask(machine.ours(), &package, &cache);
            let ours = server.taken();
            assert!(!npm.is_empty());
            assert_eq!(ours[0], npm[0], "{npmrc} {env:?} {package}");
        }
    }
}

#[test]
fn a_workspace_asks_the_registry_of_its_root_as_the_real_npm_does() {
    let server = Recorder::start();
    for (directory, expected) in [("in", "/root/openclaw"), ("out", "/member/openclaw")] {
        let manifest = format!("work/packages/{directory}/package.json");
        let npmrc = format!("work/packages/{directory}/.npmrc");
        let cwd = format!("work/packages/{directory}/below");
        let layout = Layout {
            files: &[
                ("work/package.json", r#"{"workspaces": ["./packages/*/", "!packages/out"]}"#),
                ("work/.npmrc", "registry=http://HOST/root/"),
                (&manifest, r#"{"name": "member", "version": "1.0.0"}"#),
                (&npmrc, "registry=http://HOST/member/"),
            ],
            env: &[],
            cwd: &cwd,
        };
        let machine = Machine::new(&layout, &server.host);
        machine.npm(&["view", "openclaw", "version", "--fetch-retries=0"]).output().unwrap();
        let npm = server.taken();
        ask(machine.ours(), &PackageName::CORE, &machine.around.home.join("codexpin"));
        let ours = server.taken();
        assert_eq!((&*npm[0].0, &*ours[0].0), (expected, expected));
    }
}

fn ask(config: NpmConfig, package: &PackageName, cache: &Utf8Path) {
    use codexpin::npm::registry::{Freshness, Registry, RegistryLimits};
    let limits = RegistryLimits { retries: 0, ..RegistryLimits::of(&config) };
    let registry = Registry::new(config, limits, cache.to_owned(), jiff::Timestamp::now).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // The server has nothing to say; it is the question that counts.
    runtime.block_on(registry.packument(package, Freshness::Refresh)).unwrap_err();
}

/// The path and the `authorization` of a request.
type Seen = (String, Option<String>);

/// A server that notes path and `authorization` of each request, and answers 404.
struct Recorder {
    host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    _runtime: tokio::runtime::Runtime,
}

impl Recorder {
    fn start() -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        let app = Router::new().fallback(move |request: Request| {
            let header = request.headers().get("authorization");
            let header = header.map(|value| value.to_str().unwrap().to_owned());
            noted.lock().unwrap().push((request.uri().path().to_owned(), header));
            async { axum::http::StatusCode::NOT_FOUND }
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind(("127.0.0.1", 0))).unwrap();
        let host = listener.local_addr().unwrap().to_string();
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { host, seen, _runtime: runtime }
    }

    fn taken(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}
