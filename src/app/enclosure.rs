//! Whether this machine can enclose candidates, told before the first of them runs.

use super::AppError;
use super::context::Context;
use crate::process::enclosure::{Enclosure, EnclosureError, MountPlan, THIS_EXECUTABLE};
use crate::question::Question;

/// Refuses to go on where candidates would run with the user's rights, and nobody said
/// that they may. Where somebody did, it is a warning; but no login is lent then.
pub(super) async fn require(
    context: &Context,
    question: &Question,
    lends: bool,
) -> Result<(), AppError> {
    match missing(context).await? {
        None => Ok(()),
        Some(why) => {
            context.events.warn(decide(&why, question.unenclosed, lends)?);
            Ok(())
        }
    }
}

/// What an enclosure lacks on this machine, in words.
async fn missing(context: &Context) -> Result<Option<String>, AppError> {
    let tmp = tempfile::tempdir()?;
    let Some(path) = camino::Utf8Path::from_path(tmp.path()) else { return Ok(None) };
    let mounts = MountPlan { tmp: path.to_owned(), ..MountPlan::default() };
    let opened = Enclosure::open(&context.processes, THIS_EXECUTABLE.into(), Some(mounts)).await;
    match opened {
        Err(why) => Ok(Some(why.with_hint())),
        Ok(enclosure) => {
            let missing = enclosure.shared_tmp().map(EnclosureError::with_hint);
            enclosure.close().await?;
            Ok(missing)
        }
    }
}

/// The warning, or why nothing runs.
fn decide(why: &str, unenclosed: bool, lends: bool) -> Result<String, AppError> {
    let error =
        AppError::usage(format!("this machine does not enclose what runs in a check: {why}"));
    if !unenclosed {
        return Err(error.with_hint(
            "with --unenclosed releases run with your own rights: they can read and write your \
             files and reach the network",
        ));
    }
    if lends {
        return Err(error.with_hint(
            "no login is lent to a release that could take it along: --upstream loopback",
        ));
    }
    Ok(format!("releases run with your own rights, and can read and write your files: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_runs_unenclosed_unasked_and_no_login_is_lent_there() {
        for (unenclosed, lends, says) in [
            (false, false, Err("--unenclosed")),
            (false, true, Err("--unenclosed")),
            (true, true, Err("--upstream loopback")),
            (true, false, Ok("with your own rights")),
        ] {
            match (decide("made up", unenclosed, lends), says) {
                (Ok(warning), Ok(says)) => assert!(warning.contains(says), "{warning}"),
                (Err(error), Err(says)) => {
                    assert!(error.hint().is_some_and(|hint| hint.contains(says)), "{error:?}");
                }
                (got, _) => panic!("{unenclosed} {lends}: {got:?}"),
            }
        }
    }
}
