//! Signing in by another service, which says who somebody is (OpenID Connect).
//!
//! ```text
//! begin   a cookie for the way, and the provider's address      nothing is kept here yet
//!           … the visitor signs in there …
//! finish  the way is the one that began in this browser, and is used once; the provider says who it is; then as after
//!         a password
//! ```
//!
//! An account is found by issuer and subject, and by nothing else: an e-mail address says who may be written to, not who
//! somebody is.

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

/// How many sign-ins a browser may have under way.
pub const SLOTS: usize = 4;

/// How long one may take.
pub const TIME: Duration = LIFE;

/// How far a provider's clock may be ahead of ours, in milliseconds.
const AHEAD: i64 = 60_000;

/// The name of a cookie that holds one, beside the session's.
#[must_use]
pub fn cookie(slot: usize) -> String {
    format!("sign_in_{slot}")
}

/// A way to a provider that has begun.
pub struct Begun {
    /// Which cookie is to hold it.
    pub slot: usize,
    /// What the cookie is to hold.
    pub text: String,
    /// Where the browser goes on to.
    pub to: Url,
    /// What the provider is called.
    pub name: String,
}

/// Somebody has come back.
pub struct Back {
    /// Which cookie is over now.
    pub slot: usize,
    /// What for they were away.
    pub purpose: Purpose,
    /// Where they wanted to go.
    pub next: Option<Next>,
    /// The front end that they came from, unless it was a page of ours.
    pub origin: Option<String>,
    /// What came of it; nothing where a session is no more than it was.
    pub result: Result<Option<Entered>, WireError>,
}

/// What a provider says in the address that it leads back to.
#[derive(Clone, Debug, Default, serde::Deserialize, serde::Serialize)]
pub struct Answer {
    /// Which sign-in it is about.
    #[serde(default)]
    state: String,
    /// What its tokens are to be had for.
    code: Option<String>,
    /// Why there is none.
    error: Option<String>,
    /// Who answers. Source: RFC 9207.
    iss: Option<String>,
}

/// Begins to lead somebody to a provider. `kept` are the texts of the cookies that they have for such ways already.
///
/// # Errors
///
/// `not_found` for a provider that is none; `not_signed_in` and `sign_in_again` for what an account must be signed in for;
/// `provider_failed`.
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
    // A free one; where all are taken the one that was begun first: a browser that begins a fifth has left that behind.
    let begun = |slot: &usize| {
        let way = kept[*slot].as_deref().and_then(Transaction::read);
        way.filter(|way| !way.is_over(now)).map(|way| way.begun())
    };
    let slot = (0..SLOTS).min_by_key(begun).unwrap_or_default();
    let transaction = Transaction::begin(slot, &provider.registration.id, wish, account, now);
    let to = provider.authorization(&transaction).await.map_err(|error| failed(provider, &error))?;
    Ok(Begun { slot, text: transaction.text(), to, name: provider.registration.name.clone() })
}

/// Ends a way to a provider: whoever comes back is who the provider says, if this is the browser that began it.
///
/// # Errors
///
/// `sign_in_lost` when it is not, or took too long, or was used before. What else can go wrong is in the result, for the
/// page that it began on.
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
    // Each costs a row here and a call there. Apart from passwords: neither shuts the other's door.
    let counted = networks(visitor, "provider", accounts.rules().network_attempts).await?;
    // One that says that it names itself always does, so this is another one's answer. Source: RFC 9207, 2.4.
    if answer.iss.is_none() && provider.names_itself().await {
        let cause = ProviderError::Unusable("it leads back without `iss`, which it announces".to_owned());
        failed(provider, &cause);
        return Err(Kind::SignInLost.into());
    }
    // A success begins a session, so it is counted as one by password is.
    let successes = match entered(visitor).await {
        Ok(successes) => successes,
        Err(error) => {
            accounts.forgive(&counted).await;
            return Err(error);
        }
    };
    // Once, on whatever node: the cookie could be sent again, and the code belongs to the provider.
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
            let refusal = ProviderError::Unusable(format!("it leads back with the error `{}`", word_of(word)));
            Err(failed(provider, &refusal))
        }
    };
    // A store that fails is neither a success nor an attempt.
    if result.is_err() {
        accounts.forgive(&successes).await;
    }
    if result.as_ref().err().is_none_or(WireError::is_a_failure) {
        accounts.forgive(&counted).await;
    }
    Ok(Back { slot: way.slot, purpose: way.purpose, next: way.next(), origin: way.origin, result })
}

/// What a session has to show to a provider at the sign-out, to be read before the session ends.
///
/// # Errors
///
/// `not_found` for a provider that is none; `unavailable`.
pub async fn hint(visitor: &Visitor, provider: &str) -> Result<Option<Hint>, WireError> {
    let registration = &visitor.accounts.providers().of_id(provider).ok_or(Kind::NotFound)?.registration;
    if registration.quirks.sign_out != SignOut::Hint {
        return Ok(None);
    }
    let sign_in = visitor.session.read(SIGNED_IN).await?.unwrap_or_default();
    Ok(sign_in.hint.filter(|_| sign_in.provider.as_deref() == Some(provider)))
}

/// Where an account that was signed in by a provider signs out there too, if the provider offers that.
///
/// # Errors
///
/// `not_found` for a provider that is none. One that does not answer offers nothing.
pub async fn end(visitor: &Visitor, provider: &str, hint: Option<&Hint>) -> Result<Option<(Url, String)>, WireError> {
    let provider = visitor.accounts.providers().of_id(provider).ok_or(Kind::NotFound)?;
    let end = provider.end(hint).await.inspect_err(|error| drop(failed(provider, error))).unwrap_or_default();
    Ok(end.map(|url| (url, provider.registration.name.clone())))
}

