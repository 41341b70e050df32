//! Tests of the session cookie: reading, setting and removing it.

use super::*;
use axum::http::header::COOKIE;

fn presented(cookies: &[&[u8]], settings: &CookieSettings, keys: &Keys) -> bool {
    let mut headers = HeaderMap::new();
    for line in cookies {
        headers.append(COOKIE, HeaderValue::from_bytes(line).expect("a header"));
    }
    matches!(settings.read(&headers, keys), Came::One(_))
}

fn sealed(settings: &CookieSettings, keys: &Keys) -> String {
    keys.seal(&settings.name, &Secret::generate().expect("random numbers"))
}

#[test]
fn g9_s2_the_name_is_matched_byte_for_byte() {
    let (settings, keys) = (CookieSettings::new(true), Keys::generate().expect("a key"));
    let value = sealed(&settings, &keys);
    let with = |name: &str| presented(&[format!("{name}={value}").as_bytes()], &settings, &keys);
    assert!(with("__Host-hardtack_sess"));
    assert!(with(" \t__Host-hardtack_sess"), "white space before a pair is not part of the name");
    for name in [
        "__host-hardtack_sess",
        "%5F%5FHost-hardtack_sess",
        "\u{2000}__Host-hardtack_sess",
        "\u{a0}__Host-hardtack_sess",
        "=__Host-hardtack_sess",
        "__Host-hardtack_sess ",
        "x__Host-hardtack_sess",
        "a, __Host-hardtack_sess",
    ] {
        assert!(!with(name), "{name:?} must not count");
    }
}

#[test]
fn g9_s3_two_cookies_of_the_name_count_as_none() {
    let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
    let good = format!("hardtack_sess={}", sealed(&settings, &keys));
    assert!(presented(&[format!("a=b; {good}; c=d").as_bytes()], &settings, &keys));
    assert!(!presented(&[format!("{good}; hardtack_sess=x").as_bytes()], &settings, &keys));
    assert!(!presented(&[format!("hardtack_sess=x; {good}").as_bytes()], &settings, &keys));
    assert!(!presented(&[good.as_bytes(), b"hardtack_sess=x"], &settings, &keys));
    let another = format!("hardtack_sess={}", sealed(&settings, &keys));
    assert!(!presented(&[format!("{good}; {another}").as_bytes()], &settings, &keys), "two that the key signed");
}

#[test]
fn g9_equal_values_count_as_one_and_so_do_two_of_one_session() {
    let texts: Vec<_> = (0..2).map(|_| Secret::generate().expect("random numbers").encode()).collect();
    let keys = Keys::parse(texts.iter().map(|text| ("key", text.as_str()))).expect("keys");
    let old = Keys::parse([("key", texts[1].as_str())]).expect("a key");
    let (settings, secret) = (CookieSettings::new(false), Secret::generate().expect("random numbers"));
    let [before, after] = [&old, &keys].map(|keys| format!("hardtack_sess={}", keys.seal(&settings.name, &secret)));
    assert_ne!(before, after);
    for cookies in [format!("{after}; {after}"), format!("{before}; a=b; {after}; {before}")] {
        assert!(presented(&[cookies.as_bytes()], &settings, &keys), "{cookies}");
    }
    assert!(presented(&[after.as_bytes(), after.as_bytes()], &settings, &keys), "in two headers");
}

#[test]
fn g9_a_value_in_one_pair_of_quotes_is_the_value() {
    let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
    let value = sealed(&settings, &keys);
    let java = format!("$Version=\"1\"; hardtack_sess=\"{value}\";$Path=\"/\"; theme=\"dark\"");
    assert!(presented(&[java.as_bytes()], &settings, &keys));
    let both = format!("hardtack_sess=\"{value}\"; hardtack_sess={value}");
    assert!(presented(&[both.as_bytes()], &settings, &keys), "the same value in both spellings");
    for odd in [format!("\"\"{value}\"\""), format!("\"{value}"), format!("{value}\""), format!("'{value}'")] {
        assert!(!presented(&[format!("hardtack_sess={odd}").as_bytes()], &settings, &keys), "{odd}");
    }
}

#[test]
fn s4_several_cookie_headers_are_all_read() {
    let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
    let good = format!("hardtack_sess={}", sealed(&settings, &keys));
    assert!(presented(&[b"a=b", good.as_bytes()], &settings, &keys));
}

#[test]
fn g12_s19_what_no_key_signed_is_nothing() {
    let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
    let value = sealed(&settings, &keys);
    let other = sealed(&settings, &Keys::generate().expect("a key"));
    let long = "A".repeat(1 << 20);
    let (secret, signature) = value.split_once('.').expect("two parts");
    for forged in [
        "",
        ".",
        "a.b",
        &long,
        secret,
        &other,
        "\u{0}",
        &format!("{secret}."),
        &format!(".{signature}"),
        &format!("{secret}.{signature}A"),
        &format!("{secret}A.{signature}"),
        &value[1..],
    ] {
        let mut pair = b"hardtack_sess=".to_vec();
        pair.extend(forged.bytes().filter(|byte| *byte != 0));
        assert!(!presented(&[&pair], &settings, &keys));
    }
    assert!(!presented(&[b"hardtack_sess=\xff\xfe.\xff"], &settings, &keys));
}

