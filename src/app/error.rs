//! An error as a person meets it: what happened to what, what to do, and its class.

use std::fmt;

use crate::explain::{Class, Explain};

/// A command could not do its work. Any error that explains itself becomes one.
#[derive(Debug)]
pub struct AppError {
    message: String,
    hint: Option<String>,
    class: Class,
}

impl AppError {
    pub(crate) fn new(class: Class, message: impl fmt::Display) -> Self {
        Self { message: message.to_string(), hint: None, class }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Class::Usage, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Class::Interrupted, "interrupted")
    }

    /// The result could not be written to stdout, for this reason.
    pub(crate) fn unwritten(why: impl fmt::Display) -> Self {
        Self::new(Class::Infrastructure, why)
    }

    /// In place of the hint that it has.
    #[must_use]
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub(crate) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Of which class it is.
    pub fn class(&self) -> Class {
        self.class
    }
}

impl fmt::Display for AppError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// `AppError` itself does not implement [`Explain`], so that this can be for all.
impl<E: Explain> From<E> for AppError {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), hint: error.hint(), class: error.class() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit_code::ExitCode;
    use crate::npm::NpmError;
    use crate::release::end::EndError;
    use crate::session::error::SessionError;
    use crate::session::lab::LabError;

    fn number(error: impl Explain) -> u8 {
        ExitCode::from(AppError::from(error).class()).number()
    }

    #[test]
    fn an_error_brings_its_hint_and_its_class_along() {
        let error = AppError::from(EndError::Form("2026.5".to_owned()));
        assert!(error.to_string().contains("`2026.5` names no release"));
        assert!(error.hint().unwrap().contains("codexpin releases"));
        assert_eq!(error.class(), Class::Usage);
    }

    #[test]
    fn an_error_within_another_keeps_its_class() {
        assert_eq!(number(SessionError::Lab(LabError::Stopped)), 130);
        assert_eq!(number(SessionError::Lab(LabError::Infrastructure("disk".into()))), 75);
        assert_eq!(number(NpmError::Stopped), 130);
        assert_eq!(number(NpmError::Missing), 75);
    }
}
