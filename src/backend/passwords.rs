//! Passwords: hashing on separate threads, checks, and the rejection of weak ones.

use super::accounts::Failure;
use super::queue::{Asker, Full, Queue};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zeroize::Zeroizing;

/// The longest password, in bytes: long enough for any sentence, short enough to be hashed.
pub const LONGEST: usize = 1024;

/// The number of requests that may wait for each that is being hashed: about half a second of work.
const WAITING: usize = 16;

/// The number of characters by which the strength of a password is judged.
const JUDGED: usize = 100;
/// The most work for one judgement: as much as for a hundred characters with 64 substitutions.
const WORK: usize = 64 * JUDGED * JUDGED;
/// The characters that may stand for a letter in disguise. Each line has those that zxcvbn takes for one letter (a, b,
/// c, e, g, i, l, o, s, t, x, z). Source: zxcvbn 3.1, `matching`.
const DISGUISES: [&[char]; 12] = [
    &['4', '@'],
    &['8'],
    &['(', '{', '[', '<'],
    &['3'],
    &['6', '9'],
    &['1', '!', '|'],
    &['1', '|', '7'],
    &['0'],
    &['$', '5'],
    &['+', '7'],
    &['%'],
    &['2'],
];

/// A password as the user typed it.
///
/// It is used exactly as it was received, in any Unicode form and with any characters, and never cut (ASVS 5.0, 6.2.8).
/// It cannot be sent or printed, and its memory is wiped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Returns a password from the text that the user typed.
    #[must_use]
    pub fn new(typed: String) -> Self {
        Self(Zeroizing::new(typed))
    }

    /// Returns whether another typed password is the same.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Returns whether it has at least `min` characters and at most [`LONGEST`] bytes.
    #[must_use]
    pub fn fits(&self, min: usize) -> bool {
        self.0.len() <= LONGEST && self.0.chars().count() >= min
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A stored password hash: a PHC string, `$argon2id$v=19$m=19456,t=2,p=1$…`.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash(String);

impl Hash {
    pub(super) const fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the whole text, for the database alone.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

/// The result of a password check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// The password is wrong.
    Wrong,
    /// The password is right.
    Right,
    /// The password is right, but its hash has weaker parameters than the present ones. This is the new hash to store.
    Stale(Hash),
}

/// Hashes passwords: as many at once as there are processors. More wait in a bounded queue that clients share.
///
/// Each hash takes 19 MiB for some tens of milliseconds, so it must not run on the threads of requests, nor without a
/// limit. The strength of a new password is judged there too, in a bounded time of about that length. Source: ASVS 5.0,
/// 15.2.2; OWASP, Authentication Cheat Sheet (denial of service by long passwords).
#[derive(Clone, Debug)]
pub(super) struct Passwords(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Queue,
    /// The hash to check when there is no account, so that the response takes as long.
    nobodys: Hash,
}

impl Passwords {
    /// Returns a hasher in which passwords wait for their turn no longer than `wait`.
    pub(super) fn new(wait: Duration) -> Result<Self, Failure> {
        let at_once = std::thread::available_parallelism().map_or(1, usize::from);
        let nobodys = hash(&Password::new(uuid::Uuid::new_v4().to_string()))?;
        Ok(Self(Arc::new(Shared { queue: Queue::new(at_once, at_once * WAITING, wait), nobodys })))
    }

    /// Returns the hash of a password; `None` when it is too easily guessed. `words` make a password easy to guess.
    pub(super) async fn hash(
        &self,
        asker: Asker,
        password: &Password,
        words: Vec<String>,
    ) -> Result<Option<Hash>, Failure> {
        let password = password.clone();
        self.run(asker, move || if is_common(&password, &words) { Ok(None) } else { hash(&password).map(Some) }).await
    }

    /// Checks a password against a hash. Without a hash it is wrong, after the same time.
    pub(super) async fn check(
        &self,
        asker: Asker,
        password: &Password,
        kept: Option<&Hash>,
    ) -> Result<Checked, Failure> {
        let password = password.clone();
        let (known, kept) = (kept.is_some(), kept.unwrap_or(&self.0.nobodys).clone());
        self.run(asker, move || {
            metrics::counter!("hardtack_password_checks_total").increment(1);
            match check(&password, &kept)? {
                checked if known => Ok(checked),
                _ => Ok(Checked::Wrong),
            }
        })
        .await
    }

    /// Runs work on a blocking thread. If the caller goes away, its place stays taken until the work is done.
    async fn run<T: Send + 'static>(
        &self,
        asker: Asker,
        work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = self.0.queue.place(asker).await.map_err(|Full| Failure::Busy)?;
        let work = move || {
            let _place = place;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Failure::Hash(error.to_string()))?
    }
}

