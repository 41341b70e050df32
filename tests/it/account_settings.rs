//! The settings of accounts: what is refused, and what the sentence says.

use crate::support::process::Place;
use hardtack::server::settings::{Registration, Settings, StoreUrl};
use std::time::Duration;

fn load(env: &[(&str, &str)]) -> Result<Settings, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Leptos.toml");
    std::fs::write(&file, "").expect("a file");
    let env = env.iter().map(|(name, value)| (format!("HARDTACK_{name}"), (*value).to_owned()));
    Settings::load(Some(&file), env).map_err(|error| error.to_string())
}

#[test]
fn accounts_are_open_to_all_and_beside_the_sessions_unless_somebody_says_so() {
    let settings = load(&[]).expect("defaults");
    let (sign_in, limits) = (&settings.sign_in, &settings.limits);
    assert_eq!((settings.accounts.database, sign_in.register, sign_in.password_min), (None, Registration::Open, 8));
    assert_eq!((sign_in.keep, sign_in.fresh), (Duration::from_hours(720), Duration::from_mins(15)));
    assert_eq!((limits.sign_in_attempts, limits.sign_in_network_attempts), (10, 100));
    assert_eq!(limits.sign_in_window, Duration::from_mins(15));
    let long = load(&[("SESSION_ABSOLUTE", "90d")]).expect("settings");
    assert_eq!(long.sign_in.keep, long.session.absolute, "who asks for it stays no shorter than the others");
    let own = load(&[("ACCOUNTS_DATABASE", "sqlite:accounts.db")]).expect("settings");
    assert_eq!(own.accounts.database, Some(StoreUrl::Sqlite("accounts.db".into())));
}

#[test]
fn s87_what_makes_no_sense_for_accounts_is_one_sentence_with_its_cure() {
    for (setting, value, reason, cure) in [
        ("ACCOUNTS_DATABASE", "redis://cache.example.com", "is not the address of a SQLite file", "or empty"),
        ("ACCOUNTS_DATABASE", "memory:", "is not the address of a SQLite file", "or empty"),
        ("ACCOUNTS_DATABASE", "mysql://me:hunter2@host/a", "is not the address", "sqlite:data/accounts.db"),
        ("ACCOUNTS_DATABASE", "postgres://me:hunter2@db.example.com/a", "without TLS", "sslmode=verify-full"),
        ("ACCOUNTS_DATABASE", "postgres://me:hunter2@127.0.0.1/a?passwort=x", "not known", "known are"),
        ("SIGN_IN_PASSWORD_MIN", "7", "from 8 to 64", "write `8`"),
        ("SIGN_IN_PASSWORD_MIN", "65", "from 8 to 64", "write `8`"),
        ("SIGN_IN_KEEP", "11h", "shorter than `session.absolute`", "`30d`"),
        ("SIGN_IN_KEEP", "401d", "400 days", "or less"),
        ("SIGN_IN_REGISTER", "invited", "one of `open` and `closed`", "write it like"),
        ("LIMITS_SIGN_IN_ATTEMPTS", "0", "a whole number", "write it like"),
    ] {
        let sentence = load(&[(setting, value)]).expect_err(value);
        assert!(sentence.contains(reason) && sentence.contains(cure), "{sentence}");
        assert!(!sentence.contains("hunter2") && sentence.lines().count() == 1, "{sentence}");
    }
    load(&[("ACCOUNTS_DATABASE", "postgres://me@db.example.com/a"), ("STORE_INSECURE", "true")]).expect("a trial");
}

#[test]
fn with_redis_a_database_of_accounts_must_be_named_before_anything_is_made() {
    let place = Place::new();
    let key = place.path().join("own.key");
    std::fs::write(&key, "3f9c1b7e5d2a48600c1e9f7b6a5d4c3b2a190817263544f3e2d1c0bfae9d8c7b\n").expect("a key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("private");
    let settings = [("STORE_URL", "redis://127.0.0.1:1"), ("SESSION_KEYS", "own.key"), ("SITE_LISTEN", "127.0.0.1:0")];
    let said = place.refusal(1, &["serve"], &settings);
    assert!(said.contains("accounts.database: none is named") && said.contains("Redis"), "{said}");
    assert!(said.contains("sqlite:data/accounts.db"), "{said}");
}
