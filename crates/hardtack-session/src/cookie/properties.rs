//! Properties of every session cookie, tested with random settings, headers and lifetimes.

use super::{Came, CookieSettings, SameSite};
use crate::clock::Timestamp;
use crate::id::Secret;
use crate::keys::Keys;
use crate::lifetime::Lifetime;
use crate::policy::Contradiction;
use axum::http::{HeaderMap, HeaderValue, header::COOKIE};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use proptest::prelude::*;
use std::collections::HashSet;
use std::time::Duration;

/// Returns a configuration without regression files, because each failure that is found becomes a test of its own.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn secret() -> Secret {
    Secret::generate().expect("random numbers")
}

fn keys() -> Keys {
    Keys::generate().expect("a key")
}

/// Returns the secret that a request carries, if any.
fn opened(settings: &CookieSettings, headers: &HeaderMap, keys: &Keys) -> Option<Secret> {
    match settings.read(headers, keys) {
        Came::One(secret) => Some(secret),
        Came::Nothing | Came::InDoubt(_) => None,
    }
}

fn headers(lines: &[Vec<u8>]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(COOKIE, HeaderValue::from_bytes(line).expect("bytes that a header carries"));
    }
    headers
}

/// Generates bytes that a header can carry. Those with a meaning in a cookie come more often.
fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => proptest::sample::select(b"=;. \t\"ahs_".to_vec()),
        2 => 0x20_u8..0x7f,
        1 => 0x80_u8..=0xff,
    ];
    proptest::collection::vec(byte, 0..most)
}

/// A pair of a `Cookie` header.
#[derive(Clone, Debug)]
enum Pair {
    /// The session cookie as the server set it.
    Sealed,
    /// The session cookie in quotes.
    Quoted,
    /// The name of the session cookie with another value.
    Named(Vec<u8>),
    /// Any bytes.
    Any(Vec<u8>),
}

fn pair() -> impl Strategy<Value = Pair> {
    let named = bytes(60).prop_map(|value| Pair::Named(value.into_iter().filter(|byte| *byte != b';').collect()));
    prop_oneof![2 => Just(Pair::Sealed), 1 => Just(Pair::Quoted), 1 => named, 4 => bytes(60).prop_map(Pair::Any)]
}

/// Generates legal settings of every kind.
fn settings() -> impl Strategy<Value = CookieSettings> {
    let name = prop_oneof![
        Just("__Host-hardtack_sess".to_owned()),
        Just("__Secure-s".to_owned()),
        "[!#$%&'*+.0-9A-Z^_`a-z|~-]{1,255}",
    ];
    let same_site = proptest::sample::select(vec![SameSite::Lax, SameSite::Strict, SameSite::None]);
    let domain = proptest::option::of("[a-z0-9][a-z0-9-]{0,40}\\.[a-z]{2,9}");
    let path = prop_oneof![Just("/".to_owned()), "/[!-:<-~]{0,60}"];
    let switches = (any::<bool>(), any::<bool>(), any::<bool>());
    (name, same_site, domain, path, switches)
        .prop_map(|(name, same_site, domain, path, (secure, partitioned, persistent))| CookieSettings {
            name,
            secure,
            same_site,
            partitioned,
            domain,
            path,
            persistent,
        })
        .prop_filter("browsers drop it", |settings| Contradiction::of_cookie(settings).is_none())
}

