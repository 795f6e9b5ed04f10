use super::*;

struct Layout {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
    around: NpmEnvironment,
}

impl Layout {
    fn new(files: &[(&str, &str)], env: &[(&str, &str)]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        for (name, text) in [("home/keep", ""), ("work/package.json", "{}")].iter().chain(files) {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text.replace("ROOT", root.as_str())).unwrap();
        }
        let mut env: BTreeMap<_, _> =
            env.iter().map(|(k, v)| ((*k).to_owned(), v.replace("ROOT", root.as_str()))).collect();
        env.entry("PREFIX".to_owned()).or_insert_with(|| root.join("prefix").into_string());
        let around =
            NpmEnvironment { env, home: root.join("home"), cwd: root.join("work"), npm: None };
        Self { _guard: guard, root, around }
    }

    fn config(&self) -> NpmConfig {
        NpmConfig::load(&self.around)
    }
}

fn header(config: &NpmConfig, url: &str) -> Option<String> {
    let found = config.credentials_for(&url.parse().unwrap())?;
    Some(found.header.reveal().to_owned())
}

#[test]
fn credentials_are_looked_up_from_the_path_upward_and_never_sideways() {
    let layout = Layout::new(
        &[(
            "home/.npmrc",
            "//registry.example.test/:_authToken=root\n\
             //registry.example.test/npm/team/:_authToken=team\n\
             //registry.example.test/bare:_authToken=bare\n\
             //registry.example.test:8443/:_authToken=port\n\
             //basic.example.test/:_auth=dTpw\n\
             //user.example.test/:username=u\n\
             //user.example.test/:_password=cGFzczp3b3Jk\n\
             //half.example.test/:username=u\n\
             //empty.example.test/:_authToken=\n\
             _authToken=unscoped\n",
        )],
        &[],
    );
    let config = layout.config();
    for (url, expected) in [
        ("https://registry.example.test/openclaw", Some("Bearer root")),
        ("https://registry.example.test/npm/team/@openclaw%2fcodex", Some("Bearer team")),
        ("https://registry.example.test/npm/teams/openclaw", Some("Bearer root")),
        ("https://registry.example.test/bare/openclaw", Some("Bearer bare")),
        ("https://registry.example.test:8443/openclaw", Some("Bearer port")),
        ("https://registry.example.test:443/openclaw", Some("Bearer root")),
        ("https://registry.example.test:9999/openclaw", None),
        ("https://basic.example.test/openclaw", Some("Basic dTpw")),
        ("https://user.example.test/openclaw", Some("Basic dTpwYXNzOndvcmQ=")),
        ("https://half.example.test/openclaw", None),
        ("https://empty.example.test/openclaw", None),
        ("https://other.example.test/openclaw", None),
        ("https://evilregistry.example.test/openclaw", None),
    ] {
        assert_eq!(header(&config, url).as_deref(), expected, "{url}");
    }
}

#[test]
fn credentials_say_where_they_are_from_and_hide_what_they_are() {
    let layout = Layout::new(
        &[("home/.npmrc", "fund=false\n//registry.example.test/:_authToken=${NO_SUCH_TOKEN}\n")],
        &[],
    );
    let url = "https://registry.example.test/openclaw".parse().unwrap();
    let found = layout.config().credentials_for(&url).unwrap();
    assert_eq!(found.origin.to_string(), format!("{}/home/.npmrc:2", layout.root));
    assert_eq!(found.unset, ["NO_SUCH_TOKEN"]);
    assert!(!format!("{found:?} {:?}", layout.config()).contains("Bearer"));
}

#[test]
fn a_registry_that_is_no_url_is_refused_by_file_and_line() {
    for line in ["registry=127.0.0.1:4873", "registry=registry.example.test", "registry"] {
        let layout = Layout::new(&[("work/.npmrc", &format!("; ours\n{line}\n"))], &[]);
        let error = layout.config().registry_for(&PackageName::CORE).unwrap_err().to_string();
        let place = format!("`registry` in {}/work/.npmrc:2 is not a URL", layout.root);
        assert!(error.starts_with(&place), "{error}");
    }
    let layout = Layout::new(&[], &[("npm_config_registry", "nowhere")]);
    let error = layout.config().registry().unwrap_err().to_string();
    assert!(error.contains("in the variable npm_config_registry"), "{error}");
}

#[test]
fn the_default_registry_counts_only_where_nothing_names_one() {
    let default: Url = "https://default.example.test/".parse().unwrap();
    let none = Layout::new(&[("home/.npmrc", "registry=\n")], &[]).config();
    assert_eq!(none.registry().unwrap(), None);
    let asked = none.with_default_registry(default.clone());
    assert_eq!(asked.registry_for(&PackageName::PLUGIN).unwrap(), Some(default.clone()));
    let named = Layout::new(&[("home/.npmrc", "registry=https://named.example.test\n")], &[])
        .config()
        .with_default_registry(default);
    assert_eq!(named.registry().unwrap().unwrap().as_str(), "https://named.example.test/");
}

