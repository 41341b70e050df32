//! Settings of accounts: the refused values and the sentence for each.

use crate::support::process::Place;
use hardtack::server::settings::{KeySource, Registration, Settings, StoreUrl};
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
    assert_eq!((limits.sign_in_successes, limits.sign_in_network_successes), (60, 1000));
    assert_eq!(limits.register_network_attempts, 100);
    assert_eq!(limits.sign_in_window, Duration::from_mins(15));
    let long = load(&[("SESSION_ABSOLUTE", "90d")]).expect("settings");
    assert_eq!(long.sign_in.keep, long.session.absolute, "`keep` is never shorter than the ordinary lifetime");
    let own = load(&[("ACCOUNTS_DATABASE", "sqlite:accounts.db")]).expect("settings");
    assert_eq!(own.accounts.database, Some(StoreUrl::Sqlite("accounts.db".into())));
}

#[test]
fn s87_what_makes_no_sense_for_accounts_is_one_sentence_with_its_cure() {
    for (setting, value, reason, cure) in [
        ("SESSION_NAME", "theme", "the name of another cookie", "remove `session.name`"),
        ("SESSION_NAME", "account", "the name of another cookie", "remove `session.name`"),
        ("ACCOUNTS_DATABASE", "redis://cache.example.com", "is not the address of a SQLite file", "or empty"),
        ("ACCOUNTS_DATABASE", "memory:", "is not the address of a SQLite file", "or empty"),
        ("ACCOUNTS_DATABASE", "mysql://me:hunter2@host/a", "is not the address", "sqlite:data/accounts.db"),
        ("ACCOUNTS_DATABASE", "postgres://me:hunter2@db.example.com/a", "without verified TLS", "sslmode=verify-full"),
        ("ACCOUNTS_DATABASE", "postgres://me:hunter2@127.0.0.1/a?passwort=x", "not known", "use one of these"),
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

fn provider(change: &str) -> String {
    let known = "id = 'google', name = 'Google', issuer = 'https://accounts.google.com', client_id = 'us', \
                 client_secret = 'env:GOOGLE_SECRET'";
    let (name, value) = change.split_once('=').unwrap_or((change, ""));
    let others = known.split(", ").filter(|entry| !entry.starts_with(&format!("{} ", name.trim())));
    let changed = (!value.is_empty()).then_some(change);
    format!("[{{ {} }}]", others.chain(changed).collect::<Vec<_>>().join(", "))
}

#[test]
fn a_provider_is_read_from_a_variable_as_from_the_file() {
    let text = provider("scopes = ['email']");
    let by_variable = load(&[("SIGN_IN_PROVIDERS", &text)]).expect("settings").sign_in.providers;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("Leptos.toml");
    std::fs::write(&file, format!("[sign_in]\nproviders = {text}")).expect("a file");
    let by_file = Settings::load(Some(&file), []).expect("settings").sign_in.providers;
    assert_eq!(by_variable, by_file);
    let [google] = by_file.as_slice() else { panic!("{by_file:?}") };
    assert_eq!((google.id.as_str(), google.name.as_str()), ("google", "Google"));
    assert_eq!(google.client_secret, KeySource::Env("GOOGLE_SECRET".to_owned()));
    assert_eq!(google.scopes, ["email"]);
    assert_eq!(load(&[("SIGN_IN_PROVIDERS", "")]).expect("settings").sign_in.providers, []);
}

#[test]
fn s87_a_provider_that_cannot_be_one_is_one_sentence_with_its_cure() {
    for (value, reason, cure) in [
        ("GOCSPX-hunter2".to_owned(), "is not a list of providers", "write it like"),
        ("[{ id = 'a' }]".to_owned(), "`issuer` is missing", "write it like"),
        (provider("id = 'Google Inc'"), "is part of URLs", "like `google`"),
        (provider("issuer = 'http://accounts.google.com'"), "is not https", "https://"),
        (provider("issuer = 'accounts.google.com'"), "is not a URL", "https://accounts.google.com"),
        (provider("issuer = 'https://a.example?tenant=1'"), "holds a `?`", "as the provider does"),
        (provider("client_secret = 'GOCSPX-hunter2'"), "no variable in `client_secret`", "env:GOOGLE_SECRET"),
        (provider("client_secret = 'hunter2'"), "no variable in `client_secret`", "./google.secret"),
        (provider("secret = 'hunter2'"), "unknown key `secret`", "client_secret"),
        (provider("scopes = 'email'"), "which is not a list", "[\"email\", \"profile\"]"),
        (provider("audiences = 'project'"), "not a list of texts", "audiences = ["),
        (provider("trust_email = 'yes'"), "`trust_email` of `google`", "trust_email = true"),
        (provider("nonce = 0"), "`nonce` of `google`", "nonce = false"),
        (provider("response_mode = 'fragment'"), "`response_mode` of `google`", "`form_post`"),
        (provider("sign_out = 'there'"), "`sign_out` of `google`", "`logout_uri`"),
        (provider("pkce = false").replace("}]", ", nonce = false }]"), "neither `nonce` nor `pkce`", "to `true`"),
        (provider("name = ''"), "`name` is missing", "write it like"),
        (provider("x").replace("}]", "}, { id = 'google' }]"), "`issuer` is missing", "write it like"),
    ] {
        let sentence = load(&[("SIGN_IN_PROVIDERS", &value)]).expect_err(&value);
        assert!(sentence.contains(reason) && sentence.contains(cure), "{sentence}");
        assert!(!sentence.contains("hunter2") && sentence.lines().count() == 1, "{sentence}");
    }
    let twice = provider("x").replace("}]", "}, ") + provider("name = 'Other'").trim_start_matches('[');
    let sentence = load(&[("SIGN_IN_PROVIDERS", &twice)]).expect_err("twice");
    assert!(sentence.contains("names `google`, or its issuer, twice"), "{sentence}");
    let across = [
        ("SIGN_IN_PROVIDERS", provider("x")),
        ("SITE_URL", "https://api.example.com".to_owned()),
        ("SITE_FRONT_ENDS", "https://app.example.org".to_owned()),
    ];
    let across: Vec<_> = across.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let sentence = load(&across).expect_err("another site");
    assert!(sentence.contains("is another site") && sentence.contains("app.example.com"), "{sentence}");
}

#[test]
fn a_secret_that_cannot_be_had_stops_the_start_and_names_the_provider() {
    let place = Place::new();
    for (secret, reason) in [("env:NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE is not set"), ("./no.secret", "no.secret")] {
        let providers = provider(&format!("client_secret = '{secret}'"));
        let said = place.refusal(1, &["serve"], &[("SIGN_IN_PROVIDERS", &providers), ("SITE_LISTEN", "127.0.0.1:0")]);
        assert!(said.contains("the secret of `google`") && said.contains(reason), "{said}");
    }
}

#[test]
fn with_redis_a_database_of_accounts_must_be_named_before_anything_is_made() {
    let place = Place::new();
    let key = place.path().join("own.key");
    std::fs::write(&key, "3f9c1b7e5d2a48600c1e9f7b6a5d4c3b2a190817263544f3e2d1c0bfae9d8c7b\n").expect("a key");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("private");
    let settings = [("STORE_URL", "redis://127.0.0.1:1"), ("SESSION_KEYS", "own.key"), ("SITE_LISTEN", "127.0.0.1:0")];
    let said = place.refusal(2, &["serve"], &settings);
    assert!(said.contains("accounts.database: it is not set") && said.contains("Redis"), "{said}");
    assert!(said.contains("sqlite:data/accounts.db"), "{said}");
}
