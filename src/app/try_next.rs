//! Asking the release that an update would go to, before anybody goes there.

use camino::Utf8PathBuf;
use serde::Serialize;

use super::check::{CheckExtras, CheckReport, ask};
use super::context::Context;
use super::question::QuestionRequest;
use super::{AppError, pin};
use crate::installation::Installation;
use crate::npm::registry::Freshness;
use crate::pin::FirstBad;
use crate::process::Program;
use crate::release::Version;
use crate::release::end::End;
use crate::release::line;

/// How long a command that is told the finding may take.
const NOTIFY_LIMIT: std::time::Duration = std::time::Duration::from_mins(2);

/// What is to be tried.
#[derive(Debug, Clone)]
pub struct TryNextRequest {
    /// Where an update would go: a version or a dist-tag.
    pub target: String,
    /// What it is asked.
    pub question: QuestionRequest,
    /// The pin file, which may name releases that are known to be bad.
    pub pin_file: Utf8PathBuf,
    /// Whether it is asked even where an earlier check has asked the same.
    pub fresh: bool,
    /// A command that is given what was found, on its standard input as JSON.
    pub notify: Option<String>,
}

/// What an update would meet.
#[derive(Debug, Serialize)]
pub struct NextReport {
    /// What is installed.
    pub installed: Version,
    /// What an update would go to.
    pub next: Version,
    /// What is known of that.
    #[serde(flatten)]
    pub state: NextState,
}

/// What is known of the release that an update would go to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum NextState {
    /// It is not newer than what is installed.
    NothingNewer,
    /// A pin names it as the release that broke.
    KnownBad {
        /// The pin's own words.
        first_bad: FirstBad,
        /// The pin file.
        pin_file: Utf8PathBuf,
    },
    /// It was asked.
    Checked {
        /// What that showed.
        check: Box<CheckReport>,
    },
}

/// Asks the release that an update would go to, in scratch: with a copy of the live config,
/// and after its own doctor, as an update runs it. Nothing live is touched.
pub async fn try_next(context: &Context, request: TryNextRequest) -> Result<NextReport, AppError> {
    let end: End = request.target.parse()?;
    let installed = context.installed()?.version;
    let releases = context.releases(Freshness::Cached).await?;
    let next = context.resolve(&end, &releases)?;
    let report = |state| NextReport { installed, next, state };
    if next <= installed {
        return Ok(report(NextState::NothingNewer));
    }
    let pin_file = context.cwd.join(&request.pin_file);
    if let Some(first_bad) = pin::known_bad(&pin_file, next)? {
        return Ok(report(NextState::KnownBad { first_bad, pin_file }));
    }
    let candidate = line::find(&releases.candidates(), next)?.clone();
    let mut question = request.question;
    if question.config.is_none() {
        question.config = live_config(context).await;
    }
    let asked = question.prepare(context, question.one_check(), None).await?;
    let extras = CheckExtras { known_will_do: !request.fresh, ..CheckExtras::default() };
    let check = Box::new(ask(context, candidate, asked, extras).await?);
    let is_news = check.known_since.is_none();
    let report = report(NextState::Checked { check });
    // Once for each finding: a timer comes back every day.
    if let Some(command) = request.notify.filter(|_| is_news)
        && let Err(why) = notify(context, &command, &report).await
    {
        context.events.warn(format!("`{command}` was not told what was found: {why}"));
    }
    Ok(report)
}

/// The live installation's config, where it has one that can be found.
async fn live_config(context: &Context) -> Option<Utf8PathBuf> {
    match Installation::find(&context.live_machine()).await {
        Ok(found) => Some(found.config).filter(|config| config.is_file()),
        Err(error) => {
            context.events.note(format!("asked with a minimal config: {error}"));
            None
        }
    }
}

async fn notify(context: &Context, command: &str, report: &NextReport) -> Result<(), String> {
    let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
    let file = scratch.path().join("finding.json");
    let file = Utf8PathBuf::from_path_buf(file).map_err(|path| path.display().to_string())?;
    let text = serde_json::to_vec(report).map_err(|error| error.to_string())?;
    crate::fs::write_private(&file, &text).map_err(|error| error.to_string())?;
    let script = r#"exec < "$1"; exec sh -c "$2""#;
    let program = Program {
        executable: "sh".into(),
        arguments: ["-c", script, "sh", file.as_str(), command].map(str::to_owned).to_vec(),
        directory: context.cwd.clone(),
        environment: context.environment.clone(),
        time_limit: NOTIFY_LIMIT,
        log: None,
        enclosure: None,
        limits: None,
    };
    let output = context.processes.run(&program, &context.stop).await;
    let output = output.map_err(|error| error.to_string())?;
    let said = output.stderr.text();
    match output.ending {
        ending if ending.success() => Ok(()),
        ending => Err([ending.to_string(), said].join(" ").trim().to_owned()),
    }
}
