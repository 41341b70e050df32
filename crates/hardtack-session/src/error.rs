//! The errors of sessions, and the responses that they become.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::response::{IntoResponse, Response};

/// The error of an operation on a session.
///
/// The cause is logged once, at the place of the failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store could not be reached in time. It is unknown whether the store carried out the call.
    #[error("the session store cannot be reached")]
    Unavailable,
    /// The session ended during this request. The changes of the request are lost.
    #[error("the session ended during the request")]
    Ended,
    /// Another request rotated the session's id a moment ago. The browser has a new cookie and must retry with it.
    #[error("the session's id was rotated by another request")]
    Rotated,
    /// The client has begun too many sessions ([`BeginLimit`](super::BeginLimit)).
    #[error("too many sessions were begun from this network; try again in {retry_after} s")]
    TooMany {
        /// The time until the next attempt, in seconds.
        retry_after: u32,
    },
    /// It is in doubt which session the request belongs to: it carried two different session cookies, one that no known
    /// key signed, or none because a link from another site led here. Nothing was stored, or nothing was ended.
    #[error("the request does not say clearly which session it belongs to; send it again")]
    Doubtful,
    /// The session would exceed its size limit.
    #[error("the session would exceed its limit of {limit} bytes")]
    TooLarge {
        /// The size limit, in bytes.
        limit: usize,
    },
    /// A value cannot be stored, because its name contains a NUL or it is nested deeper than 100 levels.
    #[error("a session value cannot be stored: its name contains a NUL, or it is nested deeper than 100 levels")]
    Unfit,
    /// The head of the response has been sent, so no cookie can be set any more.
    #[error("the response was already sent, so no session can begin")]
    TooLate,
    /// The system has no random numbers for a session id.
    #[error("no session id could be generated")]
    Random,
    /// A value could not be turned into JSON, or the stored value of its key is of another type.
    #[error("a session value does not have the type of its key")]
    Value(#[from] serde_json::Error),
    /// A text contains a byte that no header can carry.
    #[error("the text contains characters that a cookie cannot carry")]
    Header,
}

/// A failure that decides the response, whatever the handler returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store could not be reached: 503.
    Unavailable,
    /// The session ended during the request: 409.
    Ended,
    /// The id was rotated by another request: 503.
    Rotated,
    /// The client has begun too many sessions: 429.
    TooMany {
        /// The time until the next attempt, in seconds.
        retry_after: u32,
    },
    /// It is in doubt which session the request belongs to: 503, because the next request may be clear.
    Doubtful,
    /// The session would exceed its size limit: 500, because the application put the data there.
    TooLarge {
        /// The size limit, in bytes.
        limit: usize,
    },
    /// A value cannot be stored: 500, for the same reason.
    Unfit,
    /// The system has no random numbers: 500.
    Random,
    /// The head was sent: the response cannot change any more.
    TooLate,
}

impl Error {
    /// Returns the failure of this error; `None` for an error of a value or of a header.
    const fn fault(&self) -> Option<Fault> {
        Some(match self {
            Self::Unavailable => Fault::Unavailable,
            Self::Ended => Fault::Ended,
            Self::Rotated => Fault::Rotated,
            Self::Doubtful => Fault::Doubtful,
            Self::TooMany { retry_after } => Fault::TooMany { retry_after: *retry_after },
            Self::TooLarge { limit } => Fault::TooLarge { limit: *limit },
            Self::Unfit => Fault::Unfit,
            Self::TooLate => Fault::TooLate,
            Self::Random => Fault::Random,
            Self::Value(_) | Self::Header => return None,
        })
    }

    /// Returns the status: 503 for an error after which a retry may succeed, 409 for a session that ended, 429 for too
    /// many sessions, else 500.
    fn status(&self) -> StatusCode {
        match self {
            Self::Unavailable | Self::Rotated | Self::Doubtful => StatusCode::SERVICE_UNAVAILABLE,
            Self::Ended => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge { .. } | Self::Unfit | Self::TooLate | Self::Random | Self::Value(_) | Self::Header => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

/// Turns the error into a short response in plain text, so that a handler may return `Result<_, Error>`.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let fault = self.fault();
        let wait = match self {
            Self::Unavailable | Self::Rotated | Self::Doubtful => Some(1),
            Self::TooMany { retry_after } => Some(retry_after),
            _ => None,
        };
        let mut response = (self.status(), [(CACHE_CONTROL, "no-store")], format!("{self}\n")).into_response();
        if let Some(seconds) = wait {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        // An application may replace the response with a page, also if a handler returned the error.
        if let Some(fault) = fault {
            response.extensions_mut().insert(fault);
        }
        response
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unavailable => Self::Unavailable,
            Fault::Ended => Self::Ended,
            Fault::Rotated => Self::Rotated,
            Fault::TooMany { retry_after } => Self::TooMany { retry_after },
            Fault::Doubtful => Self::Doubtful,
            Fault::TooLarge { limit } => Self::TooLarge { limit },
            Fault::Unfit => Self::Unfit,
            Fault::Random => Self::Random,
            Fault::TooLate => Self::TooLate,
        }
    }
}
