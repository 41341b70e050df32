//! The one error that the API answers with: `{"kind": "...", "message": "..."}`, and `"field"` where one input is to blame.

use serde::de::value::{Error as NoKind, StrDeserializer};
use serde::{Deserialize, Serialize};
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// An error as it travels: a kind for programs, a sentence for people.
///
/// The cause stays on the server, in its log.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WireError {
    /// What went wrong, for programs.
    pub kind: Kind,
    /// What went wrong and what to do, for people.
    pub message: String,
    /// The name of the input that is wrong, where it is one, so that a page can say so beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// After how many seconds another attempt makes sense, where that is known: the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// What can go wrong. Each kind has one HTTP status.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The input could not be understood: 400.
    Invalid,
    /// A sign-in that comes back from a provider and was not begun in this browser, is too old or was used before: 400.
    SignInLost,
    /// Nobody is signed in: 401.
    NotSignedIn,
    /// No account has this name and this password together: 401.
    BadCredentials,
    /// Whoever was led to a provider did not sign in there: 401.
    Cancelled,
    /// The request came from another origin: 403.
    CrossOrigin,
    /// The sign-in is too long ago for what was asked: 403.
    SignInAgain,
    /// New accounts are not to be had here: 403.
    RegistrationClosed,
    /// The provider does not say that the e-mail address is whose it is said to be: 403.
    EmailUnverified,
    /// There is nothing under this address: 404.
    NotFound,
    /// The address exists, but not for this method: 405.
    MethodNotAllowed,
    /// The request took too long to arrive: 408.
    Timeout,
    /// The value differs from the one that the session keeps: 409.
    Mismatch,
    /// The session ended while the request was under way: 409.
    SessionEnded,
    /// There is an account of this name: 409.
    UsernameTaken,
    /// There is an account of this name, and it does not know this provider: 409.
    AccountExists,
    /// Another account knows this provider's somebody, or this one knows another: 409.
    IdentityTaken,
    /// Nothing would be left to sign in by: 409.
    LastFactor,
    /// The body is too large: 413.
    TooLarge,
    /// The body is of a type that this address does not take: 415.
    UnsupportedMediaType,
    /// Too many attempts in too short a time: 429.
    TooManyAttempts,
    /// The request's headers, most likely its cookies, are too large: 431.
    HeadersTooLarge,
    /// A fault of ours: 500.
    Internal,
    /// A provider of sign-ins does not answer, or not as it should: 502.
    ProviderFailed,
    /// The sessions cannot be reached just now: 503.
    Unavailable,
    /// Another request has just given the session a new id; this one may be sent again: 503.
    Rotated,
    /// The server has too much to do just now: 503.
    Busy,
    /// The browser could not reach the server at all. Never sent, only made in the browser.
    Unreachable,
    /// The server is there, but the browser keeps its answer from this page. Never sent, only made in the browser.
    Refused,
    /// A kind that a newer server knows and this program does not.
    #[serde(other)]
    Unknown,
}