/// Returns OWASP's second choice for Argon2id, which needs less memory than the first. Source: ASVS 5.0, appendix C.
fn argon2() -> Result<Argon2<'static>, Failure> {
    let params = Params::new(19_456, 2, 1, None).map_err(|error| Failure::Hash(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Password) -> Result<Hash, Failure> {
    let hash = argon2()?.hash_password(password.0.as_bytes()).map_err(|error| Failure::Hash(error.to_string()))?;
    Ok(Hash(hash.to_string()))
}

fn check(password: &Password, kept: &Hash) -> Result<Checked, Failure> {
    let unreadable = |error: argon2::password_hash::Error| Failure::Hash(error.to_string());
    let parsed = PasswordHash::new(&kept.0).map_err(|error| Failure::Hash(error.to_string()))?;
    let usual = argon2()?;
    match usual.verify_password(password.0.as_bytes(), &parsed) {
        Ok(()) if is_stale(&parsed, usual.params()) => hash(password).map(Checked::Stale),
        Ok(()) => Ok(Checked::Right),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Checked::Wrong),
        Err(error) => Err(unreadable(error)),
    }
}

/// Returns whether a hash has weaker parameters than the present ones.
fn is_stale(kept: &PasswordHash, usual: &Params) -> bool {
    let less = |params: Params| {
        params.m_cost() < usual.m_cost() || params.t_cost() < usual.t_cost() || params.p_cost() < usual.p_cost()
    };
    kept.algorithm != Algorithm::Argon2id.ident()
        || kept.version != Some(Version::V0x13.into())
        || Params::try_from(kept).map_or(true, less)
}

/// Returns whether a million guesses would find the password: a common one, also in disguise, or one made of `words`.
///
/// Source: ASVS 5.0, 6.2.4, 6.2.11. The lists are zxcvbn's: the thirty thousand most used passwords, names, words. The
/// judged part decides: if it is weak, the password is rejected, whatever follows.
fn is_common(password: &Password, words: &[String]) -> bool {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    zxcvbn::zxcvbn(judged(&password.0), &words).score() < zxcvbn::Score::Two
}

/// Returns the part by which a password is judged: a hundred characters, or fewer if those would be too much work.
///
/// zxcvbn looks for words in each substring (the square of the length), once for each way to undo a disguise. The
/// number of ways multiplies with each letter that has such characters in the text. All of them together have a
/// thousand ways, which takes half a second; ordinary passwords have a few. Only a text with more than ten different
/// such characters is cut for this reason, after 19 characters or more.
fn judged(password: &str) -> &str {
    let mut seen = HashSet::new();
    let mut ways = 1;
    for (length, (at, sign)) in password.char_indices().enumerate() {
        if seen.insert(sign) && DISGUISES.iter().any(|signs| signs.contains(&sign)) {
            ways = DISGUISES.iter().map(|signs| ways_of(signs, &seen)).product();
        }
        let length = length + 1;
        if length > JUDGED || length * length * ways > WORK {
            return &password[..at];
        }
    }
    password
}

