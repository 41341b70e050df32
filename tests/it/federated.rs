//! Sign-in with an OpenID provider: the redirect to the provider and the callback.

use crate::support::app::{App, browser, cookies_set};
use crate::support::issuer::{ACCESS_TOKEN, Issuer, Stage, Way, callback, leads, profile};
use crate::support::people::{PASSWORD, Person};
use crate::support::process::Place;
use hardtack::app::access::PAGES;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_in_at_a_provider_has_an_account_here_and_the_session_goes_on_under_a_new_id() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    assert_eq!(ada.post("/api/visits", json!({})).await.body["visits"], 1);
    let way = ada.leave(&[("provider", "a")]).await;
    assert_eq!(way.to.path(), "/authorize");
    let asked: Vec<_> = way.to.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    let callback = "redirect_uri=http://localhost:3000/sign-in/a/callback";
    for said in ["response_type=code", "client_id=hardtack", callback, "scope=openid email profile"] {
        assert!(asked.iter().any(|asked| asked == said), "{said}: {asked:?}");
    }
    let answer = ada.arrive("a", &[("state", &way.state), ("code", &stage.a.good(&way, "ada"))]).await;
    let cookies = cookies_set(&answer);
    assert!(cookies.iter().any(|cookie| cookie.starts_with("hardtack_sess=") && cookie.contains("HttpOnly")));
    assert!(cookies.iter().any(|cookie| cookie.starts_with("hardtack_sess_sign_in_0=;")), "{cookies:?}");
    assert_eq!(leads(&answer), "/profile");
    let expected = json!({"name": "Ada", "username": "ada@example.com", "password": false, "providers": ["a"]});
    assert_eq!(profile(&ada).await, expected);
    assert_eq!(ada.post("/api/visits", json!({})).await.body["visits"], 2);
    // The same subject in another browser makes no second account.
    let other = ada.elsewhere();
    assert_eq!(leads(&other.sign_in_at(&stage.a, "ada").await), "/profile");
    assert_eq!((stage.count("account").await, stage.count("identity").await), (1, 1));
    assert_eq!(ada.get("/api/devices").await.body["devices"].as_array().map(Vec::len), Some(2));
    // Another subject makes another account.
    assert_eq!(leads(&stage.person("grace").sign_in_at(&stage.a, "grace").await), "/profile");
    assert_eq!(stage.count("account").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_s36_a_sign_in_that_is_not_finished_is_no_session_and_no_account() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    let answer = ada.ask_to_leave(&[("provider", "a"), ("keep", "true")]).await;
    let cookies = cookies_set(&answer);
    let [cookie] = cookies.as_slice() else { panic!("{cookies:?}") };
    assert!(cookie.starts_with("hardtack_sess_sign_in_0="), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let way = ada.leave(&[("provider", "a")]).await;
    let refused = ada.arrive("a", &[("state", &way.state), ("error", "access_denied")]).await;
    assert_eq!(leads(&refused), "/login?error=cancelled");
    let counts = (stage.app.sessions().await, stage.count("account").await, stage.count("identity").await);
    assert_eq!(counts, (0, 0, 0));
    assert_eq!(stage.a.asked(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s36_the_cookie_of_a_sign_in_that_is_not_finished_opens_nothing() {
    let stage = Stage::set().await;
    let cookies = cookies_set(&stage.person("ada").ask_to_leave(&[("provider", "a")]).await);
    let pending = cookies[0].split(';').next().expect("a pair");
    let functions = server_fn::axum::server_fn_paths().map(|(path, method)| (path, method, "application/json"));
    let pages = PAGES.iter().map(|(page, _)| (*page, Method::GET, "text/html"));
    let mut refused = 0;
    for (path, method, accept) in functions.chain(pages) {
        let ask = |cookie: &str| {
            let request = browser().request(method.clone(), stage.app.url(path)).header("accept", accept);
            let request = request.header("sec-fetch-site", "same-origin").header("cookie", cookie);
            request.header("content-type", "application/json").body("{}").send()
        };
        let (with, without) = (ask(pending).await.expect("an answer"), ask("").await.expect("an answer"));
        assert_eq!(with.status(), without.status(), "{method} {path}");
        assert_eq!(with.headers().get("location"), without.headers().get("location"), "{method} {path}");
        refused += usize::from(with.status() == 401 || with.status() == 303);
    }
    assert!(refused >= 6, "too few functions require an account: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s76_what_belongs_to_one_browser_is_refused_in_another() {
    let stage = Stage::set().await;
    let (ada, mallory) = (stage.person("ada"), stage.person("mallory"));
    let (hers, his) = (ada.leave(&[("provider", "a")]).await, mallory.leave(&[("provider", "a")]).await);
    let (code, other) = (stage.a.good(&hers, "ada"), stage.a.good(&his, "mallory"));
    // A stolen code is worthless without the verifier (PKCE), which never leaves this server's requests.
    assert_eq!(hers.asked("code_challenge_method").as_deref(), Some("S256"));
    assert!(hers.asked("code_challenge").is_some_and(|challenge| Some(challenge) != his.asked("code_challenge")));
    // Three attempts: his state and code in her browser, which would sign her in as him; her state in his browser; her
    // state in a browser without a transaction.
    for (person, query) in [
        (&ada, vec![("state", his.state.as_str()), ("code", other.as_str())]),
        (&mallory, vec![("state", &hers.state), ("code", &code)]),
        (&stage.person("nobody"), vec![("state", &hers.state), ("code", &code)]),
        (&ada, vec![("code", &code)]),
        (&ada, vec![("state", ""), ("code", &code)]),
        (&ada, vec![("state", "9"), ("code", &code)]),
    ] {
        let answer = person.arrive("a", &query).await;
        assert_eq!(answer.status(), 400, "{query:?}");
        assert!(answer.text().await.expect("a page").contains("started in another browser"), "{query:?}");
    }
    // Her state with his code, which was issued for another transaction.
    let answer = ada.arrive("a", &[("state", &hers.state), ("code", &other)]).await;
    assert_eq!(leads(&answer), "/login?error=provider_failed");
    // The callback of another provider, or a response with another issuer.
    let way = ada.leave(&[("provider", "a")]).await;
    let code = stage.a.good(&way, "ada");
    assert_eq!(ada.arrive("b", &[("state", &way.state), ("code", &code)]).await.status(), 400);
    let issuer = stage.b.url();
    let mixed = ada.arrive("a", &[("state", &way.state), ("code", &code), ("iss", &issuer)]).await;
    assert_eq!(mixed.status(), 400);
    assert_eq!(stage.count("account").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s76_a_sign_in_is_finished_once_and_in_time() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    // A client that still sends the transaction's cookie after its removal.
    let bare = |cookie: &str, query: &[(&str, &str)]| {
        let request = browser().get(callback(&stage.app.url(""), "a", query));
        request.header("cookie", cookie.to_owned()).header("accept", "text/html").send()
    };
    let (way, cookie) = ada.leave_remembered(&[("provider", "a")]).await;
    let first = bare(&cookie, &[("state", &way.state), ("code", &stage.a.good(&way, "ada"))]).await.expect("an answer");
    assert_eq!(leads(&first), "/profile");
    let again = bare(&cookie, &[("state", &way.state), ("code", &stage.a.good(&way, "ada"))]).await.expect("an answer");
    assert_eq!(again.status(), 400);
    let late = ada.leave(&[("provider", "a")]).await;
    stage.app.clock.advance(Duration::from_secs(11 * 60));
    let answer = ada.arrive("a", &[("state", &late.state), ("code", &stage.a.good(&late, "ada"))]).await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn s79_several_tabs_have_their_sign_ins_under_way_at_once() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    let first = ada.leave(&[("provider", "a"), ("next", "/security")]).await;
    let second = ada.leave(&[("provider", "b"), ("next", "/devices")]).await;
    let given_up = ada.leave(&[("provider", "a")]).await;
    let answer = ada.arrive("b", &[("state", &second.state), ("code", &stage.b.good(&second, "ada"))]).await;
    assert_eq!(leads(&answer), "/devices");
    let answer = ada.arrive("a", &[("state", &first.state), ("code", &stage.a.good(&first, "grace"))]).await;
    assert_eq!(leads(&answer), "/security");
    assert_eq!(profile(&ada).await["username"], "grace@example.com", "the later sign-in counts");
    // A browser has room for a few transactions, so the oldest is dropped.
    let mut latest = Vec::new();
    for _ in 0..4 {
        stage.app.clock.advance(Duration::from_millis(1));
        latest.push(ada.leave(&[("provider", "a")]).await);
    }
    let answer = ada.arrive("a", &[("state", &given_up.state), ("code", &stage.a.good(&given_up, "ada"))]).await;
    assert_eq!(answer.status(), 400);
    for way in latest {
        let answer = ada.arrive("a", &[("state", &way.state), ("code", &stage.a.good(&way, "grace"))]).await;
        assert_eq!(leads(&answer), "/profile");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_keeps_nobody_else_from_signing_in_and_is_not_asked_by_everybody() {
    let (away, asked) = hangs_up().await;
    let nowhere = format!(
        "[{{ id = \"a\", name = \"A\", issuer = \"{away}\", client_id = \"us\", client_secret = \"env:CARGO_PKG_NAME\" }}]"
    );
    let app = App::start_with(&[("SIGN_IN_PROVIDERS", &nowhere)]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    let answer = ada.elsewhere().ask_to_leave(&[("provider", "a")]).await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.json::<Value>().await.expect("JSON")["kind"], "provider_failed");
    let form = app.post("/sign-in").form(&[("provider", "a")]).header("accept", "text/html");
    assert_eq!(leads(&form.send().await.expect("an answer")), "/login?error=provider_failed");
    assert_eq!(ada.elsewhere().login(PASSWORD).await.status, 200);
    let unknown = ada.ask_to_leave(&[("provider", "unknown")]).await;
    assert_eq!(unknown.status(), 404);
    assert_eq!(asked.load(Ordering::SeqCst), 1, "two sign-ins within ten seconds share one request to the provider");
}

/// Starts a listener that closes each connection and counts them.
async fn hangs_up() -> (String, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_front_end_of_this_site_gets_its_visitors_back_and_another_origin_gets_nothing() {
    let front_end = "http://localhost:5173";
    let stage = Stage::set_with(&[("SITE_FRONT_ENDS", front_end)]).await;
    let begin = |origin: &'static str| {
        let request = stage.app.post("/sign-in").form(&[("provider", "a"), ("next", "/security")]);
        request.header("origin", origin).header("accept", "application/json").send()
    };
    let refused = begin("http://evil.example").await.expect("an answer");
    assert_eq!(refused.status(), 403);
    let way = Way::of(begin(front_end).await.expect("an answer")).await;
    let person = Person { browser: stage.app.browser.clone(), ..stage.person("ada") };
    let answer = person.arrive("a", &[("state", &way.state), ("code", &stage.a.good(&way, "ada"))]).await;
    assert_eq!(leads(&answer), "http://localhost:5173/security/");
}

#[tokio::test(flavor = "multi_thread")]
async fn s79_where_the_session_is_strict_our_own_page_leads_back_once_more() {
    let stage = Stage::set_with(&[("SESSION_SAME_SITE", "strict")]).await;
    let ada = stage.person("ada");
    let answer = ada.ask_to_leave(&[("provider", "a")]).await;
    assert!(cookies_set(&answer)[0].contains("SameSite=Lax"));
    let way = Way::of(answer).await;
    let code = stage.a.good(&way, "ada");
    let page = ada.arrive("a", &[("state", &way.state), ("code", &code)]).await;
    assert_eq!(
        (page.status().as_u16(), &page.headers()["cache-control"]),
        (200, &"no-store, no-transform".parse().expect("a value"))
    );
    let page = page.text().await.expect("a page");
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("&amp;here"), "{page}");
    assert_eq!(stage.a.asked(), 0);
    let url = callback(&ada.server, "a", &[("state", &way.state), ("code", &code)]);
    let answer = ada.browser.get(format!("{url}&here")).send().await.expect("an answer");
    assert_eq!(leads(&answer), "/profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn s80_no_token_code_or_secret_is_shown_or_logged() {
    let issuer = Issuer::start().await;
    let place = Place::new();
    std::fs::write(place.path().join("a.secret"), "canary-client-secret\n").expect("a secret");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(place.path().join("a.secret"), mode).expect("a private file");
    let providers = issuer.setting("a").replace("env:CARGO_PKG_NAME", "./a.secret");
    let providers = format!("[{providers}]");
    let server = place.serve(&[("SIGN_IN_PROVIDERS", &providers), ("LOG_LEVEL", "trace")]).await;
    let ada = Person::at(&server.url(""), "ada@example.com");
    let mut said = String::new();
    // One sign-in that succeeds, and one whose token is rejected.
    for signed_in in [true, false] {
        let person = if signed_in { ada.clone() } else { ada.elsewhere() };
        let way = person.leave(&[("provider", "a")]).await;
        let code = issuer.good(&way, "ada");
        let answer = person.arrive("a", &[("state", &way.state), ("code", &code)]).await;
        said.extend(answer.headers().iter().map(|(name, value)| format!("{name}: {value:?}\n")));
        said += &answer.text().await.expect("text");
        assert_eq!(person.is_signed_in().await, signed_in);
        issuer.turn_keys();
    }
    said += &ada.profile().await.body.to_string();
    said += &ada.get("/api/devices").await.body.to_string();
    let log = server.stop().await.join("\n");
    for canary in ["canary-client-secret", ACCESS_TOKEN, "canary-code", "eyJ"] {
        assert!(!said.contains(canary), "{canary} is shown");
        assert!(!log.contains(canary), "{canary} is logged");
    }
    assert!(log.contains("a sign-in with a provider failed"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s37_what_only_looks_at_the_way_back_does_not_use_it_up() {
    let stage = Stage::set().await;
    let ada = stage.person("ada");
    let way = ada.leave(&[("provider", "a")]).await;
    let code = stage.a.good(&way, "ada");
    let query = [("state", way.state.as_str()), ("code", code.as_str())];
    let back = callback(&ada.server, "a", &query);
    let head = ada.browser.head(back.clone()).send().await.expect("an answer");
    let early = ada.browser.get(back).header("sec-purpose", "prefetch").send().await.expect("an answer");
    assert_eq!((head.status().as_u16(), early.status().as_u16()), (503, 503));
    assert_eq!(leads(&ada.arrive("a", &query).await), "/profile");
}

#[tokio::test(flavor = "multi_thread")]
async fn g8_signing_out_here_waits_for_no_provider() {
    // Accepts connections and sends no response.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let provider = format!(
        "[{{ id = \"a\", name = \"A\", issuer = \"{url}\", client_id = \"us\", client_secret = \"env:CARGO_PKG_NAME\" }}]"
    );
    let app = App::start_with(&[("SIGN_IN_PROVIDERS", &provider)]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    // The start has requested the provider's metadata already, and later requests wait for the same response.
    let started = silent.accept().await.expect("the request of the start");
    let leaving = ada.browser.post(app.url("/sign-in/a/end")).send();
    let gone = async { while ada.is_signed_in().await {} };
    tokio::select! {
        () = gone => {}
        answer = leaving => assert!(answer.is_ok() && !ada.is_signed_in().await, "the session has ended"),
    }
    drop(started);
}
