//! Twelve named providers, each with its settings from `docs/PROVIDERS.md`, which must work as the page says.

use crate::support::app::App;
use crate::support::issuer::{Issuer, leads, profile};
use crate::support::people::Person;
use crate::support::process::Place;
use crate::support::profiles::{Profile, profiles};
use serde_json::{Value, json};
use std::collections::HashMap;

const PAGE: &str = include_str!("../../docs/PROVIDERS.md");

/// Returns the cells of a provider's row in the table.
fn row(name: &str) -> Vec<&'static str> {
    let row = PAGE.lines().find(|line| line.starts_with(&format!("| {name} |")));
    let row = row.unwrap_or_else(|| panic!("docs/PROVIDERS.md has no row of {name}"));
    row.trim_matches('|').split('|').map(str::trim).collect()
}

/// Returns the line of the page that sets up a provider, by the name that visitors see.
fn line(name: &str) -> Option<&'static str> {
    let named = format!("name = \"{name}\"");
    let lines = PAGE.lines().map(|line| line.trim().trim_end_matches(','));
    let mut lines = lines.filter(|line| line.starts_with("{ id = ") && line.contains(&named));
    let line = lines.next()?;
    assert!(lines.all(|other| other == line), "{name} has two lines");
    Some(line)
}

/// Returns the value of a key in such a line.
fn value(line: &str, key: &str) -> Option<String> {
    let (_, rest) = line.split_once(&format!("{key} = "))?;
    Some(rest.trim_start_matches('"').split('"').next().unwrap_or_default().to_owned())
}

/// Returns the line of the page, changed to point to a stub of the provider.
fn played(line: &str, issuer: &Issuer) -> String {
    let (own, secret) = (value(line, "issuer").expect("an issuer"), value(line, "client_secret").expect("a secret"));
    let client = value(line, "client_id").expect("a client");
    line.replace(&format!("issuer = \"{own}\""), &format!("issuer = \"{}\"", issuer.url()))
        .replace(&format!("client_id = \"{client}\""), "client_id = \"hardtack\"")
        .replace(&secret, "env:CARGO_PKG_NAME")
}

/// Returns the line without one of its keys.
fn without(line: &str, key: &str) -> String {
    let (before, rest) = line.split_once(&format!(", {key} = ")).expect("the key");
    let list = rest.starts_with('[');
    let end = if list { rest.find(']').map(|at| at + 1) } else { rest.find([',', ' ']) };
    format!("{before}{}", &rest[end.expect("an end")..])
}

