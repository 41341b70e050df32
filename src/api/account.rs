//! `POST /api/register`, `/api/login`, `/api/logout`, `/api/confirm`, `/api/password`, `/api/disconnect`, and
//! `GET /api/profile`.
//!
//! The account always comes from the session, never from the request.

use crate::browser::Credentialed;
use crate::model::account::{PasswordChanged, SignedIn, SignedOut};
use crate::model::codec::{Json, JsonOrForm};
use crate::model::error::WireError;
use leptos::server;
use server_fn::codec::{GetUrl, Post};

/// Creates an account and signs it in.
///
/// # Errors
///
/// `invalid` with the name of the wrong field in `field`, `username_taken`, `registration_closed`, `too_many_attempts`,
/// `busy`, `unavailable`.
#[server(client = Credentialed, endpoint = "register", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn register(
    /// The name that pages show.
    name: String,
    /// The e-mail address, which is the user name.
    username: String,
    /// The password, as typed.
    password: String,
) -> Result<SignedIn, WireError> {
    use crate::backend::{passwords::Password, sign_in, visitor::Visitor};
    use axum::http::header::SET_COOKIE;
    use leptos::prelude::expect_context;
    let visitor: Visitor = expect_context();
    let entered = sign_in::register(&visitor, &name, &username, &Password::new(password)).await?;
    let known = visitor.session.give_beside(Visitor::KNOWN, &entered.known, sign_in::KNOWN_FOR)?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, known);
    Ok(SignedIn { profile: entered.profile })
}

/// Signs an account in. The session gets a new id and keeps its values.
///
/// # Errors
///
/// `bad_credentials`, the same for an unknown user name and for a wrong password; `too_many_attempts`, `busy`,
/// `unavailable`.
#[server(client = Credentialed, endpoint = "login", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn login(
    /// The e-mail address.
    username: String,
    /// The password, as typed.
    password: String,
    /// Whether the sign-in lasts when the browser closes: `true` or `false`. Default: `false`.
    #[server(default)]
    keep: bool,
) -> Result<SignedIn, WireError> {
    use crate::backend::{passwords::Password, sign_in, visitor::Visitor};
    use axum::http::header::SET_COOKIE;
    use leptos::prelude::expect_context;
    let visitor: Visitor = expect_context();
    let entered = sign_in::sign_in(&visitor, &username, &Password::new(password), keep).await?;
    let known = visitor.session.give_beside(Visitor::KNOWN, &entered.known, sign_in::KNOWN_FOR)?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, known);
    Ok(SignedIn { profile: entered.profile })
}

/// Signs out. Succeeds also without a sign-in.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached. Whether the session has ended is then unknown, so try again.
#[server(client = Credentialed, endpoint = "logout", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn logout() -> Result<SignedOut, WireError> {
    use crate::backend::{sign_in, visitor::Visitor};
    use axum::http::{HeaderName, HeaderValue};
    use leptos::prelude::expect_context;
    sign_in::sign_out(&expect_context::<Visitor>().session).await?;
    // Clears the data that pages have stored. Not "cookies", because that clears the whole domain and signs out of
    // other applications; the session's cookie is removed by name. Not "cache", because a response that shows a session
    // is never cached. Source: ASVS 5.0, 14.3.1.
    let (name, what) = (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"storage\""));
    expect_context::<leptos_axum::ResponseOptions>().insert_header(name, what);
    Ok(SignedOut::default())
}

/// Returns the account that is signed in.
///
/// # Errors
///
/// `not_signed_in`, `unavailable`.
#[server(client = Credentialed, endpoint = "profile", input = GetUrl, output = Post<Json>)]
pub async fn read_profile() -> Result<SignedIn, WireError> {
    use crate::backend::{account::signed_in, visitor::Visitor};
    let Visitor { session, accounts, .. } = leptos::prelude::expect_context();
    let account = signed_in(&session, &accounts).await?;
    Ok(SignedIn { profile: account.profile().clone() })
}

/// Re-authenticates the account by its password, which allows sensitive actions for a while. The session gets a new id.
///
/// # Errors
///
/// `not_signed_in`; `bad_credentials` with the field `current`; `too_many_attempts`, `busy`, `unavailable`.
#[server(client = Credentialed, endpoint = "confirm", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn confirm_password(
    /// The password of the account.
    current: String,
) -> Result<SignedIn, WireError> {
    use crate::backend::{passwords::Password, sign_in, visitor::Visitor};
    use axum::http::header::SET_COOKIE;
    use leptos::prelude::expect_context;
    let visitor: Visitor = expect_context();
    let entered = sign_in::sign_in_again(&visitor, &Password::new(current)).await?;
    let known = visitor.session.give_beside(Visitor::KNOWN, &entered.known, sign_in::KNOWN_FOR)?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, known);
    Ok(SignedIn { profile: entered.profile })
}

/// Changes the password of the account. The session gets a new id.
///
/// # Errors
///
/// `not_signed_in`; `bad_credentials` with the field `current`; `invalid` with the field `new`, also when it equals the
/// current password; `sign_in_again` when the account has no password and the sign-in is too long ago;
/// `too_many_attempts`, `busy`, `unavailable`.
#[server(client = Credentialed, endpoint = "password", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn change_password(
    /// The current password. Empty if the account has none.
    #[server(default)]
    current: String,
    /// The new password.
    new: String,
    /// Whether all other devices are signed out: `true` or `false`. Default: `true`.
    #[server(default = "yes")]
    end_others: bool,
) -> Result<PasswordChanged, WireError> {
    use crate::backend::{passwords::Password, sign_in, visitor::Visitor};
    use axum::http::header::SET_COOKIE;
    use leptos::prelude::expect_context;
    let visitor: Visitor = expect_context();
    let (current, new) = (Password::new(current), Password::new(new));
    let known = sign_in::change_password(&visitor, &current, &new, end_others).await?;
    let known = visitor.session.give_beside(Visitor::KNOWN, &known, sign_in::KNOWN_FOR)?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, known);
    Ok(PasswordChanged::default())
}

/// Disconnects a provider from the account, which can then no longer sign in with it.
///
/// # Errors
///
/// `not_signed_in`; `sign_in_again`; `not_found` for a provider that is not connected; `last_factor` when it is the
/// only sign-in method of the account; `unavailable`.
#[server(client = Credentialed, endpoint = "disconnect", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn disconnect(
    /// The provider's short name.
    provider: String,
) -> Result<SignedIn, WireError> {
    use crate::backend::{federated, sign_in, visitor::Visitor};
    use axum::http::header::SET_COOKIE;
    use leptos::prelude::expect_context;
    let visitor: Visitor = expect_context();
    let entered = federated::disconnect(&visitor, &provider).await?;
    let known = visitor.session.give_beside(Visitor::KNOWN, &entered.known, sign_in::KNOWN_FOR)?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, known);
    Ok(SignedIn { profile: entered.profile })
}

/// Returns the default of `end_others`: the safer choice.
const fn yes() -> bool {
    true
}
