//! Listing the registry's releases, with what the pins say of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::AppError;
use super::context::Context;
use crate::answers::{self, AnswerHead};
use crate::npm::registry::Freshness;
use crate::pin::{FILE_NAME, PinFile, PinFileError};
use crate::release::end::End;
use crate::release::line;
use crate::release::pairing::Candidate;
use crate::release::{Channel, Version};
use crate::route::Route;
use crate::verdict::Verdict;

/// Which releases to list.
#[derive(Debug, Clone)]
pub struct ReleasesRequest {
    /// `2026.5.12..2026.6.1`, `2026.6.1..` or one release. None: all.
    pub range: Option<String>,
    /// Only those of this channel. None: of any.
    pub channel: Option<Channel>,
    /// Whether to ask the registry even where its last answer is still fresh.
    pub refresh: bool,
}

/// What the pins say about a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PinState {
    /// It is the current pin.
    Current,
    /// It is pinned as good.
    Good,
    /// A pin names it as the first bad release.
    Bad,
}

/// A line of the table.
#[derive(Debug, Clone, Serialize)]
pub struct ListedRelease {
    /// The core release.
    pub core: Version,
    /// Its channel.
    pub channel: Channel,
    /// The plugin release that pairs with it.
    pub plugin: Option<Version>,
    /// The plugin's `@openai/codex`.
    pub codex_cli: Option<semver::Version>,
    /// `engines.node`.
    pub node: Option<String>,
    /// When it was published, as far as the registry knows.
    pub published: Option<Timestamp>,
    /// The publisher's word against it.
    pub deprecated: Option<String>,
    /// What the pins say.
    pub pin: Option<PinState>,
    /// What it showed when it was asked last; none where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<LastAnswer>,
    /// The dist-tags that stand for it.
    pub tags: Vec<String>,
}

/// What a release showed when it was asked last.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastAnswer {
    /// When that was.
    pub at: Timestamp,
    /// Through which routes.
    pub routes: Vec<Route>,
    /// Who answered: `loopback` or `live`.
    pub upstream: &'static str,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// The releases that were asked for.
#[derive(Debug, Serialize)]
pub struct ReleaseTable {
    /// In order of release.
    pub releases: Vec<ListedRelease>,
    /// Whether the registry has the plugin at all.
    #[serde(skip)]
    pub has_plugin: bool,
}

/// Lists the releases of a range.
pub async fn releases(
    context: &Context,
    request: &ReleasesRequest,
) -> Result<ReleaseTable, AppError> {
    let freshness = if request.refresh { Freshness::Refresh } else { Freshness::Cached };
    let releases = context.releases(freshness).await?;
    let candidates = releases.candidates();
    let resolve = |text: &str| -> Result<Version, AppError> {
        let version = context.resolve(&text.parse::<End>()?, &releases)?;
        Ok(line::find(&candidates, version)?.core)
    };
    let (from, to) = match request.range.as_deref().map(|range| (range, range.split_once(".."))) {
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
    let pins = pins(context)?;
    let answers = answers::heads(&context.directories.answers(), Timestamp::now());
    let asked: BTreeMap<_, _> =
        answers.into_iter().map(|head| (head.key.core(), LastAnswer::of(head))).collect();
    let wanted = |candidate: &&Candidate| {
        let core = candidate.core;
        let inside = from.is_none_or(|from| core >= from) && to.is_none_or(|to| core <= to);
        let named = from == Some(core) || to == Some(core);
        inside && (request.channel.is_none_or(|wanted| wanted == core.channel()) || named)
    };
    let listed = candidates.iter().filter(wanted).map(|candidate| {
        let manifest = releases.core.releases.get(&candidate.core);
        ListedRelease {
            core: candidate.core,
            channel: candidate.core.channel(),
            plugin: candidate.plugin.as_ref().map(|plugin| plugin.version),
            codex_cli: candidate.plugin.as_ref().and_then(|plugin| plugin.codex_cli.clone()),
            node: candidate.node.clone(),
            published: manifest.and_then(|manifest| manifest.published),
            deprecated: manifest.and_then(|manifest| manifest.deprecated.clone()),
            asked: asked.get(&candidate.core).cloned(),
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
    Ok(ReleaseTable { releases: listed.collect(), has_plugin: releases.plugin.is_some() })
}

impl LastAnswer {
    fn of(head: AnswerHead) -> Self {
        let AnswerHead { at, key, verdict, .. } = head;
        let question = key.question();
        Self { at, routes: question.routes.clone(), upstream: question.upstream.word(), verdict }
    }
}

/// The pins of the working directory; a list without them is still a list.
fn pins(context: &Context) -> Result<Option<PinFile>, AppError> {
    match PinFile::open(&context.cwd.join(FILE_NAME)) {
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
