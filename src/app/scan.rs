//! Asking every release of a line, or every so-manieth, for its history.

use super::AppError;
use super::bisect::{BisectReport, SESSION, SearchRequest, SessionPlan, begin_on, search};
use super::context::Context;
use super::question::QuestionRequest;
use crate::npm::registry::Freshness;
use crate::release::end::End;
use crate::release::line;
use crate::session::SessionLimits;

/// A line to scan.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    /// The two ends, in any order: a version, a dist-tag, `installed` or a date.
    pub ends: [String; 2],
    /// Each so-manieth release is asked, and both ends.
    pub every: usize,
    /// Whether betas between the ends are candidates, too.
    pub betas: bool,
    /// What each candidate is asked.
    pub question: QuestionRequest,
    /// Whether releases are asked that earlier sessions asked the same, too.
    pub fresh: bool,
    /// How long it may go on.
    pub limits: SessionLimits,
}

/// Scans a line. Whatever it shows is a result.
pub async fn scan(context: &Context, request: ScanRequest) -> Result<BisectReport, AppError> {
    // A table of signatures that cannot be read is told before a session begins.
    context.catalogue()?;
    let [from, to] = &request.ends;
    let (from, to): (End, End) = (from.parse()?, to.parse()?);
    let asked = request.question.prepare(context, SESSION, None).await?;
    let releases = context.releases(Freshness::Cached).await?;
    let (from, to) = (context.resolve(&from, &releases)?, context.resolve(&to, &releases)?);
    let candidates = releases.candidates();
    let line = line::between(&candidates, from.min(to), from.max(to), request.betas)?;
    let plan = SessionPlan {
        search: SearchRequest::default().plan(&asked.question),
        find_fix: false,
        every: Some(request.every),
        newest: Vec::new(),
        // Nothing is pinned.
        pin_file: crate::pin::FILE_NAME.into(),
        fresh: request.fresh,
    };
    let session = begin_on(context, line, asked, plan).await?;
    search(context, session, request.limits).await
}