/// Returns the number of ways in which one letter may be disguised in a text with these characters. A character that
/// stands for two letters counts twice.
fn ways_of(signs: &[char], seen: &HashSet<char>) -> usize {
    let shared = |sign: &char| DISGUISES.iter().filter(|signs| signs.contains(sign)).count();
    signs.iter().filter(|sign| seen.contains(sign)).map(shared).sum::<usize>().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn password(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[test]
    fn s61_the_common_ones_and_those_of_this_place_are_refused() {
        let words = ["hardtack", "biscuits.example", "Ada Lovelace", "Ada", "Lovelace", "ada@example.com"];
        let words = words.map(str::to_owned);
        // Each is among the three thousand most used passwords, or is as easily found.
        let common = "password 12345678 password1 password123 iloveyou sunshine princess football baseball superman trustno1 \
                      starwars computer michelle jennifer qwertyuiop 1234567890 11111111 87654321 1q2w3e4r 1qaz2wsx passw0rd \
                      P4ssw0rd drowssap abcd1234 aaaaaaaaaaaa abcdefgh 19900101 hardtack Hardtack1 hardtackhardtack \
                      biscuits.example adalovelace Lovelace1 ada@example.com lovelace2026";
        for text in common.split_whitespace() {
            assert!(is_common(&password(text), &words), "{text}");
        }
        for text in [
            "correct horse battery staple",
            "vTq9-mZ2kx",
            "le sel de la mer 7",
            "😀🐋🧭⚓🦑🪸🐚🏝",
            "пароль из семи слов",
        ] {
            assert!(!is_common(&password(text), &words), "{text}");
        }
    }

    #[test]
    fn s61_s63_what_a_judgement_costs_is_bounded_for_every_password() {
        let all = "4@8({[<36&9#!1|0$5+7%2";
        assert!(judged(&all.repeat(5)).len() < 25, "all disguises at once: {}", judged(&all.repeat(5)));
        for whole in [
            "correct horse battery staple, and so on until it is as long as a sentence can be, or longer still",
            "P4ssw0rd P4ssw0rd P4ssw0rd P4ssw0rd P4ssw0rd P4ssw0rd",
            "31415926535897932384626433832795",
            "vTq9-mZ2kx!4@",
            "ada.lovelace.of.ockham+biscuits-and-tea@mail.analytical-engines.example.com",
            "пароль из семи слов, которые никто не знает",
        ] {
            assert_eq!(judged(whole), whole);
        }
        assert_eq!(judged(&"é".repeat(300)).chars().count(), JUDGED);
        // Counts zxcvbn's work, which is every way to undo disguises on every substring: time depends on the machine.
        for rest in 0..20 {
            let text: String = all.chars().cycle().skip(rest).step_by(7).take(300).collect();
            let (part, signs) = (judged(&text), judged(&text).chars().collect::<HashSet<_>>());
            let ways: usize = DISGUISES.iter().map(|letter| ways_of(letter, &signs)).product();
            assert!((19..=JUDGED).contains(&part.len()) && ways * part.len().pow(2) <= WORK, "{part}");
        }
        for strong in [all.repeat(5), format!("{all}password"), format!("{}{all}", "aZ9".repeat(3))] {
            assert!(!is_common(&password(&strong), &[]), "{strong}");
        }
        let weak = format!("{}{all}", "a".repeat(60));
        assert!(!is_common(&password(&weak), &[]), "the characters after a weak part are judged too: {weak}");
    }

    #[test]
    fn s59_s60_any_text_is_taken_whole_and_as_it_is() {
        let seventy = "x".repeat(72);
        let all_alike = [
            "é".to_owned(),
            "e\u{301}".to_owned(),
            format!("{seventy}a"),
            format!("{seventy}b"),
            "nul\0one".to_owned(),
            "nul\0two".to_owned(),
            " spaces ".to_owned(),
            "spaces".to_owned(),
        ];
        let hashes: Vec<_> = all_alike.iter().map(|text| hash(&password(text)).expect("a hash")).collect();
        for (i, text) in all_alike.iter().enumerate() {
            for (j, hash) in hashes.iter().enumerate() {
                let expected = if i == j { Checked::Right } else { Checked::Wrong };
                assert_eq!(check(&password(text), hash).expect("checked"), expected, "{i} {j}");
            }
        }
        assert!(password(&"😀".repeat(64)).fits(8) && password(&"x".repeat(LONGEST)).fits(8));
        assert!(!password(&"x".repeat(LONGEST + 1)).fits(8) && !password("éééé").fits(8));
    }

    #[test]
    fn s62_the_parameters_are_the_usual_ones_and_lower_ones_are_raised() {
        let sentence = password("le sel de la mer");
        let kept = hash(&sentence).expect("a hash");
        assert!(kept.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", kept.reveal());
        for (algorithm, m, t) in
            [(Algorithm::Argon2id, 8, 1), (Algorithm::Argon2id, 19_456, 1), (Algorithm::Argon2i, 19_456, 3)]
        {
            let params = Params::new(m, t, 1, None).expect("parameters");
            let weak = Argon2::new(algorithm, Version::V0x13, params).hash_password(b"le sel de la mer");
            let weak = Hash(weak.expect("a hash").to_string());
            let Checked::Stale(raised) = check(&sentence, &weak).expect("checked") else {
                panic!("{algorithm} {m} {t}")
            };
            assert_eq!(check(&sentence, &raised).expect("checked"), Checked::Right);
            assert_eq!(check(&password("another one"), &weak).expect("checked"), Checked::Wrong);
        }
    }

    #[test]
    fn s64_what_is_checked_where_there_is_no_account_costs_what_a_password_costs() {
        let effort = |hash: &Hash| hash.reveal().rsplitn(3, '$').nth(2).map(str::to_owned);
        let kept = hash(&password("le sel de la mer")).expect("a hash");
        let passwords = Passwords::new(Duration::from_secs(60)).expect("a hash");
        assert_eq!(effort(&passwords.0.nobodys), effort(&kept));
        assert_eq!(effort(&kept).as_deref(), Some("$argon2id$v=19$m=19456,t=2,p=1"));
        // If it were stale, a sign-in without an account would hash twice.
        let parsed = PasswordHash::new(passwords.0.nobodys.reveal()).expect("a hash");
        assert!(!is_stale(&parsed, argon2().expect("parameters").params()));
    }

    /// Counts the turns of another task on the same thread while a future runs.
    async fn turns_during<T>(work: impl Future<Output = T>) -> (T, usize) {
        let turns = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&turns);
        let other = tokio::spawn(async move {
            loop {
                counting.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let done = work.await;
        other.abort();
        (done, turns.load(Ordering::Relaxed))
    }

    // On one thread, so that hashing on it would leave the other task no turn.
    #[tokio::test(flavor = "current_thread")]
    async fn s63_no_password_is_hashed_on_a_thread_that_serves_requests() {
        let passwords = Passwords::new(Duration::from_secs(60)).expect("a hash");
        let (kept, turns) =
            turns_during(passwords.hash(Asker::default(), &password("le sel de la mer"), Vec::new())).await;
        let kept = kept.expect("hashed").expect("not a common one");
        assert!(turns > 0, "a password was hashed on the thread of the requests");
        for (typed, hash, expected) in [
            ("le sel de la mer", Some(&kept), Checked::Right),
            ("another one", Some(&kept), Checked::Wrong),
            ("another one", None, Checked::Wrong),
        ] {
            let (checked, turns) = turns_during(passwords.check(Asker::default(), &password(typed), hash)).await;
            assert_eq!(checked.expect("checked"), expected);
            assert!(turns > 0, "{typed} was checked on the thread of the requests");
        }
    }

    #[test]
    fn a_password_and_its_hash_are_shown_to_nobody() {
        let shown = format!("{:?} {:?}", password("hunter2"), Hash("$argon2id$hunter2".to_owned()));
        assert_eq!(shown, "Password(…) Hash(…)");
    }
}
