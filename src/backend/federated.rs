//! Sign-in with another service, which identifies the user (OpenID Connect).
//!
//! ```text
//! begin   sets a cookie and returns the provider's address; the server stores nothing yet
//!           … the user signs in at the provider …
//! finish  checks that the sign-in began in this browser and is used once; the provider identifies the user; the rest
//!         is as after a password
//! ```
//!
//! An account is found by issuer and subject, and by nothing else, because an e-mail address is a place for mail and
//! not an identity.

use super::account::{Account, signed_in};
use super::accounts::{Bucket, Stored};
use super::attempts::{entered, networks};
use super::error::unknown;
use super::keys::{SIGNED_IN, SignIn};
use super::known;
use super::name;
use super::providers::{LIFE, Person, Provider, ProviderError, REMEMBERED, SignOut, Transaction};
use super::sign_in::{Entered, again, done, enter, is_unchanged, mark, settle};
use super::username::Username;
use super::visitor::Visitor;
use crate::model::error::{Kind, WireError};
use crate::model::next::Next;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

pub use super::providers::{Hint, Purpose, Wish};

/// The number of sign-ins that a browser may have in progress.
pub const SLOTS: usize = 4;

/// The longest time that one may take.
pub const TIME: Duration = LIFE;

/// The longest time that a provider's clock may be ahead of this server's, in milliseconds.
const AHEAD: i64 = 60_000;

/// Returns the name of a signed cookie that holds one of them.
#[must_use]
pub fn cookie(slot: usize) -> String {
    format!("sign_in_{slot}")
}

/// A sign-in that has begun.
pub struct Begun {
    /// The number of its cookie.
    pub slot: usize,
    /// The text of its cookie.
    pub text: String,
    /// The provider's address, to which the browser goes next.
    pub to: Url,
    /// The provider's display name.
    pub name: String,
}

/// A sign-in that has come back from its provider.
pub struct Back {
    /// The number of its cookie, which can be removed.
    pub slot: usize,
    /// Why the user was sent to the provider.
    pub purpose: Purpose,
    /// The path that the user wanted to open.
    pub next: Option<Next>,
    /// The front end on which it began, unless that was a page of this site.
    pub origin: Option<String>,
    /// The result. `None` when no sign-in was made, because a provider was connected or the user's identity confirmed.
    pub result: Result<Option<Entered>, WireError>,
}

/// The parameters of the redirect from a provider.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
pub struct Answer {
    /// The `state` of the sign-in.
    #[serde(default)]
    state: String,
    /// The authorization code, which is exchanged for tokens.
    code: Option<String>,
    /// The error code, if there is no authorization code.
    error: Option<String>,
    /// The issuer that responds. Source: RFC 9207.
    iss: Option<String>,
}

/// Begins a sign-in at a provider. `kept` are the texts of the browser's cookies for sign-ins in progress.
///
/// # Errors
///
/// `not_found` for an unknown provider; `not_signed_in` and `sign_in_again` for a purpose that needs a signed-in
/// account; `provider_failed`.
pub async fn begin(
    visitor: &Visitor,
    provider: &str,
    wish: Wish,
    kept: &[Option<String>; SLOTS],
) -> Result<Begun, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let provider = accounts.providers().of_id(provider).ok_or(Kind::NotFound)?;
    let account = match wish.purpose {
        Purpose::SignIn => None,
        Purpose::Connect | Purpose::Confirm => Some(signed_in(session, accounts).await?),
    };
    if let (Purpose::Connect, Some(account)) = (wish.purpose, &account) {
        account.is_fresh(accounts)?;
    }
    let account = account.map(|account| account.id().to_owned());
    let now = accounts.clock().now();
    // Takes a free slot, or the oldest if all are in use: a browser that begins a fifth sign-in has abandoned that one.
    let begun = |slot: &usize| {
        let way = kept[*slot].as_deref().and_then(Transaction::read);
        way.filter(|way| !way.is_over(now)).map(|way| way.begun())
    };
    let slot = (0..SLOTS).min_by_key(begun).unwrap_or_default();
    let transaction = Transaction::begin(slot, &provider.registration.id, wish, account, now);
    let to = provider.authorization(&transaction).await.map_err(|error| failed(provider, &error))?;
    Ok(Begun { slot, text: transaction.text(), to, name: provider.registration.name.clone() })
}

