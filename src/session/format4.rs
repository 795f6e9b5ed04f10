//! A journal of format 4, and of 3, which did not say how the line is searched: always by
//! halving, and for the bad end's failure alone unless every failure was to count.

use serde::Deserialize;

use crate::search::SearchPlan;

pub(super) const FORMAT: u32 = 4;

#[derive(Deserialize)]
struct Format4Line {
    request: Format4Request,
}

#[derive(Deserialize)]
struct Format4Request {
    #[serde(default)]
    any_failure: bool,
}

/// The plan by which a session of that time went, by its first line.
pub(super) fn search_of(line: &[u8]) -> serde_json::Result<SearchPlan> {
    let Format4Line { request } = serde_json::from_slice(line)?;
    Ok(SearchPlan { same_failure: !request.any_failure, ..plan() })
}

pub(super) fn plan() -> SearchPlan {
    SearchPlan::BEFORE_PLANS
}