/// An `.npmrc`, variables, a URL, and the proxy for it.
type ProxyCase<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a str, Option<&'a str>);

#[test]
fn a_proxy_is_chosen_as_npm_chooses_it() {
    let plain = "http://registry.example.test/";
    let secure = "https://registry.example.test/";
    let cases: &[ProxyCase<'_>] = &[
        ("", &[], secure, None),
        ("", &[("HTTPS_PROXY", "http://e:1")], secure, Some("http://e:1/")),
        ("", &[("https_proxy", "http://e:1")], plain, Some("http://e:1/")),
        ("", &[("HTTP_PROXY", "http://e:2")], secure, None),
        ("", &[("HTTP_PROXY", "http://e:2")], plain, Some("http://e:2/")),
        ("proxy=http://f:3", &[("HTTPS_PROXY", "http://e:1")], secure, Some("http://f:3/")),
        ("proxy=http://f:3\nhttps-proxy=http://f:4", &[], plain, Some("http://f:4/")),
        (
            "https-proxy=null\nproxy=false",
            &[("HTTPS_PROXY", "http://e:1")],
            secure,
            Some("http://e:1/"),
        ),
        ("proxy=http://f:3\nnoproxy=example.test", &[], secure, None),
        ("proxy=http://f:3\nnoproxy=xample.test", &[], secure, Some("http://f:3/")),
        ("proxy=http://f:3", &[("NO_PROXY", "a.test, .example.test")], secure, None),
        (
            "proxy=http://f:3\nnoproxy=a.test",
            &[("NO_PROXY", "example.test")],
            secure,
            Some("http://f:3/"),
        ),
        ("proxy=http://f:3\nnoproxy[]=a.test\nnoproxy[]=example.test", &[], secure, None),
    ];
    for (npmrc, env, url, expected) in cases {
        let layout = Layout::new(&[("home/.npmrc", npmrc)], env);
        let proxy = layout.config().proxy_for(&url.parse().unwrap()).unwrap();
        assert_eq!(proxy.as_ref().map(Url::as_str), *expected, "{npmrc:?} {env:?} {url}");
    }
    let wrong = Layout::new(&[], &[("HTTPS_PROXY", "e:1")]);
    let error = wrong.config().proxy_for(&secure.parse().unwrap()).unwrap_err().to_string();
    assert!(error.contains("the variable HTTPS_PROXY"), "{error}");
}

#[test]
fn the_strongest_of_ca_and_cafile_wins_and_a_missing_file_does_not_count() {
    for (user, project, expected) in [
        ("", "", None),
        ("cafile=ROOT/ca.pem", "", Some("from file")),
        ("cafile=~/own.pem", "", Some("from home")),
        ("cafile=ROOT/gone.pem", "", None),
        ("ca=\"one\\ntwo\"", "", Some("one\ntwo")),
        ("ca[]=one\nca[]=two", "", Some("one\ntwo")),
        ("cafile=ROOT/ca.pem", "ca=project", Some("project")),
        ("ca=user", "cafile=ROOT/ca.pem", Some("from file")),
        ("cafile=ROOT/ca.pem", "ca=null", None),
        ("ca=user", "cafile=ROOT/gone.pem", Some("user")),
    ] {
        let layout = Layout::new(
            &[
                ("home/.npmrc", user),
                ("work/.npmrc", project),
                ("ca.pem", "from file"),
                ("home/own.pem", "from home"),
            ],
            &[],
        );
        let found = layout.config().authorities().unwrap();
        let pem = found.map(|found| String::from_utf8(found.pem).unwrap());
        assert_eq!(pem.as_deref(), expected, "{user:?} {project:?}");
    }
}

#[test]
fn a_cafile_that_cannot_be_read_is_named_with_its_line() {
    let layout = Layout::new(&[("home/.npmrc", "fund=false\ncafile=ROOT/home\n")], &[]);
    let error = layout.config().authorities().unwrap_err().to_string();
    assert!(error.contains(&format!("{}/home/.npmrc:2", layout.root)), "{error}");
}

#[test]
fn limits_and_strictness_have_npms_defaults() {
    let config = Layout::new(&[], &[]).config();
    assert!(config.strict_ssl());
    assert_eq!((config.fetch_retries(), config.fetch_timeout()), (2, Duration::from_mins(5)));
    let set = Layout::new(
        &[("home/.npmrc", "strict-ssl=false\nfetch-retries=0\n")],
        &[("NPM_CONFIG_FETCH_TIMEOUT", "1500")],
    );
    let config = set.config();
    assert!(!config.strict_ssl());
    assert_eq!((config.fetch_retries(), config.fetch_timeout()), (0, Duration::from_millis(1500)));
}

