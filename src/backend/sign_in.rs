//! Signing in and out, and what leads to it.
//!
//! Of two things that happen at once, the later one must not undo the earlier: a change of the password or a closing
//! writes the account first and ends sessions then; a sign-in begins its session first and looks at the account once more
//! then. Whichever way they meet, no session is left that was begun with what is valid no more.

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
use crate::session::{Device, Error, Lifetime, Owner, Session};
use uuid::Uuid;

pub use super::known::KNOWN_FOR;

/// Somebody has signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entered {
    /// The account.
    pub profile: Profile,
    /// What the browser is to be given, beside the session, to be known by.
    pub known: String,
}

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
    // Whoever counts accounts by asking for their names is slowed down, and whoever makes many. Apart from sign-ins, which
    // many new neighbours must not stop.
    let counted = networks(visitor, "register", accounts.rules().registrations).await?;
    let created = create(accounts, asker(visitor, username), name, username, password).await;
    if created.as_ref().is_err_and(|error| error.is_a_failure() && error.kind != Kind::Busy) {
        // A full queue tells that the name is free, so that stays counted.
        accounts.forgive(&counted).await;
    }
    let stored = match created {
        Err(error) if error.kind == Kind::UsernameTaken => return has_one(visitor, username, password, error).await,
        made => made?,
    };
    tracing::info!(account = stored.id, client = %visitor.address, "an account was made");
    let sign_in = by_password(accounts, &stored);
    enter(visitor, stored, false, sign_in).await.map_err(|error| match error.kind.status() {
        // To try again would find the name taken.
        500.. => done(error, "Your account has been made, but you are not signed in. Sign in with your password."),
        _ => error,
    })
}

/// Signs in by a registration that arrives twice: of a second click, or after an answer that was lost on the way. To a client
/// that does not know the password the account is another one's.
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

/// Makes an account.
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
        return Err(WireError::about("name", "Write a name of one to 100 characters that can be seen."));
    };
    let Some(username) = Username::parse(username) else {
        return Err(WireError::about("username", "Write one e-mail address, like ada@example.com."));
    };
    let taken = || WireError { field: Some("username".to_owned()), ..Kind::UsernameTaken.into() };
    // Before a hash is made for nothing. Whether it is so still is for the database to say, below.
    if accounts.named(&username).await?.is_some() {
        return Err(taken());
    }
    let profile = Profile { name: name.clone(), username: username.shown().to_owned(), ..Profile::default() };
    let hash = accounts.fit(asker, "password", password, &profile).await?;
    let made = accounts.insert(&name, &username, &hash).await.map_err(|failure| {
        let message = "It is not known whether your account has been made. Sign in with this address and password; if they do \
                       not go together, make the account once more.";
        unknown(failure, message)
    })?;
    made.ok_or_else(taken)
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

/// Signs out, also nobody.
///
/// # Errors
///
/// `unavailable` when it is unknown whether the session has ended, which the error says.
pub async fn sign_out(session: &Session) -> Result<(), WireError> {
    let message = "It is not known whether you are signed out. Sign out once more in a moment.";
    session.end().await.map_err(|error| unknown(error, message))
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
) -> Result<String, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let account = signed_in(session, accounts).await?;
    let stored = account.stored();
    let success = if stored.password.is_some() {
        let success = confirm(visitor, &account, current).await?;
        if new.is(current) {
            let message = "That is the password that you have. Choose another one.";
            return Err(WireError::about("new", message));
        }
        success
    } else {
        // The first one: a provider has said who that is.
        account.is_fresh(accounts)?;
        success(visitor, &name_of(stored)).await?
    };
    success.of(accounts, replace(visitor, &account, new, end_others).await).await
}

/// Gives another password to an account whose identity is proved.
async fn replace(visitor: &Visitor, account: &Account, new: &Password, end_others: bool) -> Result<String, WireError> {
    let Visitor { session, accounts, .. } = visitor;
    let (stored, sign_in) = (account.stored(), account.sign_in());
    let hash = accounts.fit(asker(visitor, &name_of(stored)), "new", new, &stored.profile).await?;
    let mark = if end_others { Some(mark(session).await?) } else { None };
    let others = mark.as_deref().map_or(Others::Stay, |mark| Others::End { keeps: Some(mark) });
    let replaced = accounts.replace(&stored.id, stored.changes, &hash, others).await.map_err(|failure| {
        let message = "It is not known whether your password has been changed. Sign in with the new one; if it is not taken, the \
                       one before is still yours.";
        unknown(failure, message)
    })?;
    let Some(epoch) = replaced else { return Err(overtaken(accounts, stored).await?) };
    tracing::info!(account = stored.id, client = %visitor.address, "a password was changed");
    let (provider, hint) = (sign_in.provider.clone(), sign_in.hint.clone());
    let sign_in = SignIn { provider, hint, epoch, ..by_password(accounts, stored) };
    settle(session, &sign_in, end_others).await.map_err(|error| {
        let message = "Your password has been changed, but it is not sure that the other devices are signed out. Sign in with \
                       the new one, and sign them out on the page of your devices.";
        done(error.into(), message)
    })?;
    let mut changed = stored.clone();
    changed.changes += 1;
    Ok(known::give(visitor, &changed))
}