/// Completes a sign-in: takes the user's identity from the provider, if this browser began the sign-in.
///
/// # Errors
///
/// `sign_in_lost` when another browser began it, when it took too long, or when it was completed before;
/// `too_many_attempts`; `unavailable`. Later errors are in the result, for the page on which the sign-in began.
pub async fn finish(
    visitor: &Visitor,
    provider: &str,
    answer: Answer,
    kept: &[Option<String>; SLOTS],
) -> Result<Back, WireError> {
    let accounts = &visitor.accounts;
    let text = Transaction::slot_of(&answer.state).and_then(|slot| kept.get(slot)?.as_deref());
    let transaction = text
        .and_then(Transaction::read)
        .filter(|way| way.state() == answer.state && way.provider == provider && !way.is_over(accounts.clock().now()));
    let known = transaction.and_then(|way| Some((accounts.providers().of_id(provider)?, way)));
    let Some((provider, way)) = known else { return Err(Kind::SignInLost.into()) };
    let is_other = |issuer: &String| *issuer != provider.registration.issuer;
    if answer.iss.as_ref().is_some_and(is_other) {
        return Err(Kind::SignInLost.into());
    }
    // Each costs a row here and a call there. Counted apart from passwords, so that neither blocks the other.
    let counted = networks(visitor, "provider", accounts.rules().network_attempts).await?;
    // A provider that announces `iss` always sends it, so this response is not from there. Source: RFC 9207, 2.4.
    if answer.iss.is_none() && provider.names_itself().await {
        let cause = ProviderError::Unusable("its response has no `iss`, which it announces".to_owned());
        failed(provider, &cause);
        return Err(Kind::SignInLost.into());
    }
    // A success begins a session, so it is counted as a sign-in with a password is.
    let successes = match entered(visitor).await {
        Ok(successes) => successes,
        Err(error) => {
            accounts.forgive(&counted).await;
            return Err(error);
        }
    };
    // Accepts it once on all nodes together: the cookie could be sent again, and only the provider checks the code.
    let once = Bucket { name: visitor.session.pseudonym("transaction", &answer.state), limit: 1 };
    let first = accounts.attempt_within(&once, REMEMBERED).await;
    if !matches!(first, Ok(Ok(_))) {
        accounts.forgive(&successes).await;
    }
    if first.is_err() {
        accounts.forgive(&counted).await;
    }
    if first?.is_err() {
        return Err(Kind::SignInLost.into());
    }
    let result = match answer.code {
        Some(code) => arrive(visitor, provider, &way, code).await,
        None if answer.error.as_deref() == Some("access_denied") => Err(Kind::Cancelled.into()),
        None => {
            let word = answer.error.as_deref().unwrap_or_default();
            let refusal = ProviderError::Unusable(format!("its response has the error `{}`", word_of(word)));
            Err(failed(provider, &refusal))
        }
    };
    // A failure of a store counts neither as a success nor as an attempt.
    if result.is_err() {
        accounts.forgive(&successes).await;
    }
    if result.as_ref().err().is_none_or(WireError::is_a_failure) {
        accounts.forgive(&counted).await;
    }
    Ok(Back { slot: way.slot, purpose: way.purpose, next: way.next(), origin: way.origin, result })
}

/// Returns the ID token that a session keeps for the provider's sign-out page. Call it before the session ends.
///
/// # Errors
///
/// `not_found` for an unknown provider; `unavailable`.
pub async fn hint(visitor: &Visitor, provider: &str) -> Result<Option<Hint>, WireError> {
    let registration = &visitor.accounts.providers().of_id(provider).ok_or(Kind::NotFound)?.registration;
    if registration.quirks.sign_out != SignOut::Hint {
        return Ok(None);
    }
    let sign_in = visitor.session.read(SIGNED_IN).await?.unwrap_or_default();
    Ok(sign_in.hint.filter(|_| sign_in.provider.as_deref() == Some(provider)))
}

/// Returns the address at which the account signs out at the provider too, and the provider's name, if it has one.
///
/// # Errors
///
/// `not_found` for an unknown provider. A provider that does not respond counts as one without such an address.
pub async fn end(visitor: &Visitor, provider: &str, hint: Option<&Hint>) -> Result<Option<(Url, String)>, WireError> {
    let provider = visitor.accounts.providers().of_id(provider).ok_or(Kind::NotFound)?;
    let end = provider.end(hint).await.inspect_err(|error| drop(failed(provider, error))).unwrap_or_default();
    Ok(end.map(|url| (url, provider.registration.name.clone())))
}

