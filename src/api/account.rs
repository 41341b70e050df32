//! `POST /api/register`, `/api/login`, `/api/logout`, `/api/password`, and `GET /api/profile`.
//!
//! Whose account it is comes from the session, never from what was sent.

use crate::browser::Credentialed;
use crate::model::account::{PasswordChanged, SignedIn, SignedOut};
use crate::model::codec::{Json, JsonOrForm};
use crate::model::error::WireError;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Makes an account and signs it in.
///
/// # Errors
///
/// `invalid` with the `field` that is wrong, `username_taken`, `registration_closed`, `too_many_attempts`, `busy`,
/// `unavailable`.
#[server(client = Credentialed, endpoint = "register", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn register(
    /// What its owner wants to be called.
    name: String,
    /// An e-mail address, which signs in.
    username: String,
    /// The password, as it was typed.
    password: String,
) -> Result<SignedIn, WireError> {
    use crate::model::error::Kind;
    drop((name, username, password));
    Err(Kind::Internal.into())
}

/// Signs an account in. The session gets a new id and keeps its values.
///
/// # Errors
///
/// `bad_credentials`, one and the same for a name that nobody has and a password that is wrong; `too_many_attempts`,
/// `busy`, `unavailable`.
#[server(client = Credentialed, endpoint = "login", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn login(
    /// The e-mail address.
    username: String,
    /// The password, as it was typed.
    password: String,
    /// Stays signed in when the browser closes: `true` or `false`, which also stands for nothing.
    #[server(default)]
    keep: bool,
) -> Result<SignedIn, WireError> {
    use crate::model::error::Kind;
    drop((username, password, keep));
    Err(Kind::Internal.into())
}

/// Signs out, also nobody.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached: whether the session has ended is then unknown, so try again.
#[server(client = Credentialed, endpoint = "logout", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn logout() -> Result<SignedOut, WireError> {
    use crate::model::error::Kind;
    Err(Kind::Internal.into())
}

/// Who is signed in.
///
/// # Errors
///
/// `not_signed_in`, `unavailable`.
#[server(client = Credentialed, endpoint = "profile", input = GetUrl, output = Post<Json>)]
pub async fn read_profile() -> Result<SignedIn, WireError> {
    use crate::model::error::Kind;
    Err(Kind::Internal.into())
}

/// Gives the account another password. The session gets a new id.
///
/// # Errors
///
/// `not_signed_in`; `bad_credentials` with the field `current`; `invalid` with the field `new`; `too_many_attempts`,
/// `busy`, `unavailable`.
#[server(client = Credentialed, endpoint = "password", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn change_password(
    /// The password that it has.
    current: String,
    /// The password that it is to have.
    new: String,
    /// Signs out everywhere else: `true`, which also stands for nothing, or `false`.
    #[server(default = "yes")]
    end_others: bool,
) -> Result<PasswordChanged, WireError> {
    use crate::model::error::Kind;
    drop((current, new, end_others));
    Err(Kind::Internal.into())
}

/// What is safer when nothing is said.
const fn yes() -> bool {
    true
}
