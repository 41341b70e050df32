//! Validation of ID tokens: a correct token is accepted, and a token with a single fault is rejected.

use crate::support::app::App;
use crate::support::issuer::{CLIENT_SECRET, Issuer, Keys, Make, leads, seconds_now, signed, unsigned};
use crate::support::people::Person;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use openidconnect::PrivateSigningKey as _;
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::sync::Arc;
use std::time::Duration;

type Claims = Map<String, Value>;

/// Returns a token whose claims were changed before it was signed.
fn with(change: impl Fn(&mut Claims) + Send + Sync + 'static) -> Make {
    Arc::new(move |keys, mut claims| {
        change(&mut claims);
        Some(keys.token(&claims))
    })
}

fn set(name: &'static str, value: Value) -> Make {
    with(move |claims| drop(claims.insert(name.to_owned(), value.clone())))
}

fn without(name: &'static str) -> Make {
    with(move |claims| drop(claims.remove(name)))
}

fn made(make: impl Fn(&Keys, Claims) -> String + Send + Sync + 'static) -> Make {
    Arc::new(move |keys, claims| Some(make(keys, claims)))
}

/// Signs a token with a secret, which only a holder of that secret could verify.
fn by_secret(secret: &[u8], keys: &Keys, claims: &Claims) -> String {
    let text = unsigned(&json!({"alg": "HS256", "kid": keys.id}), claims);
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("a key");
    mac.update(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

fn bad_tokens(issuer: &Issuer) -> Vec<(&'static str, Make)> {
    let now = seconds_now();
    let head = |keys: &Keys| json!({"alg": "EdDSA", "kid": keys.id});
    vec![
        ("no token", Arc::new(|_, _| None)),
        ("not a token", made(|_, _| "canary".to_owned())),
        ("unsigned", made(|_, claims| format!("{}.", unsigned(&json!({"alg": "none"}), &claims)))),
        ("signed with the client secret", made(|keys, claims| by_secret(CLIENT_SECRET.as_bytes(), keys, &claims))),
        (
            "signed with the public key as a secret",
            made(|keys, claims| {
                let public = serde_json::to_string(&keys.own.as_verification_key()).expect("JSON");
                by_secret(public.as_bytes(), keys, &claims)
            }),
        ),
        ("signed by another key", made(move |keys, claims| signed(&head(keys), &claims, &keys.other))),
        (
            "signed by an unpublished key",
            made(|keys, claims| signed(&json!({"alg": "EdDSA", "kid": "unknown"}), &claims, &keys.other)),
        ),
        (
            "changed after it was signed",
            made(|keys, mut claims| {
                let token = keys.token(&claims);
                claims.insert("sub".to_owned(), "grace".into());
                let text = unsigned(&json!({"alg": "EdDSA", "kid": keys.id}), &claims);
                format!("{text}.{}", token.rsplit('.').next().expect("a signature"))
            }),
        ),
        ("another issuer's", set("iss", "https://accounts.example.com".into())),
        ("the issuer's, with a slash", set("iss", (issuer.url() + "/").into())),
        ("without an issuer", without("iss")),
        ("for another site", set("aud", "somebody-else".into())),
        ("for another site as well", set("aud", json!(["hardtack", "somebody-else"]))),
        ("without an audience", without("aud")),
        ("authorized for another site", set("azp", "somebody-else".into())),
        ("over", set("exp", (now - 60).into())),
        ("without an expiry", without("exp")),
        ("of tomorrow", set("iat", (now + 3600).into())),
        ("of an hour ago", set("iat", (now - 3600).into())),
        ("without a time", without("iat")),
        ("for another sign-in", set("nonce", "another".into())),
        ("for any sign-in", without("nonce")),
        ("without a subject", without("sub")),
        ("with another access token", set("at_hash", URL_SAFE_NO_PAD.encode([7; 32]).into())),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn s77_an_id_token_that_is_wrong_in_one_thing_signs_nobody_in() {
    let issuer = Issuer::start().await;
    let providers = format!("[{}]", issuer.setting("a"));
    let app = App::start_with(&[("SIGN_IN_PROVIDERS", &providers), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")]).await;
    let nobody = Person::at(&app.url(""), "ada@example.com");
    for (what, make) in bad_tokens(&issuer) {
        let way = nobody.leave(&[("provider", "a")]).await;
        let code = issuer.code(&way, issuer.claims(&way, "ada"), make);
        let answer = nobody.arrive("a", &[("state", &way.state), ("code", &code)]).await;
        assert_eq!(leads(&answer), "/login?error=provider_failed", "{what}");
        assert!(!nobody.is_signed_in().await, "{what}");
    }
    assert_eq!((app.sessions().await, crate::support::rows(&app.database(), "account").await), (0, 0));
    // Without a fault the same sign-in works.
    assert_eq!(leads(&nobody.sign_in_at(&issuer, "ada").await), "/profile");
    assert!(nobody.is_signed_in().await);
}

#[tokio::test]
async fn s77_a_key_that_the_provider_has_turned_to_is_asked_for_and_not_for_every_bad_token() {
    let issuer = Issuer::start().await;
    let providers = format!("[{}]", issuer.setting("a"));
    let app = App::start_with(&[("SIGN_IN_PROVIDERS", &providers)]).await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    assert_eq!(leads(&ada.sign_in_at(&issuer, "ada").await), "/profile");
    issuer.turn_keys();
    let again = ada.elsewhere();
    assert_eq!(leads(&again.sign_in_at(&issuer, "ada").await), "/login?error=provider_failed");
    assert_eq!(issuer.described(), 1, "the keys were fetched a moment ago");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::time::resume();
    // A new browser, because the paused clock has aged the open connections.
    assert_eq!(leads(&ada.elsewhere().sign_in_at(&issuer, "ada").await), "/profile");
    assert_eq!(issuer.described(), 2);
}
