//! The one place where a failure of the sessions or the accounts becomes the error that travels.

use super::accounts::Failure;
use crate::model::error::{Kind, WireError};
use crate::session::{Error, Fault};

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Unavailable => Kind::Unavailable,
            Error::Doubtful => {
                let message = "Your browser showed two sessions, or one that this server cannot read, so this was not done. \
                               Send it once more.";
                return Self::new(Kind::Unavailable, message.to_owned());
            }
            Error::Ended => Kind::SessionEnded,
            Error::Rotated => Kind::Rotated,
            Error::TooMany { retry_after } => return too_many("sessions were begun in your network", retry_after),
            // The application has put it there, not the visitor.
            Error::TooLarge { .. }
            | Error::Unfit
            | Error::TooLate
            | Error::Random
            | Error::Header
            | Error::Value(_) => Kind::Internal,
        };
        kind.into()
    }
}

impl From<Fault> for WireError {
    fn from(fault: Fault) -> Self {
        Error::from(fault).into()
    }
}

/// The error of a step that was not acknowledged, and may have been made: `message` says what is not known. Any other error
/// says itself what became of the step.
pub(super) fn unknown(error: impl Into<WireError>, message: &str) -> WireError {
    let error = error.into();
    let is_plain = error.kind == Kind::Unavailable && error.message == Kind::Unavailable.sentence();
    if is_plain { WireError { message: message.to_owned(), ..error } } else { error }
}

/// The error of a client that has used up its share: of what, and in how many seconds it may try again.
pub(super) fn too_many(what: &str, seconds: u32) -> WireError {
    let seconds = seconds.max(1);
    let (number, unit) = if seconds < 60 { (seconds, "second") } else { (seconds.div_ceil(60), "minute") };
    let plural = if number == 1 { "" } else { "s" };
    let message = format!("Too many {what} in a short time. Try again in {number} {unit}{plural}.");
    WireError { retry_after: Some(seconds), ..WireError::new(Kind::TooManyAttempts, message) }
}

impl From<Failure> for WireError {
    /// The visitor gets a kind, the log gets the cause.
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::Busy => Kind::Busy.into(),
            Failure::Database(_) => {
                tracing::error!(%failure, "the accounts cannot be reached");
                Kind::Unavailable.into()
            }
            Failure::Hash(_) => {
                tracing::error!(%failure, "a password cannot be checked");
                Kind::Internal.into()
            }
        }
    }
}
