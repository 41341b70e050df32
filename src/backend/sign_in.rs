//! Registration, sign-in, sign-out and password changes.
//!
//! Of two concurrent actions, the later one must not undo the earlier. A password change or the closing of an account
//! writes the account first and ends sessions after that. A sign-in begins its session first and reads the account
//! again after that. So no session remains that began with credentials that are no longer valid, whichever comes first.

use super::account::{Account, signed_in};
use super::accounts::{Accounts, Others, Stored};
use super::attempts::{As, Success, asker, check, networks, success};
use super::error::unknown;
use super::keys::{MARK, SIGNED_IN, SignIn};
use super::known;
use super::name;
use super::passwords::{Checked, Hash, LONGEST, Password};
use super::queue::Asker;
use super::username::Username;
use super::visitor::Visitor;
use crate::model::account::Profile;
use crate::model::error::{Kind, WireError};
use hardtack_session::{Device, Error, Lifetime, Owner, Session};
use uuid::Uuid;

pub use super::known::KNOWN_FOR;

/// The result of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The account.
    pub profile: Profile,
    /// The text of the device cookie for the browser.
    pub known: String,
}

/// Creates an account and signs it in.
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
    // Slows down clients that probe which accounts exist, or create many. Counted apart from sign-ins, because many new
    // users in one network must not stop those.
    let counted = networks(visitor, "register", accounts.rules().registrations).await?;
    let created = create(accounts, asker(visitor, username), name, username, password).await;
    if created.as_ref().is_err_and(|error| error.is_a_failure() && error.kind != Kind::Busy) {
        // `busy` reveals that the username is free, so such an attempt stays counted.
        accounts.forgive(&counted).await;
    }
    let stored = match created {
        Err(error) if error.kind == Kind::UsernameTaken => return has_one(visitor, username, password, error).await,
        made => made?,
    };
    tracing::info!(account = stored.id, client = %visitor.address, "an account was created");
    let sign_in = by_password(accounts, &stored);
    enter(visitor, stored, false, sign_in).await.map_err(|error| match error.kind.status() {
        // Another attempt would find the username taken.
        500.. => done(error, "Your account has been created, but you are not signed in. Sign in with your password."),
        _ => error,
    })
}

/// Signs in when a registration arrives twice: after a second click, or after a response that was lost. A client that
/// does not know the password only learns that the username is taken.
async fn has_one(
    visitor: &Visitor,
    username: &str,
    password: &Password,
    taken: WireError,
) -> Result<Entered, WireError> {
    match sign_in(visitor, username, password, false).await {
        Err(error) if matches!(error.kind, Kind::BadCredentials | Kind::TooManyAttempts) => Err(taken),
        entered => entered,
    }
}

/// Creates an account.
///
/// # Errors
///
/// `invalid` with the field that is wrong, `username_taken`, `busy`, `unavailable`.
pub(super) async fn create(
    accounts: &Accounts,
    asker: Asker,
    name: &str,
    username: &str,
    password: &Password,
) -> Result<Stored, WireError> {
    let Some(name) = name::parse(name) else {
        return Err(WireError::about("name", "Enter a name of 1 to 100 visible characters."));
    };
    let Some(username) = Username::parse(username) else {
        return Err(WireError::about("username", "Enter one e-mail address, like ada@example.com."));
    };
    let taken = || WireError { field: Some("username".to_owned()), ..Kind::UsernameTaken.into() };
    // Checked before the costly hash. The database decides when the account is inserted, below.
    if accounts.named(&username).await?.is_some() {
        return Err(taken());
    }
    let profile = Profile { name: name.clone(), username: username.shown().to_owned(), ..Profile::default() };
    let hash = accounts.fit(asker, "password", password, &profile).await?;
    let made = accounts.insert(&name, &username, &hash).await.map_err(|failure| {
        let message = "It is not known whether your account has been created. Sign in with this address and password; if that \
                       fails, create the account again.";
        unknown(failure, message)
    })?;
    made.ok_or_else(taken)
}

/// Signs an account in with its password.
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
    // A username that is not an e-mail address cannot exist. It is throttled and answered like an unknown account.
    let name = name.map_or_else(|| username.to_lowercase(), |name| name.key().to_owned());
    let tried = As::sign_in(visitor, &name, stored.as_ref());
    let (checked, success) = check(visitor, tried, password, stored.as_ref()).await?;
    let Some(stored) = stored.filter(|stored| stored.is_open() && checked != Checked::Wrong) else {
        tracing::info!(client = %visitor.address, "a password was refused");
        return Err(Kind::BadCredentials.into());
    };
    success.of(accounts, enter_checked(visitor, stored, keep, &checked).await).await
}

