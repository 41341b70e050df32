//! Signing in and out, and what leads to it.
//!
//! Of two things that happen at once, the later one must not undo the earlier: a change of the password or a closing
//! writes the account first and ends sessions then; a sign-in begins its session first and looks at the account once more
//! then. Whichever way they meet, no session is left that was begun with what is valid no more.

use super::account::{Account, signed_in};
use super::accounts::{Accounts, Attempt, Bucket, Stored};
use super::keys::{SIGNED_IN, SignIn};
use super::passwords::{Checked, Hash, LONGEST, Password};
use super::username::Username;
use super::visitor::Visitor;
use crate::model::account::Profile;
use crate::model::error::{Kind, WireError};
use crate::session::{Device, Error, Lifetime, Owner, Session};
use std::time::Duration;

/// Somebody has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The account.
    pub profile: Profile,
    /// What the browser is to be given, beside the session, to be known by.
    pub known: String,
}

/// How long a browser stays known.
pub const KNOWN_FOR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Makes an account and signs it in.
///
/// # Errors
///
/// As [`register`](crate::api::account::register).
pub async fn register(
    visitor: &Visitor,
    name: &str,
    username: &str,
    password: &Password,
) -> Result<Entered, WireError> {
    let accounts = &visitor.accounts;
    if !accounts.rules().register {
        return Err(Kind::RegistrationClosed.into());
    }
    // Whoever counts accounts by asking for their names is slowed down, and whoever makes many.
    attempt(accounts, &network(visitor, "network")).await?;
    let stored = create(accounts, name, username, password).await?;
    tracing::info!(account = stored.id, client = %visitor.address, "an account was made");
    let sign_in = by_password(accounts, &stored);
    enter(visitor, stored, false, sign_in).await
}

/// Makes an account.
///
/// # Errors
///
/// `invalid` with the field that is wrong, `username_taken`, `busy`, `unavailable`.
pub(super) async fn create(
    accounts: &Accounts,
    name: &str,
    username: &str,
    password: &Password,
) -> Result<Stored, WireError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 100 || name.contains(char::is_control) {
        return Err(WireError::about("name", "Write a name of one to 100 characters."));
    }
    let Some(username) = Username::parse(username) else {
        return Err(WireError::about("username", "Write one e-mail address, like ada@example.com."));
    };
    let taken = || WireError { field: Some("username".to_owned()), ..Kind::UsernameTaken.into() };
    // Before a hash is made for nothing. Whether it is so still is for the database to say, below.
    if accounts.named(&username).await?.is_some() {
        return Err(taken());
    }
    let profile = Profile { name: name.to_owned(), username: username.shown().to_owned(), ..Profile::default() };
    let hash = accounts.fit("password", password, &profile).await?;
    accounts.insert(name, &username, &hash).await?.ok_or_else(taken)
}

/// Signs an account in by its password.
///
/// # Errors
///
/// As [`login`](crate::api::account::login).
pub async fn sign_in(visitor: &Visitor, username: &str, password: &Password, keep: bool) -> Result<Entered, WireError> {
    let accounts = &visitor.accounts;
    let name = Username::parse(username);
    let stored = match &name {
        Some(name) => accounts.named(name).await?,
        None => None,
    };
    // What is no address is nobody's name, and is counted and answered like one.
    let name = name.map_or_else(|| username.to_lowercase(), |name| name.key().to_owned());
    let known = stored.as_ref().and_then(|stored| known(visitor, stored));
    let attempts = attempts(visitor, &name, known).await?;
    let kept = stored.as_ref().and_then(|stored| stored.password.as_ref());
    let checked = checked(accounts, password, kept, &attempts).await?;
    let Some(stored) = stored.filter(|stored| stored.is_open() && checked != Checked::Wrong) else {
        tracing::info!(client = %visitor.address, "a sign-in was refused");
        return Err(Kind::BadCredentials.into());
    };
    if let (Checked::Stale(hash), Some(kept)) = (&checked, &stored.password) {
        accounts.rehash(&stored.id, kept, hash).await?;
    }
    let sign_in = by_password(accounts, &stored);
    enter(visitor, stored, keep, sign_in).await
}

/// Signs out, also nobody.
///
/// # Errors
///
/// `unavailable` when it is unknown whether the session has ended.
pub async fn sign_out(session: &Session) -> Result<(), WireError> {
    Ok(session.end().await?)
}

