//! What an error means to the person who meets it: what to do about it, and of which class
//! it is. Every error that can end a command says so itself, beside its variants.

use std::error::Error;
use std::io;

/// The class of an error. [`crate::exit_code`] has the exit status of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// What was asked for does not make sense.
    Usage,
    /// It could not be done, for a reason in what it was to be done with: a pin file, a
    /// login, an installation.
    Failure,
    /// Registry, network, disk, npm or the service: nothing about a release.
    Infrastructure,
    /// This release cannot be judged.
    Skip,
    /// A rollback was refused, or it failed.
    Rollback,
    /// Interrupted by the user, with everything saved.
    Interrupted,
}

/// An error that can explain itself.
pub trait Explain: Error {
    /// What to do about it, where that can be said.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Of which class it is.
    fn class(&self) -> Class;
}

impl Explain for io::Error {
    fn class(&self) -> Class {
        Class::Infrastructure
    }
}