/// Takes a provider from the account that is signed in.
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
    // As with a change of the password: whoever has come in by that provider is out. Of two at once, which together would
    // leave nothing to sign in by, one has changed the account before.
    let mark = mark(session).await?;
    let not_known = |failure| {
        let message = "It is not known whether the provider has been disconnected, and whether the other devices are signed out. \
                       Look at the page “Security” again.";
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
        let message = "The provider has been disconnected, but it is not sure that the other devices are signed out. Sign them \
                       out on the page of your devices.";
        done(error, message)
    };
    let sign_in = SignIn { epoch, ..account.sign_in().clone() };
    settle(session, &sign_in, true).await.map_err(|error| half_done(error.into()))?;
    let left = accounts.of_id(account.id()).await.map_err(|failure| half_done(failure.into()))?;
    let left = left.ok_or(Kind::NotSignedIn)?;
    Ok(Entered { known: known::give(visitor, &left), profile: left.profile })
}

/// What is done with whoever the provider says has come.
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

/// The account that the provider knows somebody by; a new one, if new ones are to be had.
async fn account_of(visitor: &Visitor, provider: &Provider, person: &Person) -> Result<Stored, WireError> {
    let accounts = &visitor.accounts;
    let id = accounts.identified(person, &Uuid::new_v4().to_string()).await?;
    if let Some(stored) = accounts.of_id(&id).await? {
        // As with a wrong password: nobody is told of a closed account.
        return if stored.is_open() { Ok(stored) } else { Err(Kind::BadCredentials.into()) };
    }
    let made = make(visitor, provider, person, &id).await;
    if let Err(error) = &made
        && matches!(error.kind, Kind::RegistrationClosed | Kind::EmailUnverified | Kind::AccountExists)
    {
        // Nothing was made. After any other error something may have been, and the identity waits for it.
        accounts.forget_waiting(person).await?;
    }
    let stored = made?;
    tracing::info!(account = stored.id, provider = provider.registration.id, "an account was made");
    Ok(stored)
}

async fn make(visitor: &Visitor, provider: &Provider, person: &Person, id: &str) -> Result<Stored, WireError> {
    let accounts = &visitor.accounts;
    if !accounts.rules().register {
        return Err(Kind::RegistrationClosed.into());
    }
    // Of an address that somebody only claims, its owner would find an account that they have never made.
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
        let message = "It is not known whether the provider has been connected. Look at the page “Security” again.";
        unknown(failure, message)
    };
    if !accounts.connect(person, account.id()).await.map_err(not_known)? {
        return Err(Kind::IdentityTaken.into());
    }
    if let Err(error) = is_unchanged(visitor, account.stored()).await {
        // Its owner has changed the password meanwhile, to keep somebody out: maybe this one.
        accounts.undo(person, account.id()).await.map_err(not_known)?;
        return Err(error);
    }
    let id = &provider.registration.id;
    tracing::info!(account = account.id(), provider = id, client = %address, "a provider was connected");
    Ok(session.rotate().await?)
}

async fn confirm(visitor: &Visitor, provider: &Provider, person: &Person, account: &Account) -> Result<(), WireError> {
    let accounts = &visitor.accounts;
    // Whoever it is at the provider must be who is signed in here.
    if accounts.identity(person).await?.as_deref() != Some(account.id()) {
        return Err(Kind::IdentityTaken.into());
    }
    let mut sign_in = vouched(visitor, provider, person, account.stored().epoch);
    // It was asked to ask anew (`prompt=login`, `max_age=0`), and one that never says when is believed to have done so.
    sign_in.undated &= provider.registration.quirks.auth_time;
    if !sign_in.is_fresh(accounts) {
        let cause = if sign_in.undated {
            "it does not say when that sign-in was (`auth_time`), so it proves nothing anew; if it never does and is to be \
             believed all the same, set `auth_time = false` of the provider"
        } else {
            "it is of an earlier sign-in (`auth_time`)"
        };
        return Err(failed(provider, &ProviderError::Token(cause.to_owned())));
    }
    again(visitor, account, sign_in).await
}

/// A sign-in that the provider vouches for. When it does not say when that was, it may have been long ago: a person who is
/// signed in there is led back without a question.
fn vouched(visitor: &Visitor, provider: &Provider, person: &Person, epoch: i64) -> SignIn {
    let now = visitor.accounts.clock().now().0;
    // Of a moment that has yet to come nothing follows.
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

/// A word of a provider for the log, which is an address's and so anybody's.
fn word_of(text: &str) -> String {
    text.chars().filter(|sign| sign.is_ascii_alphanumeric() || "_-.".contains(*sign)).take(64).collect()
}

/// The provider does not vouch for the person's address. What it said instead stands in the log already.
fn unvouched(provider: &Provider) -> WireError {
    tracing::warn!(
        provider = provider.registration.id,
        "a sign-in by a provider was refused: it does not say that the e-mail address is the person's (`email_verified`); if \
         all its addresses are, set `trust_email = true` of the provider"
    );
    Kind::EmailUnverified.into()
}

/// The visitor gets a kind, the log gets the cause.
fn failed(provider: &Provider, error: &ProviderError) -> WireError {
    tracing::error!(provider = provider.registration.id, %error, "a sign-in by a provider failed");
    Kind::ProviderFailed.into()
}
