//! The one place where a failure of the sessions or the accounts becomes the error that travels.

use super::accounts::Failure;
use crate::model::error::{Kind, WireError};
use crate::session::{Error, Fault};

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Unavailable => Kind::Unavailable,
            Error::Ended => Kind::SessionEnded,
            Error::Rotated => Kind::Rotated,
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

impl From<Fault> for Kind {
    fn from(fault: Fault) -> Self {
        WireError::from(Error::from(fault)).kind
    }
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