/// Signs an account in after its password was right.
async fn enter_checked(visitor: &Visitor, stored: Stored, keep: bool, checked: &Checked) -> Result<Entered, WireError> {
    let accounts = &visitor.accounts;
    if let (Checked::Stale(hash), Some(kept)) = (checked, &stored.password) {
        accounts.rehash(&stored.id, kept, hash).await?;
    }
    let sign_in = by_password(accounts, &stored);
    enter(visitor, stored, keep, sign_in).await
}

/// Signs out. A request without a session succeeds too.
///
/// # Errors
///
/// `unavailable` when it is unknown whether the session has ended; the message says so.
pub async fn sign_out(session: &Session) -> Result<(), WireError> {
    let message = "It is not known whether you are signed out. Sign out again in a moment.";
    session.end().await.map_err(|error| unknown(error, message))
}

/// Sets another password for the signed-in account.
///
/// # Errors
///
/// As [`change_password`](crate::api::account::change_password).
pub async fn change_password(
    visitor: &Visitor,
    current: &Password,
    new: &Password,
    end_others: bool,
) -> Result<String, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let account = signed_in(session, accounts).await?;
    let stored = account.stored();
    let success = if stored.password.is_some() {
        let success = confirm(visitor, &account, current).await?;
        if new.is(current) {
            let message = "This is already your password. Choose a different one.";
            return Err(WireError::about("new", message));
        }
        success
    } else {
        // The account has no password yet, so a recent sign-in with a provider is the proof of identity.
        account.is_fresh(accounts)?;
        success(visitor, &name_of(stored)).await?
    };
    success.of(accounts, replace(visitor, &account, new, end_others).await).await
}

/// Sets another password for an account whose user has proved their identity.
async fn replace(visitor: &Visitor, account: &Account, new: &Password, end_others: bool) -> Result<String, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let (stored, sign_in) = (account.stored(), account.sign_in());
    let hash = accounts.fit(asker(visitor, &name_of(stored)), "new", new, &stored.profile).await?;
    let mark = if end_others { Some(mark(session).await?) } else { None };
    let others = mark.as_deref().map_or(Others::Stay, |mark| Others::End { keeps: Some(mark) });
    let replaced = accounts.replace(&stored.id, stored.changes, &hash, others).await.map_err(|failure| {
        let message = "It is not known whether your password has been changed. Sign in with the new one; if that fails, use the \
                       old one.";
        unknown(failure, message)
    })?;
    let Some(epoch) = replaced else { return Err(overtaken(accounts, stored).await?) };
    tracing::info!(account = stored.id, client = %visitor.address, "a password was changed");
    let (provider, hint) = (sign_in.provider.clone(), sign_in.hint.clone());
    let sign_in = SignIn { provider, hint, epoch, ..by_password(accounts, stored) };
    settle(session, &sign_in, end_others).await.map_err(|error| {
        let message = "Your password has been changed, but other devices may still be signed in. Sign in with the new \
                       password, and sign them out on the page “Devices”.";
        done(error.into(), message)
    })?;
    let mut changed = stored.clone();
    changed.changes += 1;
    Ok(known::give(visitor, &changed))
}

/// Returns the session's mark, and sets it if there is none. By the mark, an account knows the session that begins an
/// epoch. It needs the mark until the session has stored the new epoch, or for good if the request is cut off before
/// that.
///
/// A session must not store an epoch that its account has yet to reach, because the account may never reach it.
pub(super) async fn mark(session: &Session) -> Result<String, WireError> {
    Ok(session.update(MARK, |mark| mark.unwrap_or_else(|| Uuid::new_v4().to_string())).await?)
}

/// Updates the sessions of an account that was just changed: this one is signed in as `sign_in` says, under a new id,
/// and the others end if `end_others` is set.
pub(super) async fn settle(session: &Session, sign_in: &SignIn, end_others: bool) -> Result<(), Error> {
    session.put(SIGNED_IN, sign_in).await?;
    if end_others {
        session.end_others().await?;
    }
    session.rotate().await
}

/// Returns the reason why an account was not changed. It is closed, or another request changed it first; the password
/// that the user entered is then no longer the current one.
async fn overtaken(accounts: &Accounts, stored: &Stored) -> Result<WireError, WireError> {
    let found = accounts.of_id(&stored.id).await?.filter(Stored::is_open);
    Ok(match found {
        None => Kind::NotSignedIn.into(),
        Some(_) if stored.password.is_some() => wrong_current(),
        Some(_) => Kind::Busy.into(),
    })
}

/// Returns an error after an action that was done. Its message says so, and does not ask to do it again.
pub(super) fn done(error: WireError, message: &str) -> WireError {
    WireError { message: message.to_owned(), ..error }
}

/// Returns the username of an account, as it is compared.
fn name_of(stored: &Stored) -> String {
    stored.profile.username.to_lowercase()
}

