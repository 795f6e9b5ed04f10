//! `codexpin releases`.

use super::context::Context;
use crate::app::AppError;
use crate::exit_code::ExitCode;
use crate::npm::registry::Freshness;
use crate::pin::{FILE_NAME, PinFile, PinFileError};
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::release::{Channel, Version};
use crate::report::releases::{Listed, PinState, Table};

#[derive(Debug, clap::Args)]
pub(super) struct ReleasesArguments {
    /// A range, such as 2026.5.12..2026.6.1, 2026.6.1.. or one release.
    range: Option<String>,
    /// Which releases to list.
    #[arg(long, value_enum, default_value_t = Channels::Stable)]
    channel: Channels,
    /// Ask the registry even where the last answer is still fresh.
    #[arg(long)]
    refresh: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Channels {
    /// Releases and their corrections.
    Stable,
    /// Betas and alphas.
    Beta,
    /// The extended-stable lines.
    Extended,
    /// Every release.
    All,
}

impl Channels {
    fn has(self, channel: Channel) -> bool {
        match self {
            Self::Stable => channel == Channel::Stable,
            Self::Beta => channel == Channel::Beta,
            Self::Extended => channel == Channel::Extended,
            Self::All => true,
        }
    }
}

impl ReleasesArguments {
    pub(super) async fn run(self, context: &Context) -> Result<ExitCode, AppError> {
        let freshness = if self.refresh { Freshness::Refresh } else { Freshness::Cached };
        let releases = context.releases(freshness).await?;
        let candidates = releases.candidates();
        let resolve = |text: &str| -> Result<Version, AppError> {
            let version = context.resolve(&text.parse::<End>()?, &releases)?;
            Ok(line::find(&candidates, version)?.core)
        };
        let (from, to) = match self.range.as_deref().map(|range| (range, range.split_once(".."))) {
            None => (None, None),
            Some((_, Some((from, to)))) => {
                let side = |text: &str| (!text.is_empty()).then(|| resolve(text)).transpose();
                (side(from)?, side(to)?)
            }
            Some((one, None)) => (Some(resolve(one)?), Some(resolve(one)?)),
        };
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(AppError::usage(format!("the range {from}..{to} is empty"))
                .with_hint(format!("the older release comes first: {to}..{from}")));
        }
        let pins = pins()?;
        let wanted = |candidate: &&Candidate| {
            let core = candidate.core;
            let inside = from.is_none_or(|from| core >= from) && to.is_none_or(|to| core <= to);
            let named = from == Some(core) || to == Some(core);
            inside && (self.channel.has(core.channel()) || named)
        };
        let listed = candidates.iter().filter(wanted).map(|candidate| {
            let manifest = releases.core.releases.get(&candidate.core);
            Listed {
                core: candidate.core,
                channel: candidate.core.channel(),
                plugin: candidate.plugin.as_ref().map(|plugin| plugin.version),
                codex_cli: candidate.plugin.as_ref().and_then(|plugin| plugin.codex_cli.clone()),
                node: candidate.node.clone(),
                published: manifest.and_then(|manifest| manifest.published),
                deprecated: manifest.and_then(|manifest| manifest.deprecated.clone()),
                pin: state(pins.as_ref(), candidate.core),
                tags: releases
                    .core
                    .dist_tags
                    .iter()
                    .filter(|(_, version)| **version == candidate.core.to_string())
                    .map(|(tag, _)| tag.clone())
                    .collect(),
            }
        });
        let table = Table { releases: listed.collect(), has_plugin: releases.plugin.is_some() };
        table.print(self.json);
        Ok(ExitCode::Success)
    }
}

/// The pins of the working directory; a list without them is still a list.
fn pins() -> Result<Option<PinFile>, AppError> {
    match PinFile::open(FILE_NAME.into()) {
        Ok(file) => Ok(Some(file)),
        Err(PinFileError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn state(pins: Option<&PinFile>, core: Version) -> Option<PinState> {
    let file = pins?;
    if file.current_version() == Some(core) {
        return Some(PinState::Current);
    }
    let pins = file.pins();
    if pins.iter().any(|pin| pin.core == core) {
        Some(PinState::Good)
    } else if pins.iter().any(|pin| pin.first_bad.as_ref().is_some_and(|bad| bad.core == core)) {
        Some(PinState::Bad)
    } else {
        None
    }
}