impl Kind {
    /// The HTTP status that goes with this kind.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Invalid | Self::SignInLost => 400,
            Self::NotSignedIn | Self::BadCredentials | Self::Cancelled => 401,
            Self::CrossOrigin | Self::SignInAgain | Self::RegistrationClosed | Self::EmailUnverified => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::Mismatch
            | Self::SessionEnded
            | Self::UsernameTaken
            | Self::AccountExists
            | Self::IdentityTaken
            | Self::LastFactor => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMediaType => 415,
            Self::TooManyAttempts => 429,
            Self::HeadersTooLarge => 431,
            Self::Internal | Self::Unknown => 500,
            Self::ProviderFailed => 502,
            Self::Unavailable | Self::Rotated | Self::Busy | Self::Unreachable | Self::Refused => 503,
        }
    }

    /// The kind as it travels: `session_ended`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::SignInLost => "sign_in_lost",
            Self::NotSignedIn => "not_signed_in",
            Self::BadCredentials => "bad_credentials",
            Self::Cancelled => "cancelled",
            Self::CrossOrigin => "cross_origin",
            Self::SignInAgain => "sign_in_again",
            Self::RegistrationClosed => "registration_closed",
            Self::EmailUnverified => "email_unverified",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Timeout => "timeout",
            Self::Mismatch => "mismatch",
            Self::SessionEnded => "session_ended",
            Self::UsernameTaken => "username_taken",
            Self::AccountExists => "account_exists",
            Self::IdentityTaken => "identity_taken",
            Self::LastFactor => "last_factor",
            Self::TooLarge => "too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::TooManyAttempts => "too_many_attempts",
            Self::HeadersTooLarge => "headers_too_large",
            Self::Internal => "internal",
            Self::ProviderFailed => "provider_failed",
            Self::Unavailable => "unavailable",
            Self::Rotated => "rotated",
            Self::Busy => "busy",
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    /// The kind of that name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::deserialize(StrDeserializer::<NoKind>::new(name)).ok().filter(|kind| *kind != Self::Unknown)
    }

    /// A heading for this kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Invalid | Self::UnsupportedMediaType => "That could not be understood.",
            Self::NotSignedIn => "Sign in first.",
            Self::BadCredentials | Self::SignInLost | Self::ProviderFailed => "That did not work.",
            Self::Cancelled => "Not signed in.",
            Self::EmailUnverified => "Whose address is that?",
            Self::CrossOrigin => "That came from another site.",
            Self::SignInAgain => "Sign in once more.",
            Self::RegistrationClosed => "No new accounts.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "That cannot be done here.",
            Self::Timeout => "That took too long.",
            Self::Mismatch => "Not the same value.",
            Self::SessionEnded => "Your session has ended.",
            Self::UsernameTaken | Self::AccountExists | Self::IdentityTaken => "There is such an account.",
            Self::LastFactor => "Choose a password first.",
            Self::TooLarge => "That is too large.",
            Self::TooManyAttempts => "Too many attempts.",
            Self::HeadersTooLarge => "Too many cookies.",
            Self::Internal | Self::Unknown => "Something went wrong.",
            Self::Unavailable => "Sessions cannot be reached.",
            Self::Rotated => "Once more, please.",
            Self::Busy => "Busy just now.",
            Self::Unreachable => "The server cannot be reached.",
            Self::Refused => "The server does not know this page.",
        }
    }

    /// The usual sentence for this kind: what happened, and what to do.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Invalid => "The request could not be understood. Check what was sent.",
            Self::NotSignedIn => "You are not signed in. Sign in, then try again.",
            Self::BadCredentials => "That address and password do not go together.",
            Self::CrossOrigin => {
                "This request came from another site, so it was refused. Open this site itself and try again."
            }
            Self::SignInAgain => "Your sign-in is too long ago for this. Sign in again, then try once more.",
            Self::RegistrationClosed => "This site takes no new accounts.",
            Self::SignInLost => {
                "This sign-in took too long, was used before, or was begun in another browser. Begin again on the page where \
                 you sign in."
            }
            Self::Cancelled => "You did not sign in there. Try again, or sign in otherwise.",
            Self::EmailUnverified => {
                "The provider does not say that your e-mail address is yours. Confirm it there, then try again."
            }
            Self::AccountExists => {
                "There is an account with your e-mail address. Sign in to it, and connect the provider on its page “Security”."
            }
            Self::IdentityTaken => "That is connected with another account, or yours with another of that provider’s.",
            Self::LastFactor => "Nothing would be left to sign in by. Choose a password first.",
            Self::ProviderFailed => "The provider does not answer as it should. Try again later, or sign in otherwise.",
            Self::NotFound => "There is nothing at this address.",
            Self::MethodNotAllowed => "This address does not take that method.",
            Self::Timeout => "The request took too long to arrive. Try again.",
            Self::Mismatch => "The data in the session does not match!",
            Self::SessionEnded => {
                "Your session ended while this was under way, so nothing was saved. Reload the page and try again."
            }
            Self::UsernameTaken => "There is an account with this e-mail address already. Sign in instead.",
            Self::TooLarge => "What was sent is too large.",
            Self::TooManyAttempts => "Too many attempts in a short time. Try again later.",
            Self::UnsupportedMediaType => {
                "Send JSON with content type application/json, or a form as application/x-www-form-urlencoded."
            }
            Self::HeadersTooLarge => {
                "Your browser sent more cookies than this site takes. They have been cleared; load the page again."
            }
            Self::Internal | Self::Unknown => "Something went wrong on the server. Try again in a moment.",
            Self::Unavailable => "Sessions cannot be reached just now. Try again in a moment.",
            Self::Rotated => "Your session was just given a new key by another request. Send this one again.",
            Self::Busy => "The server is busy. Try again in a moment.",
            Self::Unreachable => "The server cannot be reached. Check your connection, then try again.",
            Self::Refused => {
                "The server answers, but not to this page. Its `site.front_ends` must name this page's origin."
            }
        }
    }
}

impl WireError {
    /// An error of a kind, in other words than the usual ones.
    #[must_use]
    pub const fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, field: None, retry_after: None }
    }

    /// The name of the input that is to blame, or nothing. Of a name and a password that do not go together it is the
    /// password: that is what one types again.
    #[must_use]
    pub fn blames(&self) -> &str {
        match &self.field {
            Some(field) => field,
            None if self.kind == Kind::BadCredentials => "password",
            None => "",
        }
    }

    /// Whether the server or a store of it failed, so that the client has nothing to answer for. A provider is neither.
    #[must_use]
    pub const fn is_a_failure(&self) -> bool {
        matches!(self.kind, Kind::Unavailable | Kind::Rotated | Kind::Busy | Kind::Internal)
    }

    /// What one input of a form must be.
    #[must_use]
    pub fn about(field: &str, message: &str) -> Self {
        Self { field: Some(field.to_owned()), ..Self::new(Kind::Invalid, message.to_owned()) }
    }
}

impl From<Kind> for WireError {
    fn from(kind: Kind) -> Self {
        Self::new(kind, kind.sentence().to_owned())
    }
}

impl FromServerFnError for WireError {
    type Encoder = super::codec::Json;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        use ServerFnErrorErr as E;
        match error {
            E::Request(_) => Kind::Unreachable.into(),
            // In the browser it is an answer that cannot be read: the page of a proxy, most likely.
            E::Deserialization(_) | E::Args(_) | E::MissingArg(_) if cfg!(target_arch = "wasm32") => {
                Kind::Internal.into()
            }
            E::Args(why) | E::MissingArg(why) | E::Deserialization(why) => {
                // `invalid type: string "…", expected a boolean`: what was sent is not repeated, it may be a password.
                let why = why.rsplit_once(", expected ").map_or(why.clone(), |(_, what)| format!("expected {what}"));
                Self::new(Kind::Invalid, format!("The data could not be read: {why}."))
            }
            _ => Kind::Internal.into(),
        }
    }
}

impl From<ServerFnErrorErr> for WireError {
    fn from(error: ServerFnErrorErr) -> Self {
        Self::from_server_fn_error(error)
    }
}
