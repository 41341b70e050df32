//! Sign-in with an OpenID provider: which account it leads to, and connecting a provider to an account.

use crate::support::app::cookies_set;
use crate::support::issuer::{Stage, leads, profile, seconds_now};
use crate::support::people::{PASSWORD, Person};
use futures::future::join;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn s78_an_e_mail_address_opens_no_account_of_another_issuer_or_of_a_password() {
    let stage = Stage::set().await;
    let grace = stage.person("grace").registered().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    let thief = stage.person("mallory");
    for (id, issuer, subject) in [("b", &stage.b, "ada"), ("a", &stage.a, "grace")] {
        let way = thief.leave(&[("provider", id)]).await;
        let answer = thief.arrive(id, &[("state", &way.state), ("code", &issuer.good(&way, subject))]).await;
        assert_eq!(leads(&answer), "/login?error=account_exists");
        assert!(!thief.is_signed_in().await);
    }
    assert_eq!((stage.count("account").await, stage.count("identity").await), (2, 1), "no rows are left behind");
    // The account's owner connects the provider explicitly.
    assert_eq!(stage.connect(&grace, ("a", &stage.a), "grace").await, "/security");
    assert_eq!(leads(&grace.elsewhere().sign_in_at(&stage.a, "grace").await), "/profile");
    assert_eq!(profile(&grace).await["providers"], json!(["a"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn s78_an_address_that_the_provider_does_not_vouch_for_makes_no_account_and_connects_none() {
    let stage = Stage::set().await;
    let grace = stage.person("grace").registered().await;
    for change in [json!(false), json!(null), json!("false")] {
        for (person, purpose, page) in [(&stage.person("ada"), "sign_in", "/login"), (&grace, "connect", "/security")] {
            let way = person.leave(&[("provider", "a"), ("purpose", purpose)]).await;
            let mut claims = stage.a.claims(&way, "ada");
            claims.insert("email_verified".to_owned(), change.clone());
            let code = stage.a.code(&way, claims, Arc::new(|keys, claims| Some(keys.token(&claims))));
            let answer = person.arrive("a", &[("state", &way.state), ("code", &code)]).await;
            assert_eq!(leads(&answer), format!("{page}?error=email_unverified"), "{change}");
        }
    }
    assert_eq!((stage.count("account").await, stage.count("identity").await), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn s78_connecting_needs_a_fresh_sign_in_of_that_very_account() {
    let stage = Stage::set().await;
    let (ada, grace) = (stage.person("ada").registered().await, stage.person("grace").registered().await);
    let nobody = stage.person("nobody").ask_to_leave(&[("provider", "a"), ("purpose", "connect")]).await;
    assert_eq!(nobody.status(), 401);
    // Begun under one account and finished under another.
    let way = ada.leave(&[("provider", "a"), ("purpose", "connect")]).await;
    ada.logout().await;
    let again = Person { username: grace.username.clone(), ..ada.clone() };
    assert_eq!(again.login(PASSWORD).await.status, 200);
    let answer = again.arrive("a", &[("state", &way.state), ("code", &stage.a.good(&way, "ada"))]).await;
    assert_eq!(leads(&answer), "/security?error=sign_in_lost");
    // An identity that belongs to another account, and a second identity for an account that has one.
    assert_eq!(stage.connect(&grace, ("a", &stage.a), "grace").await, "/security");
    assert_eq!(stage.connect(&again, ("a", &stage.a), "other").await, "/security?error=identity_taken");
    let fresh = stage.person("mary").registered().await;
    assert_eq!(stage.connect(&fresh, ("a", &stage.a), "grace").await, "/security?error=identity_taken");
    // The sign-in is too long ago.
    let way = fresh.leave(&[("provider", "a"), ("purpose", "connect")]).await;
    stage.app.clock.advance(Duration::from_secs(9 * 60));
    stage.app.clock.advance(Duration::from_secs(7 * 60));
    let answer = fresh.ask_to_leave(&[("provider", "a"), ("purpose", "connect")]).await;
    assert_eq!(answer.json::<Value>().await.expect("JSON")["kind"], "sign_in_again");
    let answer = fresh.arrive("a", &[("state", &way.state), ("code", &stage.a.good(&way, "mary"))]).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(stage.count("identity").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s15_to_connect_a_provider_gives_the_session_a_new_id() {
    let stage = Stage::set().await;
    let ada = stage.person("ada").registered().await;
    let way = ada.leave(&[("provider", "a"), ("purpose", "connect")]).await;
    let answer = ada.arrive("a", &[("state", &way.state), ("code", &stage.a.good(&way, "ada"))]).await;
    let given = cookies_set(&answer);
    assert_eq!(leads(&answer), "/security");
    assert!(given.iter().any(|line| line.starts_with("hardtack_sess=") && !line.contains("Max-Age=0")), "{given:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s75_the_last_way_to_sign_in_stays() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    let told = ada.post("/api/disconnect", json!({"provider": "a"})).await;
    assert_eq!((told.status, told.kind()), (409, "last_factor"));
    assert_eq!(ada.post("/api/disconnect", json!({"provider": "b"})).await.status, 404);
    assert_eq!(stage.connect(&ada, ("b", &stage.b), "ada").await, "/security");
    // Both at once, several times: one sign-in method must stay each time.
    for _ in 0..10 {
        let one = |id: &str| ada.post("/api/disconnect", json!({"provider": id}));
        let (a, b) = join(one("a"), one("b")).await;
        assert!(a.status != 200 || b.status != 200, "{a:?} {b:?}");
        for (id, issuer) in [("a", &stage.a), ("b", &stage.b)] {
            stage.connect(&ada, (id, issuer), "ada").await;
        }
    }
    assert_eq!(profile(&ada).await["providers"], json!(["a", "b"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_chooses_one_after_a_fresh_sign_in_and_gives_its_provider_up() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    stage.app.clock.advance(Duration::from_secs(16 * 60));
    let new = json!({"new": PASSWORD});
    let told = ada.post("/api/password", new.clone()).await;
    assert_eq!((told.status, told.kind()), (403, "sign_in_again"));
    assert_eq!(ada.post("/api/disconnect", json!({"provider": "a"})).await.kind(), "sign_in_again");
    let way = ada.leave(&[("provider", "a"), ("purpose", "confirm")]).await;
    for anew in [("prompt", "login"), ("max_age", "0")] {
        assert!(way.to.query_pairs().any(|(name, value)| (&*name, &*value) == anew), "{}", way.to);
    }
    let code = stage.a.good(&way, "ada");
    assert_eq!(leads(&ada.arrive("a", &[("state", &way.state), ("code", &code)]).await), "/devices");
    assert_eq!(ada.post("/api/password", new).await.status, 200);
    assert_eq!(ada.post("/api/disconnect", json!({"provider": "a"})).await.status, 200);
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_proves_anew_who_they_are_is_who_is_signed_in_and_nobody_else() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    stage.app.clock.advance(Duration::from_secs(16 * 60));
    for (subject, to) in [("grace", "/security?error=identity_taken"), ("ada", "/security")] {
        let way = ada.leave(&[("provider", "a"), ("purpose", "confirm"), ("next", "/security")]).await;
        let code = stage.a.good(&way, subject);
        assert_eq!(leads(&ada.arrive("a", &[("state", &way.state), ("code", &code)]).await), to);
        let ended = ada.post("/api/devices/end-others", json!({})).await.status;
        assert_eq!(ended, if subject == "ada" { 200 } else { 403 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_account_and_closed_registration_let_nobody_in() {
    let stage = Stage::set_with(&[("SIGN_IN_REGISTER", "closed")]).await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/login?error=registration_closed");
    assert_eq!((stage.count("account").await, stage.count("identity").await), (0, 0));
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    stage.app.execute("UPDATE account SET closed = 1").await;
    assert!(!ada.is_signed_in().await);
    assert_eq!(leads(&ada.elsewhere().sign_in_at(&stage.a, "ada").await), "/login?error=bad_credentials");
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_giving_a_provider_up_ends_the_sessions_of_whoever_came_in_by_it() {
    let stage = Stage::set().await;
    let ada = stage.person("ada").registered().await;
    assert_eq!(stage.connect(&ada, ("a", &stage.a), "mallory").await, "/security");
    let thief = ada.elsewhere();
    assert_eq!(leads(&thief.sign_in_at(&stage.a, "mallory").await), "/profile");
    assert_eq!(ada.post("/api/disconnect", json!({"provider": "a"})).await.status, 200);
    assert!(ada.is_signed_in().await && !thief.is_signed_in().await);
    assert_eq!(ada.get("/api/devices").await.body["devices"].as_array().map(Vec::len), Some(1));
    // The same identity at the provider now leads to another account.
    assert_eq!(leads(&thief.sign_in_at(&stage.a, "mallory").await), "/profile");
    assert_ne!(profile(&thief).await["username"], ada.username);
}

#[tokio::test(flavor = "multi_thread")]
async fn s38_a_provider_that_tells_of_an_earlier_sign_in_proves_nothing_anew() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    stage.app.clock.advance(Duration::from_secs(16 * 60));
    let way = ada.leave(&[("provider", "a"), ("purpose", "confirm")]).await;
    let mut claims = stage.a.claims(&way, "ada");
    claims.insert("auth_time".to_owned(), json!(seconds_now() - 7200));
    let code = stage.a.code(&way, claims, Arc::new(|keys, claims| Some(keys.token(&claims))));
    let answer = ada.arrive("a", &[("state", &way.state), ("code", &code)]).await;
    assert_eq!(leads(&answer), "/devices?error=provider_failed");
    assert_eq!(ada.post("/api/devices/end-others", json!({})).await.kind(), "sign_in_again");
}

#[tokio::test(flavor = "multi_thread")]
async fn s68_guessing_passwords_shuts_no_door_of_a_provider_and_the_other_way_round() {
    let stage = Stage::set_with(&[("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "3")]).await;
    for _ in 0..4 {
        stage.person("nobody").login("not that one").await;
    }
    assert_eq!(stage.person("nobody").login("not that one").await.status, 429);
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    for _ in 0..3 {
        let way = ada.leave(&[("provider", "a")]).await;
        ada.arrive("a", &[("state", &way.state), ("error", "access_denied")]).await;
    }
    let way = ada.leave(&[("provider", "a")]).await;
    assert_eq!(ada.arrive("a", &[("state", &way.state), ("error", "access_denied")]).await.status(), 429);
}
