//! The one place where a session's failure becomes the error that travels.

use crate::model::error::{Kind, WireError};
use crate::session::Error;

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Unavailable => Kind::Unavailable,
            Error::Ended => Kind::SessionEnded,
            Error::Renewed => Kind::Renewed,
            Error::TooLarge { .. } => Kind::TooLarge,
            Error::TooLate | Error::Random | Error::Header => Kind::Internal,
            Error::Value(error) => {
                tracing::error!(%error, "a session value is not of the type of its key");
                Kind::Internal
            }
        };
        kind.into()
    }
}