/// The mark of the session, which it has from now on: by it the account knows the session that begins an epoch, from the
/// moment at which the account has that until the session has its number, or for good where the request is cut off between.
///
/// A session must not get a number that its account has yet to reach, because the account may never reach it.
pub(super) async fn mark(session: &Session) -> Result<String, WireError> {
    Ok(session.update(MARK, |mark| mark.unwrap_or_else(|| Uuid::new_v4().to_string())).await?)
}

/// Brings the sessions in step with an account that has just been changed: this one is signed in as `sign_in` says, under a
/// new id, and the others end if they are to.
pub(super) async fn settle(session: &Session, sign_in: &SignIn, end_others: bool) -> Result<(), Error> {
    session.put(SIGNED_IN, sign_in).await?;
    if end_others {
        session.end_others().await?;
    }
    session.rotate().await
}

/// Why an account was not changed: another request was faster. The current password is another one by now, so nothing was
/// proved; or the account has been closed.
async fn overtaken(accounts: &Accounts, stored: &Stored) -> Result<WireError, WireError> {
    let found = accounts.of_id(&stored.id).await?.filter(Stored::is_open);
    Ok(match found {
        None => Kind::NotSignedIn.into(),
        Some(_) if stored.password.is_some() => wrong_current(),
        Some(_) => Kind::Busy.into(),
    })
}

/// An error after the deed: it says what has been done, and does not invite to do it again.
pub(super) fn done(error: WireError, message: &str) -> WireError {
    WireError { message: message.to_owned(), ..error }
}

/// The name that an account signs in by.
fn name_of(stored: &Stored) -> String {
    stored.profile.username.to_lowercase()
}

/// Proves once more, by the password, who is signed in. The session gets a new id.
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

/// Notes that whoever is signed in has proved it once more.
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
            // An outage signs nobody out (G8). But whether the proof is worth anything is unknown, so it does not count.
            session.put(SIGNED_IN, account.sign_in()).await?;
            session.commit().await?;
            Err(failure.into())
        }
    }
}

/// Whether an account is open, and signs in by what it did when it was looked at.
fn is_as(found: &Stored, stored: &Stored) -> bool {
    found.is_open() && found.changes == stored.changes
}

/// Whether the password is that of the account that is signed in. Counted as an attempt, and as the success that it returns.
async fn confirm(visitor: &Visitor, account: &Account, password: &Password) -> Result<Success, WireError> {
    let stored = account.stored();
    let name = name_of(stored);
    match check(visitor, As::signed_in(visitor, &name, stored), password, Some(stored)).await? {
        (Checked::Wrong, _) => Err(wrong_current()),
        (Checked::Right | Checked::Stale(_), success) => Ok(success),
    }
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
    let before = session.facts().await?.and_then(|facts| facts.owner.account);
    if before.is_some_and(|account| account != stored.id) {
        // What another account has left in a session is not for this one. The session goes on under a new id, so that the old
        // one is recognised: a late request must not overwrite the new cookie (G4).
        session.clear().await;
    }
    let device = Device { label: visitor.device.clone(), address: visitor.address.to_canonical().to_string() };
    let owner = Owner { account: Some(stored.id.clone()), device: Some(device) };
    session.put(SIGNED_IN, &sign_in).await?;
    let kept = Lifetime { idle: rules.keep, absolute: rules.keep };
    let entered =
        if keep { session.sign_in_kept(owner, kept).await } else { session.sign_in(owner, Some(rules.lifetime)).await };
    if let Err(error) = entered {
        // It may have been done all the same. Then nobody is handed its key.
        session.end().await.ok();
        return Err(error.into());
    }
    is_unchanged(visitor, &stored).await?;
    tracing::info!(account = stored.id, client = %visitor.address, provider = sign_in.provider, "signed in");
    let known = known::give(visitor, &stored);
    Ok(Entered { profile: stored.profile, known })
}

/// Looks at the account once more; when it is another one by now, or cannot be looked at, the session ends.
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
    /// The hash of a password that may be the account's, if it may.
    pub(super) async fn fit(
        &self,
        asker: Asker,
        field: &str,
        password: &Password,
        profile: &Profile,
    ) -> Result<Hash, WireError> {
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
        let hash = self.passwords().hash(asker, password, words).await?;
        hash.ok_or_else(|| WireError::about(field, "That is too easily guessed. Take several words, or a longer one."))
    }
}
