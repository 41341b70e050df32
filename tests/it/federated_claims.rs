//! Optional claims of an odd type or value, which must not prevent a sign-in.

use crate::support::app::App;
use crate::support::issuer::{Issuer, leads, profile};
use crate::support::people::Person;
use crate::support::process::Place;
use crate::support::profiles::Profile;
use serde_json::{Value, json};

/// Returns claims that no standard provides for and that some provider sends.
fn oddities() -> Vec<Value> {
    vec![
        json!({"updated_at": "2025-12-23T10:59:07.841Z"}),
        json!({"updated_at": "1766487547"}),
        json!({"updated_at": "yesterday"}),
        json!({"auth_time": "1766487547"}),
        json!({"auth_time": "2025-12-23T10:59:07Z"}),
        json!({"auth_time": true}),
        json!({"amr": "pwd"}),
        json!({"amr": {"pwd": 1}}),
        json!({"acr": 1}),
        json!({"name": 4711}),
        json!({"name": null, "given_name": ["Ada"]}),
        json!({"email_verified": "true"}),
        json!({"email_verified": "True"}),
        json!({"phone_number": 49, "phone_number_verified": "no", "address": "Main Street 1"}),
        json!({"locale": {"language": "de"}, "zoneinfo": 2, "birthdate": 1815, "gender": 0}),
        json!({"picture": "not an address", "profile": 1, "website": false}),
        json!({"exp": 9_999_999_999.5, "nbf": "1", "sid": 7, "jti": [], "c_hash": 1, "groups": "admin"}),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_optional_claim_of_an_odd_type_costs_no_sign_in_in_either_place() {
    for in_user_info in [false, true] {
        let mut people = Vec::new();
        for (number, odd) in oddities().into_iter().enumerate() {
            // A provider that puts all claims into userinfo has only the subject in the token.
            let thin = json!({"name": null, "email": null, "email_verified": null});
            let profile = Profile {
                token: if in_user_info { thin } else { json!({}) },
                user_info: in_user_info.then(|| {
                    let mut told = json!({"name": "Ada", "email_verified": true});
                    told.as_object_mut().expect("claims").extend(odd.as_object().expect("claims").clone());
                    told
                }),
                ..Profile::plain()
            };
            people.push((format!("p{number}"), odd, Issuer::start_as(profile).await));
        }
        let providers: Vec<_> = people.iter().map(|(id, _, issuer)| issuer.setting(id)).collect();
        let providers = format!("[{}]", providers.join(", "));
        let settings = [("SIGN_IN_PROVIDERS", providers.as_str()), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")];
        let app = App::start_with(&settings).await;
        for (id, odd, issuer) in &people {
            let ada = Person::at(&app.url(""), "ada@example.com");
            let way = ada.leave(&[("provider", id)]).await;
            let token = if in_user_info { json!({}) } else { odd.clone() };
            let code = issuer.code_with(&way, id, &token);
            assert_eq!(leads(&ada.arrive_from(issuer, id, &way, &code).await), "/profile", "{odd}");
            let told = profile(&ada).await;
            assert_eq!(told["username"], format!("{id}@example.com"), "{odd}");
            let name = match odd.get("name") {
                None => "Ada",
                Some(Value::Number(_)) => "4711",
                Some(_) => told["username"].as_str().expect("a name"),
            };
            assert_eq!(told["name"], name, "{odd}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s77_what_costs_a_sign_in_is_in_the_log_claim_by_claim_and_with_its_cure() {
    let issuer = Issuer::start().await;
    let place = Place::new();
    let own = [("CARGO_PKG_NAME", "hardtack")];
    let providers = format!("[{}]", issuer.setting("a").replace("env:CARGO_PKG_NAME", "./a.secret"));
    std::fs::write(place.path().join("a.secret"), own[0].1).expect("a secret");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(place.path().join("a.secret"), mode).expect("a private file");
    let server = place.serve(&[("SIGN_IN_PROVIDERS", &providers)]).await;
    let ada = Person::at(&server.url(""), "ada@example.com");
    let cases = [
        (json!({"aud": ["hardtack", "4711"], "exp": "1", "nonce": null}), "provider_failed"),
        (json!({"sub": 7}), "provider_failed"),
        (json!({"email_verified": false}), "email_unverified"),
        (json!({"email": ["canary@example.com"], "auth_time": "canary"}), "email_unverified"),
    ];
    for (claims, error) in cases {
        let way = ada.leave(&[("provider", "a")]).await;
        let code = issuer.code_with(&way, "ada", &claims);
        let answer = ada.arrive_from(&issuer, "a", &way, &code).await;
        assert_eq!(leads(&answer), format!("/login?error={error}"), "{claims}");
    }
    let log = server.stop().await.join("\n");
    for told in [
        "`aud` also names `4711`",
        "add it to `audiences` of the provider",
        "`exp` is a string, not a number of seconds",
        "`nonce` is missing",
        "`sub` is a number, not a string",
        "`email_verified` is false",
        "set `trust_email = true` for the provider",
        "email, auth_time",
    ] {
        assert!(log.contains(told), "{told}: {log}");
    }
    assert!(!log.contains("canary"), "{log}");
}
