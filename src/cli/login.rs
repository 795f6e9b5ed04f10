//! `codexpin login`: a login of codexpin's own, shared with nothing, so that the
//! live installation's is not needed.

use camino::Utf8PathBuf;
use jiff::Timestamp;
use serde_json::json;

use super::check::logs;
use super::context::Context;
use super::lab;
use crate::app::AppError;
use crate::config;
use crate::env::in_scratch_home;
use crate::exit_code::ExitCode;
use crate::explain::Class;
use crate::login::{self, Login, Place};
use crate::npm::registry::Freshness;
use crate::openclaw::names::{OPENAI_CODEX, chatgpt_provider};
use crate::prefix::Prefix;
use crate::process::{ProcessError, Program};
use crate::release::Version;
use crate::release::end::End;
use crate::release::line;
use crate::report::terminal;

/// The release that made the login, beside its home.
const RELEASE: &str = "release";
/// How long a turn that renews the login may take.
const RENEWAL_LIMIT: std::time::Duration = std::time::Duration::from_mins(3);

#[derive(Debug, clap::Args)]
pub(super) struct LoginArguments {
    /// The release whose `openclaw models auth login` is run: a version, a
    /// dist-tag, `installed` or a date.
    #[arg(default_value = "latest")]
    version: String,
    /// Log in with a browser on this machine, instead of a code that is typed into
    /// one anywhere.
    #[arg(long)]
    browser: bool,
    /// Remove codexpin's own login.
    #[arg(long)]
    forget: bool,
}

impl LoginArguments {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let home = context.directories.own_login();
        if self.forget {
            let had = home.exists();
            crate::fs::remove(&home)?;
            terminal::print(if had { "codexpin's own login is gone" } else { "there was none" });
            return Ok(ExitCode::Success);
        }
        let end: End = self.version.parse()?;
        let releases = context.releases(Freshness::Cached).await?;
        let version = context.resolve(&end, &releases)?;
        let prefix = provide(context, version).await?;
        crate::fs::create_private_dir(&home.join(".openclaw"))?;
        crate::fs::create_private_dir(&home.join("tmp"))?;
        crate::fs::write_private(&home.join(RELEASE), version.to_string().as_bytes())?;
        let config = json!({ "gateway": { "mode": "local", "bind": "loopback" } });
        let file = home.join(".openclaw/openclaw.json");
        if !file.exists() {
            crate::fs::write_private(&file, config.to_string().as_bytes())?;
        }
        let method = if self.browser { "oauth" } else { "device-code" };
        let words = [
            "models",
            "auth",
            "login",
            "--provider",
            chatgpt_provider(version),
            "--method",
            method,
        ];
        let program = openclaw(context, &prefix, &words);
        let ending = context.processes.attach(&program).await.map_err(cannot_run)?;
        if context.stop.is_cancelled() {
            return Err(AppError::interrupted());
        }
        match held(context)? {
            Some(login) if ending.success() => {
                terminal::print(&format!(
                    "codexpin has a login of its own: {}, good until {:.0}\n  it is lent to candidates from now on; the live installation's is left alone\n  next  codexpin check",
                    login.label(),
                    login.expires.unwrap_or_default(),
                ));
                Ok(ExitCode::Success)
            }
            _ => Err(AppError::new(
                Class::Failure,
                format!("`openclaw models auth login` of {version} made no login ({ending})"),
            )
            .with_hint("run it again, or with another release: codexpin login VERSION")),
        }
    }
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
    let end: End = fs_err::read_to_string(home.join(RELEASE))?.trim().parse()?;
    let releases = context.releases(Freshness::Cached).await?;
    let version = context.resolve(&end, &releases)?;
    let prefix = provide(context, version).await?;
    let file = home.join(".openclaw/openclaw.json");
    let text = config::with_renewal_route(&file, &fs_err::read_to_string(&file)?, version)?;
    crate::fs::write_private(&file, text.as_bytes())?;
    let words = ["agent", "--local", "--agent", "main", "--session-id", "codexpin-renewal"];
    let words = [&words[..], &["--message", "Reply exactly: OK", "--json"]].concat();
    let mut program = openclaw(context, &prefix, &words);
    program.log = Some(logs(context, version)?.join("renewal.log"));
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
    }
}
