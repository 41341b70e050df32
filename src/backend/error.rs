//! The one place where a session's failure becomes the error that travels.

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
