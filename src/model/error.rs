//! The API's only error: `{"kind": "...", "message": "..."}`, and `"field"` if one input is wrong.

use serde::de::value::{Error as NoKind, StrDeserializer};
use serde::{Deserialize, Serialize};
use server_fn::error::{FromServerFnError, ServerFnErrorErr};

/// An error in a response: a kind for programs, a sentence for people.
///
/// The cause stays on the server, in its log.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct WireError {
    /// The kind of error, for programs.
    pub kind: Kind,
    /// A sentence for people: what happened and what to do.
    pub message: String,
    /// The name of the input that is wrong, if it is one, so that a page can show the error beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The seconds until another attempt makes sense, if they are known: the header `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// The kinds of errors. Each has one HTTP status.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The input could not be understood: 400.
    Invalid,
    /// A sign-in at a provider was not begun in this browser, is too old or was used before: 400.
    SignInLost,
    /// No account is signed in: 401.
    NotSignedIn,
    /// The username or the password is wrong: 401.
    BadCredentials,
    /// The user did not sign in at the provider: 401.
    Cancelled,
    /// The request came from another origin: 403.
    CrossOrigin,
    /// The sign-in is too long ago for this action: 403.
    SignInAgain,
    /// Registration is closed: 403.
    RegistrationClosed,
    /// The provider has not verified the e-mail address: 403.
    EmailUnverified,
    /// The address does not exist: 404.
    NotFound,
    /// The address exists, but not for this method: 405.
    MethodNotAllowed,
    /// The request took too long to arrive: 408.
    Timeout,
    /// The value differs from the one that the session holds: 409.
    Mismatch,
    /// The session ended during the request: 409.
    SessionEnded,
    /// An account with this username exists: 409.
    UsernameTaken,
    /// An account with this username exists, and it is not connected with this provider: 409.
    AccountExists,
    /// The provider's identity belongs to another account, or this account has another identity there: 409.
    IdentityTaken,
    /// The account would have no way to sign in: 409.
    LastFactor,
    /// The body is too large: 413.
    TooLarge,
    /// The body is of a type that this address does not accept: 415.
    UnsupportedMediaType,
    /// Too many attempts in too short a time: 429.
    TooManyAttempts,
    /// The request's headers, most likely its cookies, are too large: 431.
    HeadersTooLarge,
    /// The server has failed: 500.
    Internal,
    /// An OpenID provider does not respond, or its response is unusable: 502.
    ProviderFailed,
    /// The session store or the accounts' database cannot be reached: 503.
    Unavailable,
    /// Another request has just given the session a new id, so this one may be sent again: 503.
    Rotated,
    /// The server is overloaded: 503.
    Busy,
    /// The browser could not reach the server at all. Never sent, only made in the browser.
    Unreachable,
    /// The server responds, but the browser hides the response from this page (CORS). Never sent, only made in the
    /// browser.
    Refused,
    /// A kind that a newer server knows and this program does not.
    #[serde(other)]
    Unknown,
}

impl Kind {
    /// Returns the HTTP status of this kind.
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

    /// Returns the name of this kind in JSON: `session_ended`.
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