/// Disconnects a provider from the signed-in account.
///
/// # Errors
///
/// As [`disconnect`](crate::api::account::disconnect).
pub async fn disconnect(visitor: &Visitor, provider: &str) -> Result<Entered, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let account = signed_in(session, accounts).await?;
    account.is_fresh(accounts)?;
    let provider = accounts.providers().of_id(provider).ok_or(Kind::NotFound)?;
    if !account.profile().providers.contains(&provider.registration.id) {
        return Err(Kind::NotFound.into());
    }
    let (stored, profile) = (account.stored(), account.profile());
    if !profile.password && profile.providers.len() < 2 {
        return Err(Kind::LastFactor.into());
    }
    // As after a password change, all other sessions end, because one of them may have signed in with that provider. Of
    // two concurrent requests that would together remove the last way to sign in, one finds the account changed.
    let mark = mark(session).await?;
    let not_known = |failure| {
        let message = "It is not known whether the provider has been disconnected, and whether other devices are signed out. \
                       Check the page “Security”.";
        unknown(failure, message)
    };
    let begun = accounts.begin_epoch(&stored.id, stored.changes, &mark).await.map_err(not_known)?;
    let Some(epoch) = begun else { return Err(Kind::Busy.into()) };
    let disconnected = accounts.disconnect(account.id(), &provider.registration.issuer).await.map_err(not_known)?;
    if !disconnected {
        return Err(Kind::LastFactor.into());
    }
    tracing::info!(account = account.id(), provider = provider.registration.id, "a provider was disconnected");
    let half_done = |error| {
        let message = "The provider has been disconnected, but other devices may still be signed in. Sign them out on the page \
                       “Devices”.";
        done(error, message)
    };
    let sign_in = SignIn { epoch, ..account.sign_in().clone() };
    settle(session, &sign_in, true).await.map_err(|error| half_done(error.into()))?;
    let left = accounts.of_id(account.id()).await.map_err(|failure| half_done(failure.into()))?;
    let left = left.ok_or(Kind::NotSignedIn)?;
    Ok(Entered { known: known::give(visitor, &left), profile: left.profile })
}

/// Does what the sign-in is for, with the identity that the provider returns.
async fn arrive(
    visitor: &Visitor,
    provider: &Provider,
    way: &Transaction,
    code: String,
) -> Result<Option<Entered>, WireError> {
    let person = provider.person(way, code).await.map_err(|error| failed(provider, &error))?;
    if way.purpose == Purpose::SignIn {
        let stored = account_of(visitor, provider, &person).await?;
        let sign_in = vouched(visitor, provider, &person, stored.epoch);
        return enter(visitor, stored, way.keep, sign_in).await.map(Some);
    }
    let account = signed_in(&visitor.session, &visitor.accounts).await?;
    if way.account.as_deref() != Some(account.id()) {
        return Err(Kind::SignInLost.into());
    }
    if way.purpose == Purpose::Connect {
        connect(visitor, provider, &person, &account).await?;
    } else {
        confirm(visitor, provider, &person, &account).await?;
    }
    Ok(None)
}

/// Returns the account of an identity; creates it if it is new and registration is open.
async fn account_of(visitor: &Visitor, provider: &Provider, person: &Person) -> Result<Stored, WireError> {
    let accounts = &visitor.accounts;
    let id = accounts.identified(person, &Uuid::new_v4().to_string()).await?;
    if let Some(stored) = accounts.of_id(&id).await? {
        // The same error as for a wrong password, so that it does not reveal a closed account.
        return if stored.is_open() { Ok(stored) } else { Err(Kind::BadCredentials.into()) };
    }
    let made = make(visitor, provider, person, &id).await;
    if let Err(error) = &made
        && matches!(error.kind, Kind::RegistrationClosed | Kind::EmailUnverified | Kind::AccountExists)
    {
        // Nothing was created. After any other error an account may have been, so the identity is kept.
        accounts.forget_waiting(person).await?;
    }
    let stored = made?;
    tracing::info!(account = stored.id, provider = provider.registration.id, "an account was created");
    Ok(stored)
}