#[test]
fn an_npmrc_that_cannot_be_read_is_passed_over_and_reported() {
    let layout = Layout::new(&[("home/.npmrc/in-the-way", "")], &[]);
    let config = layout.config();
    assert_eq!(config.unreadable().len(), 1);
    assert_eq!(config.unreadable()[0].path, layout.root.join("home/.npmrc"));
}

#[test]
fn the_strongest_setting_says_whether_releases_are_hidden_for_their_age() {
    for (npmrc, variables, expected) in [
        ("min-release-age=7\n", &[][..], Some("min-release-age")),
        ("before=2026-05-01\n", &[], Some("before")),
        ("registry=https://registry.example.test/\n", &[], None),
        ("min-release-age=0\n", &[], None),
        ("min-release-age=7\n", &[("npm_config_before", "null")], None),
        ("", &[("NPM_CONFIG_MIN_RELEASE_AGE", "3")], Some("min-release-age")),
    ] {
        let config = Layout::new(&[("home/.npmrc", npmrc)], variables).config();
        assert_eq!(config.age_limit().map(|(key, _)| key), expected, "{npmrc} {variables:?}");
    }
}

/// The `npmrc` that an install is given, and what npm reads in it.
fn enclosed(layout: &Layout) -> (String, NpmConfig) {
    let shown = |registry: &Url| {
        let host = registry.host_str().unwrap();
        Url::parse(&format!("http://{host}:443{}", registry.path())).unwrap()
    };
    let text = layout.config().without_credentials(&["before"], shown).unwrap();
    let read = Layout::new(&[("home/.npmrc", &text)], &[("A", "wrong")]).config();
    (text, read)
}

#[test]
fn an_install_is_given_every_setting_that_counts_and_no_credential() {
    let layout = Layout::new(
        &[
            ("work/.npmrc", "@team:registry=https://team.example.test/npm/\nfund=false\n"),
            (
                "home/.npmrc",
                "registry=https://user:made-up-word@registry.example.test/\nfund=true\n\
                 //registry.example.test/:_authToken=${NPM_TOKEN}\n//x/:certfile=/made-up-file\n\
                 _auth=made-up-basic\n_password=made-up-word\nusername=made-up-name\n\
                 email=made-up@example.test\notp=made-up\nkey=made-up\ncert=made-up\n\
                 @team:_authToken=made-up\nmine=\"a ${NPM_TOKEN} b\"\n\
                 proxy=http://made-up:made-up@proxy.test\nmirror=https://u:made-up@mirror.test/\n\
                 prefix=${HOME}/own\nca[]=\"one\\ntwo\"\nca[]=three\nodd=\"\\\\${A}; \\\\\\\\\\\\${A} #\"\n\
                 before=2026-01-01\ntag=\nfetch-retries=7\nforce\n",
            ),
        ],
        &[
            ("NPM_TOKEN", "made-up-token"),
            ("A", "a"),
            ("npm_config_//team.example.test/npm/:_authToken", "made-up"),
            ("NPM_CONFIG_FETCH_RETRIES", "3"),
            ("npm_config_before", "2020-01-01"),
        ],
    );
    let (text, read) = enclosed(&layout);
    assert!(!text.contains("made-up"), "{text}");
    assert!(layout.config().layers.get("mine").is_some());
    let (before, ours) = (layout.config(), read.layers);
    for key in ["fund", "prefix", "ca", "odd", "tag", "fetch-retries", "force"] {
        let (expected, found) = (before.layers.get(key).unwrap(), ours.get(key).unwrap());
        assert!(expected.value == found.value, "{key}: {text}");
    }
    // What the shell says of it is not what counts here.
    assert_eq!(ours.get("before").and_then(Setting::text), Some("2026-01-01"));
    let registry = |name: &str| ours.get(name).and_then(Setting::text);
    assert_eq!(registry("registry"), Some("http://registry.example.test:443/"));
    assert_eq!(registry("@team:registry"), Some("http://team.example.test:443/npm/"));
}

#[test]
fn an_npmrc_that_never_ends_is_told_and_not_waited_for() {
    let layout = Layout::new(&[], &[("npm_config_userconfig", "/dev/null")]);
    let npmrc = layout.root.join("work/.npmrc");
    nix::unistd::mkfifo(npmrc.as_std_path(), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let unreadable = |config: &NpmConfig| {
        let told = config.unreadable().iter().map(|file| file.source.to_string());
        told.collect::<Vec<_>>().join("\n")
    };
    assert!(unreadable(&layout.config()).contains("a FIFO"), "{}", unreadable(&layout.config()));
    fs_err::remove_file(&npmrc).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &npmrc).unwrap();
    assert!(unreadable(&layout.config()).contains("a device"));
    fs_err::remove_file(&npmrc).unwrap();
    assert_eq!(unreadable(&layout.config()), "", "/dev/null is a file of no settings");
}