/// Returns the value of an attribute in a `Set-Cookie` header.
fn attribute<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split("; ").skip(1).find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn g9_g12_only_what_was_sealed_opens_whatever_stands_around_it(
        lines in proptest::collection::vec(proptest::collection::vec(pair(), 0..4), 0..4),
        space in "[ \t]{0,2}",
    ) {
        let (settings, keys, secret) = (CookieSettings::new(false), keys(), secret());
        let sealed = keys.seal(&settings.name, &secret).into_bytes();
        let named = |value: &[u8]| [settings.name.as_bytes(), b"=", value].concat();
        let written: Vec<Vec<u8>> = lines
            .iter()
            .map(|pairs| {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|pair| match pair {
                        Pair::Sealed => named(&sealed),
                        Pair::Quoted => named(&[b"\"", &sealed[..], b"\""].concat()),
                        Pair::Named(value) => named(value),
                        Pair::Any(bytes) => bytes.clone(),
                    })
                    .map(|pair| [space.as_bytes(), &pair, space.as_bytes()].concat())
                    .collect();
                pairs.join(&b';')
            })
            .collect();
        let pairs: Vec<_> = lines.iter().flatten().collect();
        let others = pairs.iter().any(|pair| matches!(pair, Pair::Named(_)));
        let sealed = pairs.iter().any(|pair| matches!(pair, Pair::Sealed | Pair::Quoted));
        let opened = opened(&settings, &headers(&written), &keys);
        prop_assert_eq!(opened, (sealed && !others).then_some(secret));
    }

    #[test]
    fn g12_what_is_sealed_opens_with_any_key_of_the_list_and_with_no_other(position in 0_usize..3) {
        let texts: Vec<String> = (0..4).map(|_| secret().encode()).collect();
        let list = |texts: &[String]| Keys::parse(texts.iter().map(|text| ("key", text.as_str()))).expect("keys");
        let (settings, secret) = (CookieSettings::default(), secret());
        let value = list(&texts[position..=position]).seal(&settings.name, &secret);
        prop_assert_eq!(list(&texts[..3]).open(&settings.name, value.as_bytes()), Some(secret));
        prop_assert_eq!(list(&texts[3..]).open(&settings.name, value.as_bytes()), None);
    }

    #[test]
    fn g9_s9_the_header_says_what_the_settings_say_and_so_does_the_removal(settings in settings()) {
        let (keys, secret) = (keys(), secret());
        let value = keys.seal(&settings.name, &secret);
        let now = Timestamp(1_700_000_000_000);
        let set = settings.set(&value, Duration::from_secs(60), settings.persistent, now).expect("a header");
        let set = set.to_str().expect("text");
        let (pair, _) = set.split_once("; ").expect("attributes");
        prop_assert_eq!(opened(&settings, &headers(&[pair.as_bytes().to_vec()]), &keys), Some(secret));

        let parsed = cookie::Cookie::parse(set).expect("a cookie");
        prop_assert_eq!((parsed.name(), parsed.value()), (settings.name.as_str(), value.as_str()));
        prop_assert_eq!(parsed.http_only(), Some(true));
        prop_assert_eq!(parsed.secure().unwrap_or(false), settings.secure);
        prop_assert_eq!(parsed.same_site(), Some(settings.same_site));
        prop_assert_eq!(parsed.partitioned().unwrap_or(false), settings.partitioned);
        prop_assert_eq!(parsed.domain(), settings.domain.as_deref());
        prop_assert_eq!(parsed.path(), Some(settings.path.as_str()));
        prop_assert_eq!(attribute(set, "Max-Age"), settings.persistent.then_some("60"));
        let expires = settings.persistent.then_some("Tue, 14 Nov 2023 22:14:20 GMT");
        prop_assert_eq!(attribute(set, "Expires"), expires);

        let bare = set.split("; ").skip(1).filter(|part| !part.starts_with("Max-Age") && !part.starts_with("Expires"));
        let bare: Vec<_> = bare.collect();
        prop_assert_eq!(settings.attributes(), bare);
        let removal = settings.removal().expect("a header");
        let removal = removal.to_str().expect("text");
        let over = ["Max-Age=0", "Expires=Thu, 01 Jan 1970 00:00:00 GMT"];
        let said: HashSet<_> = removal.split("; ").skip(1).map(str::to_owned).collect();
        prop_assert_eq!(said, settings.attributes().into_iter().chain(over.map(str::to_owned)).collect());
    }

    #[test]
    fn s8_the_browser_never_keeps_the_cookie_longer_than_the_store_keeps_the_session(
        (idle, absolute) in (0..=u64::MAX, 0..=u64::MAX),
        (short_idle, short_absolute) in (0..100_000_000_u64, 0..100_000_000_u64),
        (created, age, silence) in (0..8_000_000_000_000_i64, 0..100_000_000_i64, 0..100_000_000_i64),
        longest in any::<bool>(),
    ) {
        let span = |short, long| Duration::from_millis(if longest { long } else { short });
        let lifetime = Lifetime { idle: span(short_idle, idle), absolute: span(short_absolute, absolute) };
        let now = Timestamp(created + age + silence);
        let deadline = lifetime.deadline(Timestamp(created), Timestamp(created + age));
        let settings = CookieSettings { persistent: true, ..CookieSettings::default() };
        let set = settings.set("value", deadline.left(now), settings.persistent, now).expect("a header");
        let seconds: u64 = attribute(set.to_str().expect("text"), "Max-Age").expect("a life").parse().expect("seconds");
        prop_assert!(seconds <= 400 * 24 * 60 * 60);
        prop_assert!(seconds == 0 || now + Duration::from_secs(seconds) <= deadline);
    }
}

#[test]
fn g12_any_single_changed_missing_or_added_byte_of_a_value_is_refused() {
    let (settings, keys) = (CookieSettings::default(), keys());
    let value = keys.seal(&settings.name, &secret()).into_bytes();
    assert!(keys.open(&settings.name, &value).is_some());
    let refused =
        |value: &[u8]| assert!(keys.open(&settings.name, value).is_none(), "{:?}", String::from_utf8_lossy(value));
    for at in 0..value.len() {
        for byte in (0..=u8::MAX).filter(|byte| *byte != value[at]) {
            let mut changed = value.clone();
            changed[at] = byte;
            refused(&changed);
        }
        refused(&[&value[..at], &value[at + 1..]].concat());
        for byte in *b"A.=_ \0" {
            refused(&[&value[..at], &[byte], &value[at..]].concat());
        }
    }
    for byte in 0..=u8::MAX {
        refused(&[value.as_slice(), &[byte]].concat());
    }
}

#[test]
fn s11_an_id_is_256_random_bits_in_43_letters_and_never_comes_twice() {
    let mut seen = HashSet::new();
    let mut set = 0_u32;
    for _ in 0..100_000 {
        let text = secret().encode();
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{text}");
        let bytes = URL_SAFE_NO_PAD.decode(&text).expect("base64url");
        assert_eq!((text.len(), bytes.len()), (43, 32), "{text}");
        set += bytes.iter().map(|byte| byte.count_ones()).sum::<u32>();
        assert!(seen.insert(text), "an id came twice");
    }
    // Half of 25,600,000 bits, within some twenty standard deviations.
    assert!((12_750_000..12_850_000).contains(&set), "{set} bits are set");
}