    /// Returns the kind with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::deserialize(StrDeserializer::<NoKind>::new(name)).ok().filter(|kind| *kind != Self::Unknown)
    }

    /// Returns a heading for this kind.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Invalid | Self::UnsupportedMediaType => "Invalid request.",
            Self::NotSignedIn => "Please sign in.",
            Self::BadCredentials | Self::SignInLost | Self::ProviderFailed => "Sign-in failed.",
            Self::Cancelled => "Sign-in cancelled.",
            Self::EmailUnverified => "E-mail address not verified.",
            Self::CrossOrigin => "Request from another site.",
            Self::SignInAgain => "Sign in again.",
            Self::RegistrationClosed => "Registration is closed.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "Method not allowed.",
            Self::Timeout => "The request timed out.",
            Self::Mismatch => "The values differ.",
            Self::SessionEnded => "Your session has ended.",
            Self::UsernameTaken | Self::AccountExists | Self::IdentityTaken => "Account already exists.",
            Self::LastFactor => "Set a password first.",
            Self::TooLarge => "The request is too large.",
            Self::TooManyAttempts => "Too many attempts.",
            Self::HeadersTooLarge => "Too many cookies.",
            Self::Internal | Self::Unknown => "Something went wrong.",
            Self::Unavailable => "Temporarily unavailable.",
            Self::Rotated => "Please try again.",
            Self::Busy => "The server is busy.",
            Self::Unreachable => "The server cannot be reached.",
            Self::Refused => "This page is not allowed.",
        }
    }

    /// Returns the usual sentence for this kind: what happened, and what to do.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Invalid => "The request could not be understood. Check your input, then try again.",
            Self::NotSignedIn => "You are not signed in. Sign in, then try again.",
            Self::BadCredentials => "Wrong e-mail address or password.",
            Self::CrossOrigin => {
                "This request came from another site, so it was refused. Open this site itself and try again."
            }
            Self::SignInAgain => "You signed in too long ago for this action. Sign in again, then try once more.",
            Self::RegistrationClosed => "This site does not accept new accounts.",
            Self::SignInLost => {
                "This sign-in took too long, was used before, or was started in another browser. Start again on the page \
                 “Sign in”."
            }
            Self::Cancelled => "You did not sign in there. Try again, or sign in another way.",
            Self::EmailUnverified => {
                "The provider has not verified your e-mail address. Verify it there, then try again."
            }
            Self::AccountExists => {
                "There is an account with your e-mail address already. Sign in to it, then connect the provider on the page \
                 “Security”."
            }
            Self::IdentityTaken => "This provider account or your own is already connected with another account.",
            Self::LastFactor => "This is your only way to sign in. Set a password first.",
            Self::ProviderFailed => "Sign-in at the provider failed. Try again later, or sign in another way.",
            Self::NotFound => "There is nothing at this address.",
            Self::MethodNotAllowed => "This address does not accept that method.",
            Self::Timeout => "The request took too long to arrive. Try again.",
            Self::Mismatch => "The data in the session does not match!",
            Self::SessionEnded => {
                "Your session ended during this request, so nothing was saved. Reload the page and try again."
            }
            Self::UsernameTaken => "There is an account with this e-mail address already. Sign in instead.",
            Self::TooLarge => "The request is too large. Send less.",
            Self::TooManyAttempts => "Too many attempts in a short time. Try again later.",
            Self::UnsupportedMediaType => {
                "Send JSON with content type application/json, or a form as application/x-www-form-urlencoded."
            }
            Self::HeadersTooLarge => {
                "Your browser sent more cookies than this site accepts. Some have been removed; load the page again."
            }
            Self::Internal | Self::Unknown => "Something went wrong on the server. Try again in a moment.",
            Self::Unavailable => "The server cannot load your data right now. Try again in a moment.",
            Self::Rotated => "Another request has just renewed your session. Try again.",
            Self::Busy => "The server is busy. Try again in a moment.",
            Self::Unreachable => "The server cannot be reached. Check your connection, then try again.",
            Self::Refused => {
                "The server responds, but this page may not use it. Its `site.front_ends` must list this page's origin."
            }
        }
    }
}

impl WireError {
    /// Returns an error with another sentence than the usual one.
    #[must_use]
    pub const fn new(kind: Kind, message: String) -> Self {
        Self { kind, message, field: None, retry_after: None }
    }

    /// Returns the name of the input that is wrong, or an empty text. When the username or the password is wrong, it is
    /// the password, because users type that again.
    #[must_use]
    pub fn blames(&self) -> &str {
        match &self.field {
            Some(field) => field,
            None if self.kind == Kind::BadCredentials => "password",
            None => "",
        }
    }

    /// Returns whether the server or one of its stores failed, so that the client is not at fault. A provider is
    /// neither.
    #[must_use]
    pub const fn is_a_failure(&self) -> bool {
        matches!(self.kind, Kind::Unavailable | Kind::Rotated | Kind::Busy | Kind::Internal)
    }

    /// Returns the error of one input of a form.
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
            // In the browser it is a response that cannot be read: the page of a proxy, most likely.
            E::Deserialization(_) | E::Args(_) | E::MissingArg(_) if cfg!(target_arch = "wasm32") => {
                Kind::Internal.into()
            }
            E::Args(why) | E::MissingArg(why) | E::Deserialization(why) => {
                // `invalid type: string "…", expected a boolean`: the input is not repeated, because it may be a
                // password.
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