async fn make(visitor: &Visitor, provider: &Provider, person: &Person, id: &str) -> Result<Stored, WireError> {
    let accounts = &visitor.accounts;
    if !accounts.rules().register {
        return Err(Kind::RegistrationClosed.into());
    }
    // The owner of an unverified address would find an account that they never created.
    let username = person.email.as_deref().filter(|_| person.verified).and_then(Username::parse);
    let username = username.ok_or_else(|| unvouched(provider))?;
    let name = name::told(person.name.as_deref().unwrap_or_default());
    let name = if name.is_empty() { username.shown() } else { &name };
    accounts.insert_identified(id, name, &username).await?.ok_or_else(|| Kind::AccountExists.into())
}

async fn connect(visitor: &Visitor, provider: &Provider, person: &Person, account: &Account) -> Result<(), WireError> {
    let Visitor { session, accounts, address, .. } = visitor;
    account.is_fresh(accounts)?;
    if !person.verified {
        return Err(unvouched(provider));
    }
    let not_known = |failure| {
        let message = "It is not known whether the provider has been connected. Check the page “Security”.";
        unknown(failure, message)
    };
    if !accounts.connect(person, account.id()).await.map_err(not_known)? {
        return Err(Kind::IdentityTaken.into());
    }
    if let Err(error) = is_unchanged(visitor, account.stored()).await {
        // The password has changed meanwhile. The owner may have done so to lock out the sender of this request.
        accounts.undo(person, account.id()).await.map_err(not_known)?;
        return Err(error);
    }
    let id = &provider.registration.id;
    tracing::info!(account = account.id(), provider = id, client = %address, "a provider was connected");
    Ok(session.rotate().await?)
}

async fn confirm(visitor: &Visitor, provider: &Provider, person: &Person, account: &Account) -> Result<(), WireError> {
    let accounts = &visitor.accounts;
    // The identity at the provider must belong to the signed-in account.
    if accounts.identity(person).await?.as_deref() != Some(account.id()) {
        return Err(Kind::IdentityTaken.into());
    }
    let mut sign_in = vouched(visitor, provider, person, account.stored().epoch);
    // A provider with `auth_time = false` is trusted to have asked again, as requested (`prompt=login`, `max_age=0`).
    sign_in.undated &= provider.registration.quirks.auth_time;
    if !sign_in.is_fresh(accounts) {
        let cause = if sign_in.undated {
            "it does not say when the user signed in (`auth_time`), so it does not prove a new sign-in; if the provider \
             never says so and you trust it anyway, set `auth_time = false` for the provider"
        } else {
            "it belongs to an earlier sign-in (`auth_time`)"
        };
        return Err(failed(provider, &ProviderError::Token(cause.to_owned())));
    }
    again(visitor, account, sign_in).await
}

/// Returns a sign-in with a provider. Without `auth_time` it may be long ago, because a provider redirects a user who
/// is signed in there back without a question.
fn vouched(visitor: &Visitor, provider: &Provider, person: &Person, epoch: i64) -> SignIn {
    let now = visitor.accounts.clock().now().0;
    // A time in the future proves nothing.
    let at = person.at.filter(|at| *at <= now.saturating_add(AHEAD)).map(|at| at.min(now));
    SignIn {
        at: at.unwrap_or(now),
        provider: Some(provider.registration.id.clone()),
        undated: at.is_none(),
        hint: person.hint.clone(),
        epoch,
        ..SignIn::default()
    }
}

/// Returns a provider's error code for the log in safe characters, because it comes from a URL that can be forged.
fn word_of(text: &str) -> String {
    text.chars().filter(|sign| sign.is_ascii_alphanumeric() || "_-.".contains(*sign)).take(64).collect()
}

/// Returns the error for an unverified e-mail address. The log already says what the provider sent instead.
fn unvouched(provider: &Provider) -> WireError {
    tracing::warn!(
        provider = provider.registration.id,
        "a sign-in with a provider was rejected: it has no e-mail address that the provider has verified \
         (`email_verified`); if you trust all of its addresses, set `trust_email = true` for the provider"
    );
    Kind::EmailUnverified.into()
}

/// Logs the cause, and gives the client only a kind.
fn failed(provider: &Provider, error: &ProviderError) -> WireError {
    tracing::error!(provider = provider.registration.id, %error, "a sign-in with a provider failed");
    Kind::ProviderFailed.into()
}
