//! Sign-in with an OpenID provider: which sign-ins count as a recent authentication.

use crate::support::app::App;
use crate::support::issuer::{Issuer, Stage, leads};
use crate::support::people::Person;
use crate::support::profiles::{Profile, When};
use serde_json::json;

/// Returns whether a person may use a function that requires a recent sign-in.
async fn is_fresh(person: &Person) -> bool {
    let told = person.post("/api/devices/end-others", json!({})).await;
    assert!(told.status == 200 || told.kind() == "sign_in_again", "{told:?}");
    told.status == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn s38_an_ordinary_sign_in_that_says_nothing_of_when_is_no_fresh_proof() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(leads(&ada.sign_in_at(&stage.a, "ada").await), "/profile");
    assert!(is_fresh(&ada).await, "the provider reports a sign-in of just now");
    stage.wait_until_not_fresh();
    assert!(!is_fresh(&ada).await);
    // The provider does not ask a person who is signed in there, so that only a valid `auth_time` proves a recent
    // sign-in.
    for said in [json!({"auth_time": null}), json!({"auth_time": "yesterday"}), json!({"auth_time": 5_000_000_000_i64})]
    {
        let way = ada.leave(&[("provider", "a")]).await;
        assert!(way.asked("max_age").is_some_and(|age| age.parse().is_ok_and(|age: u32| age > 0)), "{}", way.to);
        let code = stage.a.code_with(&way, "ada", &said);
        assert_eq!(leads(&ada.arrive_from(&stage.a, "a", &way, &code).await), "/profile");
        assert!(!is_fresh(&ada).await, "{said}");
        let connect = ada.ask_to_leave(&[("provider", "b"), ("purpose", "connect")]).await;
        assert_eq!(connect.status(), 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s38_a_new_account_of_a_provider_that_says_nothing_of_when_is_not_fresh_either() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    let way = ada.leave(&[("provider", "a")]).await;
    let code = stage.a.code_with(&way, "ada", &json!({"auth_time": null}));
    assert_eq!(leads(&ada.arrive_from(&stage.a, "a", &way, &code).await), "/profile");
    assert!(!is_fresh(&ada).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn s38_a_provider_that_never_says_when_confirms_only_where_the_settings_believe_it() {
    for (setting, believed) in [("", false), (", auth_time = false", true)] {
        let issuer = Issuer::start_as(Profile { says_when: When::Never, ..Profile::plain() }).await;
        let providers = format!("[{}]", issuer.setting("a").replace(" }", &format!("{setting} }}")));
        let app = App::start_with(&[("SIGN_IN_PROVIDERS", &providers)]).await;
        let ada = Person::at(&app.url(""), "ada@example.com");
        assert_eq!(leads(&ada.sign_in_at(&issuer, "ada").await), "/profile");
        assert!(!is_fresh(&ada).await, "an ordinary sign-in there is never a recent proof");
        let answer = ada.goes_by(&issuer, &[("provider", "a"), ("purpose", "confirm")], "ada").await;
        assert_eq!(leads(&answer), if believed { "/devices" } else { "/devices?error=provider_failed" });
        assert_eq!(is_fresh(&ada).await, believed);
        // An `auth_time` of such a provider counts nevertheless.
        let way = ada.leave(&[("provider", "a"), ("purpose", "confirm")]).await;
        let code = issuer.code_with(&way, "ada", &json!({"auth_time": 1_000_000_000}));
        assert_eq!(leads(&ada.arrive_from(&issuer, "a", &way, &code).await), "/devices?error=provider_failed");
    }
}
