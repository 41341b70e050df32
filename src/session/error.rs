//! What can go wrong with a session, for whoever uses one.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, RETRY_AFTER};
use axum::response::{IntoResponse, Response};

/// Why a session could not do what was asked.
///
/// The cause is in the log, written once where it happened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The store could not be reached, or not in time. Whether it did what it was asked is unknown.
    #[error("the session store cannot be reached")]
    Unavailable,
    /// The session ended while this request was under way. What it wrote is lost.
    #[error("the session ended while the request was under way")]
    Ended,
    /// Another request rotated the session's id a moment ago: the browser has a new cookie, come again with it.
    #[error("the session's id was rotated by another request")]
    Rotated,
    /// The client has begun too many sessions ([`BeginLimit`](super::BeginLimit)).
    #[error("too many sessions were begun from this network; try again in {retry_after} s")]
    TooMany {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// Whose the request is, is in doubt: it carried two different session cookies, one that no key here signed, or none
    /// because another site led here. Nothing was kept, or nothing was ended.
    #[error("the request does not say clearly which session it belongs to; send it again")]
    Doubtful,
    /// The session would hold more than it may.
    #[error("the session would hold more than {limit} bytes")]
    TooLarge {
        /// The most that it may hold, in bytes.
        limit: usize,
    },
    /// A value cannot be kept: there is a NUL in its name, or it is nested deeper than 100 levels.
    #[error("a session value cannot be kept: a NUL is in its name, or it is nested deeper than 100 levels")]
    Unfit,
    /// The head of the answer has left: no cookie can be given any more.
    #[error("the answer has left, so no session can begin")]
    TooLate,
    /// The system has no random numbers for an id.
    #[error("no session id could be made")]
    Random,
    /// A value could not be turned into JSON, or what is kept under its key is of another type.
    #[error("a session value is not of the type of its key")]
    Value(#[from] serde_json::Error),
    /// A text holds a byte that no header can carry.
    #[error("a cookie cannot carry that text")]
    Header,
}

/// The failure that decides a request's answer, whatever its handler says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The store could not be reached: 503.
    Unavailable,
    /// The session ended under the request: 409.
    Ended,
    /// The id was rotated by another request: 503.
    Rotated,
    /// The client has begun too many sessions: 429.
    TooMany {
        /// When to try again, in seconds.
        retry_after: u32,
    },
    /// Which session the request belongs to is in doubt: 503, because the next request may be clear.
    Doubtful,
    /// The session would hold more than it may: 500, for it is the application that put it there.
    TooLarge {
        /// The most that it may hold, in bytes.
        limit: usize,
    },
    /// A value cannot be kept: 500, likewise.
    Unfit,
    /// The system has no random numbers: 500.
    Random,
    /// The head had left: nothing can be answered any more.
    TooLate,
}

impl Error {
    /// The failure that this is, unless it is one of a value or of a header.
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

    /// The status that fits: 503 for what may be tried again, 409 for a session that ended, 429 for too many, else 500.
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

/// A short answer in plain text. A handler may thus return `Result<_, Error>`.
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
        // An application may put a page in its place, also where a handler has returned it.
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
