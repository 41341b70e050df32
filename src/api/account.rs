//! `POST /api/register`, `/api/login`, `/api/logout`, `/api/confirm`, `/api/password`, `/api/disconnect`, and
//! `GET /api/profile`.
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
    use crate::backend::{passwords::Password, sign_in, visitor::Visitor};
    use axum::http::header::SET_COOKIE;
    use leptos::prelude::expect_context;
    let visitor: Visitor = expect_context();
    let entered = sign_in::sign_in(&visitor, &username, &Password::new(password), keep).await?;
    let known = visitor.session.give_beside(Visitor::KNOWN, &entered.known, sign_in::KNOWN_FOR)?;
    expect_context::<leptos_axum::ResponseOptions>().append_header(SET_COOKIE, known);
    Ok(SignedIn { profile: entered.profile })
}

/// Signs out, also nobody.
///
/// # Errors
///
/// `unavailable` when the store cannot be reached: whether the session has ended is then unknown, so try again.
#[server(client = Credentialed, endpoint = "logout", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn logout() -> Result<SignedOut, WireError> {
    use crate::backend::{sign_in, visitor::Visitor};
    use axum::http::{HeaderName, HeaderValue};
    use leptos::prelude::expect_context;
    sign_in::sign_out(&expect_context::<Visitor>().session).await?;
    // What pages have put away. Not "cookies": those of the whole domain would go, and with them other applications' sign-ins;
    // the session's is taken away by name. Not "cache": what shows a session is never kept there. Source: ASVS 5.0, 14.3.1.
    let (name, what) = (HeaderName::from_static("clear-site-data"), HeaderValue::from_static("\"storage\""));
    expect_context::<leptos_axum::ResponseOptions>().insert_header(name, what);
    Ok(SignedOut::default())
}

/// Who is signed in.
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

/// Proves once more, by the password, who is signed in: what is sensitive may be done for a while then. The session gets a
/// new id.
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

/// Gives the account another password. The session gets a new id.
///
/// # Errors
///
/// `not_signed_in`; `bad_credentials` with the field `current`; `invalid` with the field `new`, also when that is the password
/// that it has; `sign_in_again` where it has no password and the sign-in is too long ago; `too_many_attempts`, `busy`, `unavailable`.
#[server(client = Credentialed, endpoint = "password", input = Post<JsonOrForm>, output = Post<Json>)]
pub async fn change_password(
    /// The password that it has; nothing where it has none.
    #[server(default)]
    current: String,
    /// The password that it is to have.
    new: String,
    /// Signs out everywhere else: `true`, which also stands for nothing, or `false`.
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

/// Takes a provider from the account: it signs in by that no more.
///
/// # Errors
///
/// `not_signed_in`; `sign_in_again`; `not_found` for a provider that is not connected; `last_factor` when nothing else is
/// left to sign in by; `unavailable`.
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

/// What is safer when nothing is said.
const fn yes() -> bool {
    true
}