/// Starts a site with these providers.
async fn site(lines: &[String]) -> App {
    let providers = format!("[{}]", lines.join(", "));
    App::start_with(&[("SIGN_IN_PROVIDERS", &providers), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")]).await
}

/// Signs in, confirms, uses a function that requires a recent sign-in, and signs out at both sides. Returns the first
/// failure.
async fn round(app: &App, id: &str, issuer: &Issuer) -> Result<(), String> {
    let wanted = |what: &str, met: bool| if met { Ok(()) } else { Err(what.to_owned()) };
    let ada = Person::at(&app.url(""), "ada@example.com");
    let way = ada.leave(&[("provider", id)]).await;
    if let Some(refusal) = (issuer.profile().refuses)(&way) {
        return Err(refusal.to_owned());
    }
    let code = issuer.good(&way, id);
    let to = leads(&ada.arrive_from(issuer, id, &way, &code).await);
    wanted(&to, to == "/profile")?;
    assert_eq!(profile(&ada).await["username"], format!("{id}@example.com"));
    let to = leads(&ada.goes_by(issuer, &[("provider", id), ("purpose", "confirm"), ("next", "/security")], id).await);
    wanted(&to, to == "/security")?;
    wanted("not fresh", ada.post("/api/devices/end-others", json!({})).await.status == 200)?;
    let end = ada.browser.post(format!("{}/sign-in/{id}/end", ada.server)).header("accept", "application/json");
    let end = end.send().await.expect("an answer");
    assert!(!ada.is_signed_in().await);
    if end.status() == 303 {
        return wanted("no sign-out at the provider", issuer.profile().sign_out.is_empty() && leads(&end) == "/");
    }
    let told: Value = end.json().await.expect("JSON");
    let to: url::Url = told["location"].as_str().expect("an address").parse().expect("an address");
    let given: HashMap<_, _> = to.query_pairs().into_owned().collect();
    let needed = issuer.profile().sign_out;
    wanted("a dead end", !needed.is_empty() && needed.iter().all(|name| given.contains_key(*name)))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_provider_of_the_page_works_with_its_settings_there_or_is_said_not_to() {
    let (mut works, mut lines) = (Vec::new(), Vec::new());
    for profile in profiles() {
        let (name, row) = (profile.name, row(profile.name));
        let Some(line) = line(name) else {
            assert!(row[1].starts_with("cannot") && row[2].len() > 20, "{name}: {row:?}");
            continue;
        };
        let told = QUIRKS.into_iter().filter(|key| row[1].contains(&format!("`{key}`")));
        let set = QUIRKS.into_iter().filter(|key| value(line, key).is_some());
        assert!(row[1].starts_with("works") && told.eq(set), "{name}: {row:?} {line}");
        let issuer = Issuer::start_as(profile).await;
        lines.push(played(line, &issuer));
        works.push((value(line, "id").expect("an id"), issuer));
    }
    assert_eq!(works.len(), 10);
    let app = site(&lines).await;
    for (id, issuer) in &works {
        issuer.follow(&app.clock);
        assert_eq!(round(&app, id, issuer).await, Ok(()), "{id}");
    }
}

/// The optional keys of a line.
const QUIRKS: [&str; 8] =
    ["scopes", "audiences", "trust_email", "auth_time", "nonce", "pkce", "response_mode", "sign_out"];

#[tokio::test(flavor = "multi_thread")]
async fn no_setting_of_the_page_is_there_for_nothing() {
    for profile in profiles() {
        let Some(line) = line(profile.name) else { continue };
        for key in QUIRKS.into_iter().filter(|key| value(line, key).is_some()) {
            let issuer = Issuer::start_as(profile.clone()).await;
            let app = site(&[without(&played(line, &issuer), key)]).await;
            issuer.follow(&app.clock);
            let id = value(line, "id").expect("an id");
            assert!(round(&app, &id, &issuer).await.is_err(), "{} works without {key}", profile.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_speaks_no_openid_connect_or_binds_no_code_cannot_be_used_and_it_is_said_why() {
    let of = |name: &str| profiles().into_iter().find(|profile| profile.name == name).expect("a profile");
    // GitHub publishes no metadata.
    let github = Issuer::start_as(of("GitHub")).await;
    let app = site(&[github.setting("github")]).await;
    let answer = Person::at(&app.url(""), "ada@example.com").ask_to_leave(&[("provider", "github")]).await;
    assert_eq!(answer.status(), 502);
    // LinkedIn rejects PKCE and does not return the nonce. One setting alone does not help, and the start refuses both
    // together.
    let linked_in = Issuer::start_as(of("LinkedIn")).await;
    let with = |more: &str| linked_in.setting("linkedin").replace(" }", &format!(", {more} }}"));
    for more in ["nonce = false", "pkce = false"] {
        let app = site(&[with(more)]).await;
        assert!(round(&app, "linkedin", &linked_in).await.is_err(), "{more}");
    }
    let providers = format!("[{}]", with("nonce = false, pkce = false"));
    let settings = [("SIGN_IN_PROVIDERS", providers.as_str()), ("SITE_LISTEN", "127.0.0.1:0")];
    let said = Place::new().refusal(2, &["serve"], &settings);
    assert!(
        said.contains("neither `nonce` nor `pkce` of `linkedin`") && said.contains("leave this provider out"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s76_a_provider_that_names_itself_is_refused_without_its_name() {
    let issuer = Issuer::start_as(Profile { names_itself: true, ..Profile::plain() }).await;
    let app = site(&[issuer.setting("a")]).await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let (own, other) = (issuer.url(), issuer.url() + "/");
    let way = ada.leave(&[("provider", "a")]).await;
    let code = issuer.good(&way, "ada");
    let told = [("state", way.state.as_str()), ("code", code.as_str())];
    for iss in [None, Some(""), Some(other.as_str())] {
        let query: Vec<_> = told.into_iter().chain(iss.map(|iss| ("iss", iss))).collect();
        assert_eq!(ada.arrive("a", &query).await.status(), 400, "{iss:?}");
    }
    let refusal = [("state", way.state.as_str()), ("error", "access_denied")];
    assert_eq!(ada.arrive("a", &refusal).await.status(), 400);
    let query: Vec<_> = told.into_iter().chain([("iss", own.as_str())]).collect();
    assert_eq!(leads(&ada.arrive("a", &query).await), "/profile", "the transaction is still usable");
}

#[tokio::test(flavor = "multi_thread")]
async fn s44_a_form_of_another_sites_page_reaches_the_way_back_of_a_provider_that_posts_and_nothing_else() {
    let posting = Issuer::start_as(Profile { posts: true, ..Profile::plain() }).await;
    let plain = Issuer::start_as(Profile::plain()).await;
    let line = posting.setting("posts").replace(" }", ", response_mode = \"form_post\" }");
    let app = site(&[line, plain.setting("plain")]).await;
    let ada = Person::at(&app.url(""), "ada@example.com");
    let post = |path: &str, body: &str| {
        let request = app.browser.post(app.url(path)).header("origin", "https://appleid.apple.com");
        let request = request.header("sec-fetch-site", "cross-site").header("accept", "text/html");
        request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned()).send()
    };
    let way = ada.leave(&[("provider", "posts")]).await;
    assert_eq!(way.asked("response_mode").as_deref(), Some("form_post"));
    let code = posting.good(&way, "ada");
    let body = format!("state={}&code={code}&id_token=hidden&user=hidden", way.state);
    let answer = post("/sign-in/posts/callback", &body).await.expect("an answer");
    let to = leads(&answer);
    assert!(to.starts_with("/sign-in/posts/callback?state=") && !to.contains("hidden"), "{to}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert!(!answer.headers().contains_key("set-cookie"));
    // In another browser the target is as useless as the callback's own URL.
    let there = ada.elsewhere().browser.get(format!("{}{to}", ada.server)).send().await.expect("an answer");
    assert_eq!(there.status(), 400);
    let here = ada.browser.get(format!("{}{to}", ada.server)).header("accept", "text/html");
    assert_eq!(leads(&here.send().await.expect("an answer")), "/profile");
    // Other providers and other addresses refuse the cross-site post.
    for (path, status) in [
        ("/sign-in/plain/callback", 405),
        ("/sign-in/nobody/callback", 405),
        ("/sign-in", 403),
        ("/sign-in/posts/end", 403),
    ] {
        assert_eq!(post(path, "provider=posts").await.expect("an answer").status(), status, "{path}");
    }
    let large = format!("state={}", "x".repeat(70_000));
    assert_eq!(post("/sign-in/posts/callback", &large).await.expect("an answer").status(), 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn s80_an_id_token_is_kept_for_the_sign_out_where_the_settings_say_so_and_goes_to_nobody_else() {
    let issuer = Issuer::start_as(Profile { sign_out: &["id_token_hint"], ..Profile::plain() }).await;
    let other = Issuer::start_as(Profile { sign_out: &["id_token_hint"], ..Profile::plain() }).await;
    let line = |issuer: &Issuer, id: &str| issuer.setting(id).replace(" }", ", sign_out = \"id_token_hint\" }");
    let app = site(&[line(&issuer, "a"), line(&other, "b")]).await;
    issuer.follow(&app.clock);
    other.follow(&app.clock);
    let ada = Person::at(&app.url(""), "ada@example.com");
    assert_eq!(leads(&ada.sign_in_at(&issuer, "ada").await), "/profile");
    for path in ["/api/profile", "/api/session", "/api/devices", "/api/overview"] {
        let told = ada.get(path).await;
        assert!(!told.body.to_string().contains("eyJ"), "{told:?}");
    }
    let end = |person: &Person| {
        let request = person.browser.post(format!("{}/sign-in/a/end", person.server));
        request.header("accept", "application/json").send()
    };
    let told: Value = end(&ada).await.expect("an answer").json().await.expect("JSON");
    assert!(told["location"].as_str().is_some_and(|to| to.contains("id_token_hint=eyJ")), "{told}");
    // A session that this provider did not sign in has no ID token, without which the provider's page would not return.
    let grace = Person::at(&app.url(""), "grace@example.com").registered().await;
    assert_eq!(leads(&end(&grace).await.expect("an answer")), "/");
    assert!(!grace.is_signed_in().await);
    // Nor does another provider's ID token go there.
    let mary = Person::at(&app.url(""), "mary@example.com");
    let way = mary.leave(&[("provider", "b")]).await;
    let answer = mary.arrive("b", &[("state", &way.state), ("code", &other.good(&way, "mary"))]).await;
    assert_eq!(leads(&answer), "/profile");
    assert_eq!(leads(&end(&mary).await.expect("an answer")), "/");
    assert!(!mary.is_signed_in().await);
}