/// Gives the account that is signed in another password.
///
/// # Errors
///
/// As [`change_password`](crate::api::account::change_password).
pub async fn change_password(
    visitor: &Visitor,
    current: &Password,
    new: &Password,
    end_others: bool,
) -> Result<(), WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let account = signed_in(session, accounts).await?;
    let stored = account.stored();
    match stored.password {
        Some(_) => confirm(visitor, &account, current).await?,
        // The first one: a provider has said who that is.
        None => account.is_fresh(accounts)?,
    }
    let hash = accounts.fit("new", new, &stored.profile).await?;
    let epoch = stored.epoch + i64::from(end_others);
    // This session goes first: of those that are not in the new epoch, the account knows none any more.
    let methods = vec!["pwd".to_owned()];
    let SignIn { provider, hint, .. } = account.sign_in().clone();
    let sign_in = SignIn { at: accounts.clock().now().0, methods, epoch, provider, undated: false, hint };
    remember(session, &sign_in).await?;
    // After an error nobody knows whether it was done: then this session stays where it is in either case.
    if !accounts.replace(&stored.id, stored.changes, &hash, epoch).await? {
        // Somebody else was faster: the current password is another one by now, so nothing was proved. The epoch stays: a
        // request of this same session may have begun it, and one of another session has ended this one.
        remember(session, &SignIn { epoch, ..account.sign_in().clone() }).await?;
        return Err(wrong_current());
    }
    tracing::info!(account = stored.id, client = %visitor.address, "a password was changed");
    let others = if end_others { session.end_others().await } else { Ok(0) };
    others.map_err(half_done)?;
    session.rotate().await.map_err(half_done)?;
    Ok(())
}

/// Writes into the session how it was signed in, whatever the answer will be.
pub(super) async fn remember(session: &Session, sign_in: &SignIn) -> Result<(), WireError> {
    session.put(SIGNED_IN, sign_in).await?;
    Ok(session.commit().await?)
}

/// What is true when the password is the new one already.
fn half_done(error: Error) -> WireError {
    let message = "Your password has been changed, but it is not sure that the other devices are signed out. Sign in with the \
                   new one, and sign them out on the page of your devices.";
    WireError { message: message.to_owned(), ..error.into() }
}

/// Proves once more, by the password, who is signed in. The session gets a new id.
///
/// # Errors
///
/// As [`confirm_password`](crate::api::account::confirm_password).
pub async fn sign_in_again(visitor: &Visitor, current: &Password) -> Result<Profile, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let account = signed_in(session, accounts).await?;
    confirm(visitor, &account, current).await?;
    again(visitor, &account, by_password(accounts, account.stored())).await?;
    Ok(account.profile().clone())
}

/// Notes that whoever is signed in has proved it once more.
pub(super) async fn again(visitor: &Visitor, account: &Account, sign_in: SignIn) -> Result<(), WireError> {
    visitor.session.put(SIGNED_IN, &sign_in).await?;
    visitor.session.rotate().await?;
    is_unchanged(visitor, account.stored()).await
}

/// Whether the password is that of the account that is signed in. Counted as an attempt.
async fn confirm(visitor: &Visitor, account: &Account, password: &Password) -> Result<(), WireError> {
    let (accounts, stored) = (&visitor.accounts, account.stored());
    let name = stored.profile.username.to_lowercase();
    let attempts = attempts(visitor, &name, known(visitor, stored)).await?;
    match checked(accounts, password, stored.password.as_ref(), &attempts).await? {
        Checked::Wrong => Err(wrong_current()),
        Checked::Right | Checked::Stale(_) => Ok(()),
    }
}

/// Checks a password, and takes back what was counted unless it is wrong: a full queue is nobody's guess.
async fn checked(
    accounts: &Accounts,
    password: &Password,
    kept: Option<&Hash>,
    attempts: &[Attempt],
) -> Result<Checked, WireError> {
    let checked = accounts.passwords().check(password, kept).await;
    if !matches!(checked, Ok(Checked::Wrong)) {
        accounts.forgive(attempts).await;
    }
    Ok(checked?)
}

fn wrong_current() -> WireError {
    let message = "That is not your current password.".to_owned();
    WireError { field: Some("current".to_owned()), ..WireError::new(Kind::BadCredentials, message) }
}

