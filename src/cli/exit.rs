//! Which exit status each result has. That of an error goes by its class: see
//! [`crate::exit_code`].

use crate::app::try_next::NextState;
use crate::apply::{ApplyOutcome, Setback};
use crate::diagnose::Diagnosis;
use crate::doctor::{DoctorReading, Level};
use crate::exit_code::ExitCode;
use crate::search::Outcome;
use crate::verdict::Verdict;

/// `git bisect run` reads it as well.
pub fn of_verdict(verdict: &Verdict) -> ExitCode {
    match verdict {
        Verdict::Good => ExitCode::Success,
        Verdict::Bad { .. } => ExitCode::Failure,
        Verdict::Skip { .. } => ExitCode::Skip,
    }
}

/// What is not newer needs no verdict.
pub fn of_next(state: &NextState) -> ExitCode {
    match state {
        NextState::NothingNewer => ExitCode::Success,
        NextState::KnownBad { .. } => ExitCode::Failure,
        NextState::Checked { check } => of_verdict(&check.verdict),
    }
}

/// A search that found a release is a success, one that ended with a range is not.
pub fn of_search(outcome: &Outcome) -> ExitCode {
    match outcome {
        Outcome::Found { .. } | Outcome::Scanned => ExitCode::Success,
        Outcome::Range { .. } | Outcome::EndSkipped { .. } | Outcome::Inconclusive { .. } => {
            ExitCode::Inconclusive
        }
        Outcome::NoRegression | Outcome::GoodEndIsBad | Outcome::EndsReversed => {
            ExitCode::NoRegression
        }
    }
}

/// What could not be proved is no success, and no failure of the release either.
pub fn of_apply(outcome: &ApplyOutcome) -> ExitCode {
    match outcome {
        ApplyOutcome::AlreadyAsPinned { .. }
        | ApplyOutcome::AlreadyHeld { .. }
        | ApplyOutcome::NotHeld { .. }
        | ApplyOutcome::Done { .. } => ExitCode::Success,
        ApplyOutcome::Unproven { .. } => ExitCode::Infrastructure,
        ApplyOutcome::RolledBack { setback: Setback::Interrupted, .. } => ExitCode::Interrupted,
        ApplyOutcome::RolledBack { .. } => ExitCode::RolledBack,
    }
}

/// For an undo that has nothing left to do: that a killed apply was put back is what was
/// asked for.
pub fn of_settled_undo(outcome: &ApplyOutcome) -> ExitCode {
    match outcome {
        ApplyOutcome::RolledBack { .. } => ExitCode::Success,
        other => of_apply(other),
    }
}

/// By the worst finding.
pub fn of_doctor(reading: &DoctorReading) -> ExitCode {
    match reading.worst() {
        None | Some(Level::Note) => ExitCode::Success,
        Some(Level::Warning) => ExitCode::Inconclusive,
        Some(Level::Problem) => ExitCode::Failure,
    }
}

/// A known failure, only unknown errors, or neither.
pub fn of_diagnosis(diagnosis: &Diagnosis) -> ExitCode {
    match (diagnosis.main(), &diagnosis.unknown) {
        (Some(_), _) => ExitCode::Failure,
        (None, Some(_)) => ExitCode::Inconclusive,
        (None, None) => ExitCode::Success,
    }
}