#[test]
fn g12_a_value_cannot_be_moved_to_a_cookie_of_another_name() {
    let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
    let value = keys.seal("other_sess", &Secret::generate().expect("random numbers"));
    assert!(!presented(&[format!("hardtack_sess={value}").as_bytes()], &settings, &keys));
}

#[test]
fn g9_the_removal_repeats_every_attribute() {
    let mut settings = CookieSettings::new(true);
    settings.partitioned = true;
    settings.same_site = SameSite::None;
    let removal = settings.removal().expect("a header");
    let removal = removal.to_str().expect("text");
    for attribute in settings.attributes() {
        assert!(removal.contains(&attribute), "{attribute} is missing in {removal}");
    }
    assert!(removal.starts_with("__Host-hardtack_sess=;") && removal.contains("Max-Age=0"), "{removal}");
}

#[test]
fn s1_s8_the_default_cookie_is_host_bound_and_never_outlives_400_days() {
    let mut settings = CookieSettings::default();
    let now = Timestamp(1_700_000_000_000);
    let set = settings.set("v", Duration::from_secs(60), false, now).expect("a header");
    assert_eq!(set, "__Host-hardtack_sess=v; HttpOnly; SameSite=Lax; Secure; Path=/");
    settings.persistent = true;
    let set = settings.set("v", Duration::from_secs(u64::MAX), settings.persistent, now).expect("a header");
    let set = set.to_str().expect("text");
    assert!(set.ends_with("; Max-Age=34560000; Expires=Wed, 18 Dec 2024 22:13:20 GMT"), "{set}");
}

#[test]
fn a_plain_cookie_lives_for_a_year_and_holds_no_attributes() {
    let settings = CookieSettings::new(true);
    assert_eq!(settings.name_beside("known"), "__Host-hardtack_sess_known");
    let line = settings.plain("theme", "dark-1_2.x").expect("a header");
    let line = line.to_str().expect("text");
    let (kept, expires) = line.split_once("; Expires=").expect("a date");
    assert_eq!(kept, "theme=dark-1_2.x; SameSite=Lax; Secure; Path=/; Max-Age=31536000");
    let expires =
        time::OffsetDateTime::parse(&expires.replace("GMT", "+0000"), &time::format_description::well_known::Rfc2822);
    let left = expires.expect("a date") - time::OffsetDateTime::now_utc();
    assert!((364..=365).contains(&left.whole_days()), "{left}");
    for value in ["a;b", "a b", "a,b", "a=b", "\u{e4}"] {
        assert!(settings.plain("theme", value).is_err(), "{value}");
    }
    assert!(
        !CookieSettings::new(false).plain("theme", "x").expect("a header").to_str().expect("text").contains("Secure")
    );
}

#[test]
fn the_value_of_another_cookie_is_the_first_and_differing_ones_are_reported() {
    let settings = CookieSettings { name: "known".to_owned(), ..CookieSettings::new(false) };
    let value = |cookies: &str| {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(cookies).expect("a header"));
        let (first, differ) = settings.value(&headers);
        (first.map(<[u8]>::to_vec), differ)
    };
    assert_eq!(value("a=b; other=x"), (None, false));
    assert_eq!(value("a=b; known=x; c=d"), (Some(b"x".to_vec()), false));
    assert_eq!(value("known=x; known=x"), (Some(b"x".to_vec()), false));
    assert_eq!(value("known=x; a=b; known=y"), (Some(b"x".to_vec()), true));
}

#[test]
fn one_cookie_of_a_foreign_key_is_told_from_two_and_from_none() {
    let (settings, keys) = (CookieSettings::new(false), Keys::generate().expect("a key"));
    let read = |cookies: &str| {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_str(cookies).expect("a header"));
        settings.read(&headers, &keys)
    };
    let strange = sealed(&settings, &Keys::generate().expect("a key"));
    assert!(matches!(read("a=b"), Came::Nothing));
    assert!(matches!(read(&format!("hardtack_sess={strange}")), Came::InDoubt(Doubt::OtherKey { .. })));
    assert!(matches!(read("hardtack_sess=x"), Came::InDoubt(Doubt::Foreign)));
    let several = read(&format!("hardtack_sess={strange}; hardtack_sess=x"));
    assert!(matches!(several, Came::InDoubt(Doubt::Several { strange, more: false, .. }) if strange.len() == 1));
    let many = |count: usize| (0..count).map(|n| format!("hardtack_sess={n}")).collect::<Vec<_>>().join("; ");
    assert!(matches!(read(&many(MOST)), Came::InDoubt(Doubt::Several { more: false, .. })));
    assert!(matches!(read(&many(MOST + 1)), Came::InDoubt(Doubt::Several { more: true, .. })));
}
