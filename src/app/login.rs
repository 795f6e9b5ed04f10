//! `codexpin login`: a login of codexpin's own, shared with nothing, so that the
//! live installation's is not needed.

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use serde_json::json;

use super::context::Context;
use super::{AppError, lab};
use crate::config;
use crate::env::in_scratch_home;
use crate::explain::Class;
use crate::fs::foreign;
use crate::login::{self, Login, Place};
use crate::npm::registry::Freshness;
use crate::openclaw::names::{OPENAI_CODEX, chatgpt_provider};
use crate::prefix::Prefix;
use crate::process::{ProcessError, Program};
use crate::release::Version;
use crate::release::end::End;
use crate::release::line;

/// The release that made the login, beside its home.
const RELEASE: &str = "release";
/// How long a turn that renews the login may take.
const RENEWAL_LIMIT: std::time::Duration = std::time::Duration::from_mins(3);

/// How a login of codexpin's own is made.
#[derive(Debug, Clone)]
pub struct LoginRequest {
    /// The release whose `openclaw models auth login` is run: a version, a dist-tag,
    /// `installed` or a date.
    pub version: String,
    /// Whether to log in with a browser on this machine, instead of a code that is
    /// typed into one anywhere.
    pub browser: bool,
}

/// A login that codexpin now has.
#[derive(Debug)]
pub struct MadeLogin {
    /// Its name.
    pub label: String,
    /// Until when its access token is good.
    pub expires: Timestamp,
}

/// Removes codexpin's own login; whether there was one.
pub fn forget(context: &Context) -> Result<bool, AppError> {
    let home = context.directories.own_login();
    let had = home.exists();
    crate::fs::remove(&home)?;
    Ok(had)
}

/// Has the release make a login, with the person at the terminal.
pub async fn login(context: &Context, request: &LoginRequest) -> Result<MadeLogin, AppError> {
    let home = context.directories.own_login();
    let end: End = request.version.parse()?;
    let releases = context.releases(Freshness::Cached).await?;
    let version = context.resolve(&end, &releases)?;
    let prefix = provide(context, version).await?;
    prepare_home(&home, version)?;
    let method = if request.browser { "oauth" } else { "device-code" };
    let provider = chatgpt_provider(version);
    let words = ["models", "auth", "login", "--provider", provider, "--method", method];
    let program = openclaw(context, &prefix, &words);
    let ending = context.processes.attach(&program).await.map_err(cannot_run)?;
    if context.stop.is_cancelled() {
        return Err(AppError::interrupted());
    }
    match held(context)? {
        Some(login) if ending.success() => {
            Ok(MadeLogin { label: login.label(), expires: login.expires.unwrap_or_default() })
        }
        _ => Err(AppError::new(
            Class::Failure,
            format!("`openclaw models auth login` of {version} made no login ({ending})"),
        )
        .with_hint("run it again, or with another release: codexpin login VERSION")),
    }
}

/// The home that the login lives in, with the least config that a release wants.
fn prepare_home(home: &Utf8Path, version: Version) -> Result<(), AppError> {
    crate::fs::create_private_dir(&home.join(".openclaw"))?;
    crate::fs::create_private_dir(&home.join("tmp"))?;
    crate::fs::write_private(&home.join(RELEASE), version.to_string().as_bytes())?;
    let file = home.join(".openclaw/openclaw.json");
    if !file.exists() {
        let config = json!({ "gateway": { "mode": "local", "bind": "loopback" } });
        crate::fs::write_private(&file, config.to_string().as_bytes())?;
    }
    Ok(())
}

/// codexpin's own login, if it has one.
pub(super) fn held(context: &Context) -> Result<Option<Login>, AppError> {
    let home = context.directories.own_login();
    if !home.is_dir() {
        return Ok(None);
    }
    let logins = login::read(&Place::new(&home.join(".openclaw"), &home))?;
    let usable = logins.into_iter().filter(|login| login.serves_until(Timestamp::UNIX_EPOCH));
    Ok(usable.max_by_key(|login| login.expires))
}

/// Has the release that made the login renew it: a turn of it does, when the access
/// token has ended. Nobody else holds this login, so nobody is logged out.
pub(super) async fn renew(context: &Context) -> Result<(), AppError> {
    let home = context.directories.own_login();
    // The release that made the login has its home in there.
    let read = |file| foreign::read_to_string_below(&home, file, foreign::TEXT);
    let end: End = read(Utf8Path::new(RELEASE))?.trim().parse()?;
    let releases = context.releases(Freshness::Cached).await?;
    let version = context.resolve(&end, &releases)?;
    let prefix = provide(context, version).await?;
    let file = home.join(".openclaw/openclaw.json");
    let text = config::with_renewal_route(&file, &read(&file)?, version)?;
    crate::fs::write_private(&file, text.as_bytes())?;
    let words = ["agent", "--local", "--agent", "main", "--session-id", "codexpin-renewal"];
    let words = [&words[..], &["--message", "Reply exactly: OK", "--json"]].concat();
    let mut program = openclaw(context, &prefix, &words);
    program.log = Some(context.check_logs(version)?.join("renewal.log"));
    context.processes.run(&program, &context.stop).await.map_err(cannot_run)?;
    Ok(())
}

fn cannot_run(error: ProcessError) -> AppError {
    AppError::new(Class::Failure, error)
}

async fn provide(context: &Context, version: Version) -> Result<Prefix, AppError> {
    let releases = context.releases(Freshness::Cached).await?;
    let mut candidate = line::find(&releases.candidates(), version)?.clone();
    // A login runs in no harness.
    candidate.plugin = None;
    lab::install(context, &candidate).await
}

/// `openclaw` in the home of codexpin's own login, with the user's way to the network.
fn openclaw(context: &Context, prefix: &Prefix, words: &[&str]) -> Program {
    let home = context.directories.own_login();
    let node = &prefix.manifest.node;
    let mut environment = in_scratch_home(context.environment.inherited(), &home)
        .with_path_first(&node.bin)
        .with("NODE_USE_ENV_PROXY", "1");
    for name in
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy", "TERM"]
    {
        if let Some(value) = context.environment.get(name) {
            environment = environment.with(name, value);
        }
    }
    if chatgpt_provider(prefix.manifest.candidate.core) == OPENAI_CODEX {
        // Its login fetches the newest plugin, with which an old core does not start.
        environment = environment.with("npm_config_offline", "true");
    }
    let entry: Utf8PathBuf = prefix.entry();
    Program {
        executable: node.executable(),
        arguments: std::iter::once(entry.as_str())
            .chain(words.iter().copied())
            .map(str::to_owned)
            .collect(),
        directory: home,
        environment,
        time_limit: RENEWAL_LIMIT,
        log: None,
        enclosure: None,
        limits: None,
    }
}
