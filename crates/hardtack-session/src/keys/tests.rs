//! Tests of the signing keys.

use super::*;
use std::fmt::Write as _;

/// Returns bytes as hexadecimal digits.
fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text grows");
        text
    })
}

fn keys(count: u8) -> Keys {
    let texts: Vec<String> = (1..=count).map(|n| hex((0..32).map(|byte| byte * n))).collect();
    Keys::parse(texts.iter().map(|text| ("a test", text.as_str()))).expect("keys")
}

#[test]
fn a_file_is_made_once_and_belongs_to_its_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.key");
    let made = Keys::in_file(&path).expect("made");
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "no draft is left");
    let text = fs::read_to_string(&path).expect("text");
    let again = Keys::in_file(&path).expect("read");
    assert_eq!((again.ids(), fs::read_to_string(&path).expect("text")), (made.ids(), text));

    // Another process created the file after the check that it is missing.
    assert_eq!(create(&path).expect("the other's"), fs::read_to_string(&path).expect("text"));
    for mode in [0o640, 0o604, 0o610, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let error = Keys::in_file(&path).expect_err("others may read it").to_string();
        assert!(error.contains("chmod 600"), "{mode:o}: {error}");
        assert!(create(&path).is_err(), "{mode:o}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("set");
    assert_eq!(read_private(&path).expect("readable"), fs::read_to_string(&path).expect("text"));
}

#[test]
fn a_file_that_cannot_be_used_is_named_and_no_key_replaces_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("no-such-folder").join("session.key");
    assert!(matches!(Keys::in_file(&missing), Err(KeyError::File { path, .. }) if path.contains("no-such-folder")));
    // A folder in its place is there, and cannot be read.
    assert!(matches!(Keys::in_file(folder.path()), Err(KeyError::File { .. })));
    let broken = folder.path().join("broken.key");
    let linked = folder.path().join("linked.key");
    std::os::unix::fs::symlink("/dev/full/key", &linked).expect("a link");
    assert!(matches!(create(&linked), Err(KeyError::Exposed(_) | KeyError::File { .. })));
    fs::write(&broken, "no key").expect("written");
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o600)).expect("set");
    assert!(matches!(Keys::in_file(&broken), Err(KeyError::Malformed(name)) if name.ends_with("broken.key")));
}

#[test]
fn a_key_is_32_random_bytes_in_hexadecimal_or_base64() {
    let bytes: Vec<u8> = (100..132).collect();
    let hexadecimal = hex(bytes.iter().copied()).to_uppercase();
    let url = URL_SAFE_NO_PAD.encode(&bytes);
    let ids = |text: &str| Keys::parse([("a test", text)]).map(|keys| keys.ids());
    let expected = ids(&url).expect("base64url");
    assert_eq!(ids(&hexadecimal).expect("hexadecimal"), expected);
    assert_eq!(ids(&format!(" {url}=\n")).expect("padded"), expected);
    let plus = URL_SAFE_NO_PAD.encode([251_u8; 3]) + &url[4..];
    assert_eq!(
        ids(&plus.replace('-', "+").replace('_', "/")).expect("base64"),
        ids(&plus).expect("base64url"),
        "both alphabets"
    );
    for text in [
        "",
        &hexadecimal[..62],
        &format!("{hexadecimal}00"),
        &format!("g{}", &hexadecimal[1..]),
        &format!("+{}", &hexadecimal[1..]),
        &format!("ä{}", &hexadecimal[2..]),
        &url[..42],
        &format!("{url}AAAA"),
    ] {
        assert!(matches!(ids(text), Err(KeyError::Malformed(_))), "{text:?}");
    }
    // Fifteen values are regular, sixteen may have been drawn.
    let of = |values: u8| hex((0..32).map(|n| n % values));
    assert!(matches!(ids(&of(15)), Err(KeyError::Weak(_))));
    assert!(ids(&of(16)).is_ok());
    assert!(matches!(Keys::parse([]), Err(KeyError::None)));
}

#[test]
fn the_names_of_keys_are_stable_and_tell_them_apart() {
    let two = keys(2);
    let ids = two.ids();
    assert_eq!(ids, keys(2).ids());
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[..1], keys(1).ids());
    assert_eq!(ids[0].len(), 12);
    assert!(format!("{two:?}").contains('2') && !format!("{two:?}").contains(&ids[0]));
}

#[test]
fn a_keyed_hash_is_verified_by_each_key_for_its_purpose_only() {
    let (old, both) = (keys(1), keys(3));
    let hash = old.pseudonym("known", "ada");
    assert_eq!(hash, old.pseudonym("known", "ada"));
    assert_eq!(URL_SAFE_NO_PAD.decode(&hash).expect("base64url").len(), 32);
    assert!(old.is_pseudonym("known", "ada", &hash) && both.is_pseudonym("known", "ada", &hash));
    let newest = Keys(both.0[2..].to_vec());
    for (place, text, hash) in
        [("known", "bob", hash.as_str()), ("else", "ada", &hash), ("known", "ada", &hash[1..]), ("known", "ada", "!")]
    {
        assert!(!old.is_pseudonym(place, text, hash), "{place} {text} {hash}");
    }
    assert!(!newest.is_pseudonym("known", "ada", &hash), "another key");
    assert!(both.is_pseudonym("known", "ada", &newest.pseudonym("known", "ada")), "the last of the list verifies");
}

#[test]
fn a_value_is_signed_for_one_cookie_name_and_verified_by_each_key() {
    let (keys, strange) = (keys(1), Keys::generate().expect("keys"));
    let secret = Secret::generate().expect("a secret");
    let value = keys.seal("sid", &secret);
    let text = |secret: Option<Secret>| secret.map(|secret| secret.encode());
    assert_eq!(text(keys.open("sid", value.as_bytes())), Some(secret.encode()));
    assert_eq!(text(keys.open("other", value.as_bytes())), None, "a value of another cookie");
    assert_eq!(text(strange.open("sid", value.as_bytes())), None, "a value of another server");
    assert_eq!(text(Keys::unsealed(value.as_bytes())), Some(secret.encode()));
    assert_eq!(text(Keys::unsealed(strange.seal("x", &secret).as_bytes())), Some(secret.encode()));
    let (first, second) = value.split_once('.').expect("two parts");
    for broken in [first, "", ".", &format!("{first}."), &format!(".{second}"), &format!("{first}.{second}A")] {
        assert_eq!(text(Keys::unsealed(broken.as_bytes())), None, "{broken}");
        assert_eq!(keys.verified("sid", broken.as_bytes()), None, "{broken}");
    }
}