/// Makes the session the account's, which has proved who it is.
pub(super) async fn enter(
    visitor: &Visitor,
    stored: Stored,
    keep: bool,
    sign_in: SignIn,
) -> Result<Entered, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let rules = accounts.rules();
    let kept = Lifetime { idle: rules.keep, absolute: rules.keep };
    let lifetime = if keep { kept } else { rules.lifetime };
    let before = session.facts().await?.and_then(|facts| facts.owner.account);
    if before.is_some_and(|account| account != stored.id) {
        // What another account has left in a session is not for this one. The session goes on under a new id, so that the old
        // one is recognised: a late request must not overwrite the new cookie (G4).
        session.clear().await;
    }
    let device = Device { label: visitor.device.clone(), address: visitor.address.to_canonical().to_string() };
    let owner = Owner { account: Some(stored.id.clone()), device: Some(device) };
    session.put(SIGNED_IN, &sign_in).await?;
    if let Err(error) = session.sign_in(owner, Some(lifetime)).await {
        // It may have been done all the same. Then nobody is handed its key.
        session.end().await.ok();
        return Err(error.into());
    }
    is_unchanged(visitor, &stored).await?;
    tracing::info!(account = stored.id, client = %visitor.address, provider = sign_in.provider, "signed in");
    let known = known(visitor, &stored).map(str::to_owned);
    let known = known.unwrap_or_else(|| format!("{}{}", knows(&stored), uuid::Uuid::new_v4().simple()));
    Ok(Entered { profile: stored.profile, known })
}

/// Looks at the account once more; when it is another one by now, or cannot be looked at, the session ends.
pub(super) async fn is_unchanged(visitor: &Visitor, stored: &Stored) -> Result<(), WireError> {
    let unchanged = |found: &Stored| found.is_open() && found.changes == stored.changes;
    match visitor.accounts.of_id(&stored.id).await {
        Ok(Some(found)) if unchanged(&found) => Ok(()),
        met => {
            visitor.session.end().await?;
            Err(met.map_or_else(WireError::from, |_| Kind::BadCredentials.into()))
        }
    }
}

fn by_password(accounts: &Accounts, stored: &Stored) -> SignIn {
    let methods = vec!["pwd".to_owned()];
    SignIn { at: accounts.clock().now().0, methods, epoch: stored.epoch, ..SignIn::default() }
}

impl Accounts {
    /// The hash of a password that may be the account's, if it may.
    pub(super) async fn fit(&self, field: &str, password: &Password, profile: &Profile) -> Result<Hash, WireError> {
        let min = self.rules().password_min;
        if !password.fits(min) {
            let message = format!("A password has {min} characters at least, and {LONGEST} bytes at most.");
            return Err(WireError::about(field, &message));
        }
        let mut words = self.rules().words.clone();
        for text in [&profile.name, &profile.username] {
            words.push(text.clone());
            words.extend(
                text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_owned),
            );
        }
        let hash = self.passwords().hash(password, words).await?;
        hash.ok_or_else(|| WireError::about(field, "That is too easily guessed. Take several words, or a longer one."))
    }
}

/// Counts an attempt, or refuses it.
pub(super) async fn attempt(accounts: &Accounts, bucket: &Bucket) -> Result<Attempt, WireError> {
    accounts.attempt(bucket).await?.map_err(|wait| {
        let seconds = u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).max(1);
        let minutes = seconds.div_ceil(60);
        let unit = if minutes == 1 { "minute" } else { "minutes" };
        let message = format!("Too many attempts in a short time. Try again in {minutes} {unit}.");
        WireError { retry_after: Some(seconds), ..WireError::new(Kind::TooManyAttempts, message) }
    })
}

/// By the network, of all that is tried in one place.
pub(super) fn network(visitor: &Visitor, place: &str) -> Bucket {
    let name = visitor.session.pseudonym(place, &visitor.network());
    Bucket { name, limit: visitor.accounts.rules().network_attempts }
}

/// By the name, whether anybody has it or not; or apart from all strangers, for a browser that the account is known by.
///
/// So that nobody can lock the owner out. Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
fn name_or_known(visitor: &Visitor, name: &str, known: Option<&str>) -> Bucket {
    let Visitor { session, accounts, .. } = visitor;
    let name = known.map_or_else(|| session.pseudonym("name", name), |known| session.pseudonym("known", known));
    Bucket { name, limit: accounts.rules().attempts }
}

/// What this browser is known by, if it is by this account, and by the password that it has now: who once had another one
/// must not go on guessing in places of their own.
fn known<'a>(visitor: &'a Visitor, stored: &Stored) -> Option<&'a str> {
    visitor.known.as_deref().filter(|known| known.starts_with(&knows(stored)))
}

/// What the cookies of browsers begin with that this account knows.
fn knows(stored: &Stored) -> String {
    format!("{}-{}-", stored.id, stored.changes)
}

/// Counts an attempt by the network and by the name; of a browser that is known, by that alone: its neighbours must not
/// lock it out.
async fn attempts(visitor: &Visitor, name: &str, known: Option<&str>) -> Result<Vec<Attempt>, WireError> {
    let accounts = &visitor.accounts;
    let mut made = Vec::new();
    if known.is_none() {
        made.push(attempt(accounts, &network(visitor, "network")).await?);
    }
    made.push(attempt(accounts, &name_or_known(visitor, name, known)).await?);
    Ok(made)
}
