//! The conversion of session and account errors into the API's error.

use super::accounts::Failure;
use crate::model::error::{Kind, WireError};
use hardtack_session::{Error, Fault};

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Unavailable => Kind::Unavailable,
            Error::Doubtful => {
                let message = "Your browser sent two session cookies, or one that this server cannot read, so nothing was done. \
                               Try again.";
                return Self::new(Kind::Unavailable, message.to_owned());
            }
            Error::Ended => Kind::SessionEnded,
            Error::Rotated => Kind::Rotated,
            Error::TooMany { retry_after } => return too_many("sessions were started from your network", retry_after),
            // The server or the application caused these, not the client.
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

/// Returns the error of a write that was not acknowledged, but may have happened: `message` says what is not known. Any
/// other error stays as it is, because its own message says what happened.
pub(super) fn unknown(error: impl Into<WireError>, message: &str) -> WireError {
    let error = error.into();
    let is_plain = error.kind == Kind::Unavailable && error.message == Kind::Unavailable.sentence();
    if is_plain { WireError { message: message.to_owned(), ..error } } else { error }
}

/// Returns the error of a client that has used up a limit: `what` was counted, and the seconds until another attempt.
pub(super) fn too_many(what: &str, seconds: u32) -> WireError {
    let seconds = seconds.max(1);
    let (number, unit) = if seconds < 60 { (seconds, "second") } else { (seconds.div_ceil(60), "minute") };
    let plural = if number == 1 { "" } else { "s" };
    let message = format!("Too many {what} in a short time. Try again in {number} {unit}{plural}.");
    WireError { retry_after: Some(seconds), ..WireError::new(Kind::TooManyAttempts, message) }
}

impl From<Failure> for WireError {
    /// Logs the cause, and gives the client only a kind.
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