/// Confirms the identity of the signed-in user by password. The session gets a new id.
///
/// # Errors
///
/// As [`confirm_password`](crate::api::account::confirm_password).
pub async fn sign_in_again(visitor: &Visitor, current: &Password) -> Result<Entered, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let account = signed_in(session, accounts).await?;
    let success = confirm(visitor, &account, current).await?;
    let SignIn { provider, hint, .. } = account.sign_in().clone();
    let sign_in = SignIn { provider, hint, ..by_password(accounts, account.stored()) };
    success.of(accounts, again(visitor, &account, sign_in).await).await?;
    Ok(Entered { profile: account.profile().clone(), known: known::give(visitor, account.stored()) })
}

/// Stores that the signed-in user has confirmed their identity.
pub(super) async fn again(visitor: &Visitor, account: &Account, sign_in: SignIn) -> Result<(), WireError> {
    let Visitor { session, accounts, .. } = visitor;
    session.put(SIGNED_IN, &sign_in).await?;
    session.rotate().await?;
    match accounts.of_id(account.id()).await {
        Ok(Some(found)) if is_as(&found, account.stored()) => Ok(()),
        Ok(_) => {
            session.end().await?;
            Err(Kind::BadCredentials.into())
        }
        Err(failure) => {
            // An outage does not sign users out (G8). But it is unknown whether the account has changed, so the proof
            // does not count.
            session.put(SIGNED_IN, account.sign_in()).await?;
            session.commit().await?;
            Err(failure.into())
        }
    }
}

/// Returns whether an account is open, and its sign-in methods have not changed since it was read.
fn is_as(found: &Stored, stored: &Stored) -> bool {
    found.is_open() && found.changes == stored.changes
}

/// Checks the password of the signed-in account. Counts an attempt, and the success that it returns.
async fn confirm(visitor: &Visitor, account: &Account, password: &Password) -> Result<Success, WireError> {
    let stored = account.stored();
    let name = name_of(stored);
    match check(visitor, As::signed_in(visitor, &name, stored), password, Some(stored)).await? {
        (Checked::Wrong, _) => Err(wrong_current()),
        (Checked::Right | Checked::Stale(_), success) => Ok(success),
    }
}

fn wrong_current() -> WireError {
    let message = "Wrong password.".to_owned();
    WireError { field: Some("current".to_owned()), ..WireError::new(Kind::BadCredentials, message) }
}

/// Signs the session in to an account whose user has proved their identity.
pub(super) async fn enter(
    visitor: &Visitor,
    stored: Stored,
    keep: bool,
    sign_in: SignIn,
) -> Result<Entered, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let rules = accounts.rules();
    let before = session.facts().await?.and_then(|facts| facts.owner.account);
    if before.is_some_and(|account| account != stored.id) {
        // Values of another account's session are not for this account. The session continues under a new id, so that
        // the old one is recognised, because a late request must not overwrite the new cookie (G4).
        session.clear().await;
    }
    let device = Device { label: visitor.device.clone(), address: visitor.address.to_canonical().to_string() };
    let owner = Owner { account: Some(stored.id.clone()), device: Some(device) };
    session.put(SIGNED_IN, &sign_in).await?;
    let kept = Lifetime { idle: rules.keep, absolute: rules.keep };
    let entered =
        if keep { session.sign_in_kept(owner, kept).await } else { session.sign_in(owner, Some(rules.lifetime)).await };
    if let Err(error) = entered {
        // The store may have done it all the same. The session ends, so that its new token is not sent.
        session.end().await.ok();
        return Err(error.into());
    }
    is_unchanged(visitor, &stored).await?;
    tracing::info!(account = stored.id, client = %visitor.address, provider = sign_in.provider, "signed in");
    let known = known::give(visitor, &stored);
    Ok(Entered { profile: stored.profile, known })
}

/// Reads the account again. Ends the session if the account has changed or cannot be read.
pub(super) async fn is_unchanged(visitor: &Visitor, stored: &Stored) -> Result<(), WireError> {
    match visitor.accounts.of_id(&stored.id).await {
        Ok(Some(found)) if is_as(&found, stored) => Ok(()),
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
    /// Returns the hash of a new password, if the account may have that password.
    pub(super) async fn fit(
        &self,
        asker: Asker,
        field: &str,
        password: &Password,
        profile: &Profile,
    ) -> Result<Hash, WireError> {
        let min = self.rules().password_min;
        if !password.fits(min) {
            let message = format!("Use at least {min} characters, and at most {LONGEST} bytes.");
            return Err(WireError::about(field, &message));
        }
        let mut words = self.rules().words.clone();
        for text in [&profile.name, &profile.username] {
            words.push(text.clone());
            words.extend(
                text.split(|sign: char| !sign.is_alphanumeric()).filter(|word| word.len() > 2).map(str::to_owned),
            );
        }
        let hash = self.passwords().hash(asker, password, words).await?;
        hash.ok_or_else(|| WireError::about(field, "This password is too easy to guess. Use several words."))
    }
}
