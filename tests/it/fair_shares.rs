//! Limits for each client: no client can use up the shares of others.

use crate::support::app::{App, browser, cookies_set};
use crate::support::issuer::Stage;
use crate::support::people::{PASSWORD, Person};
use crate::support::stream::Stream;
use futures::future::join_all;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

const BEHIND_A_PROXY: (&str, &str) = ("SITE_TRUSTED_PROXIES", "127.0.0.1");

#[tokio::test(flavor = "multi_thread")]
async fn g7_a_network_begins_so_many_sessions_and_then_its_pages_are_served_without_one() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_NEW_SESSIONS", "5")]).await;
    let from = |address: &'static str, request: reqwest::RequestBuilder| {
        let request = request.header("x-forwarded-for", address);
        async move { request.send().await.expect("an answer") }
    };
    let session = |address| from(address, browser().get(app.url("/api/session")));
    let one = browser();
    assert_eq!(from("198.51.100.1", one.get(app.url("/api/session"))).await.status(), 200);
    for _ in 0..4 {
        assert_eq!(session("198.51.100.1").await.status(), 200);
    }
    for path in ["/api/session", "/api/visits"] {
        let request =
            if path.ends_with("visits") { browser().post(app.url(path)) } else { browser().get(app.url(path)) };
        let refused = from("198.51.100.1", request).await;
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"120".parse().expect("one")));
        assert_eq!(cookies_set(&refused), [] as [String; 0]);
        let body: serde_json::Value = refused.json().await.expect("JSON");
        assert_eq!((&body["kind"], &body["retry_after"]), (&"too_many_attempts".into(), &120.into()), "{body}");
        let message = "Too many sessions were started from your network in a short time. Try again in 2 minutes.";
        assert_eq!(body["message"], message);
    }
    let page = from("198.51.100.1", browser().get(app.url("/")).header("accept", "text/html")).await;
    assert_eq!((page.status().as_u16(), cookies_set(&page).len()), (200, 0));
    let page = page.text().await.expect("a page");
    assert!(page.contains("<h1"), "the page is complete");
    assert!(page.contains("{&quot;value&quot;:null,"), "the page shows no value without a session: {page}");
    let used = from("198.51.100.1", one.post(app.url("/api/visits"))).await;
    assert_eq!(used.status(), 200, "an existing session is not limited");
    assert_eq!(app.sessions().await, 5);

    assert_eq!(session("198.51.100.2").await.status(), 200, "another network has its own share");
    let ada = Person::at(&app.url(""), "ada@example.com");
    let body = json!({"name": "Ada", "username": ada.username, "password": PASSWORD});
    let entered = from("198.51.100.1", ada.request("/api/register", &body)).await;
    assert_eq!(entered.status(), 200, "sign-ins have their own limits");
    app.clock.advance(Duration::from_secs(120));
    assert_eq!(session("198.51.100.1").await.status(), 200);
    assert_eq!(session("198.51.100.1").await.status(), 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_an_ipv6_site_has_ten_shares_of_sessions_however_many_networks_it_has() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_NEW_SESSIONS", "2")]).await;
    let mut begun = 0;
    for n in 0..40 {
        let request = browser().get(app.url("/api/session")).header("x-forwarded-for", format!("2001:db8:1:{n:x}::1"));
        begun += u32::from(request.send().await.expect("an answer").status() == 200);
    }
    assert_eq!(begun, 20);
}

/// Sends sign-ins in 64 loops until `neighbour` is done. Returns how many were checked (200 or 401) and how many were
/// refused as busy (503).
async fn while_flooded(
    flood: impl Fn(usize) -> reqwest::RequestBuilder + Clone + Send + 'static,
    neighbour: impl Future<Output = ()>,
) -> (usize, usize) {
    let over = Arc::new(AtomicBool::new(false));
    let loops = (0..64).map(|n| {
        let (over, flood) = (Arc::clone(&over), flood.clone());
        tokio::spawn(async move {
            let (mut checked, mut busy) = (0, 0);
            while !over.load(Ordering::Relaxed) {
                match flood(n).send().await.expect("an answer").status().as_u16() {
                    200 | 401 => checked += 1,
                    503 => busy += 1,
                    other => panic!("{other}"),
                }
            }
            (checked, busy)
        })
    });
    let loops: Vec<_> = loops.collect();
    neighbour.await;
    over.store(true, Ordering::Relaxed);
    let counts = join_all(loops).await.into_iter().map(|counts| counts.expect("no panic"));
    counts.fold((0, 0), |(checked, busy), (more, turned_away)| (checked + more, busy + turned_away))
}

/// Signs an account in this many times, from a network that is not flooded.
async fn sign_in_from_another_network(person: &Person, times: u32) {
    for n in 0..times {
        let body = json!({"username": person.username, "password": PASSWORD});
        let request = person.elsewhere().request("/api/login", &body).header("x-forwarded-for", "198.51.100.1");
        assert_eq!(request.send().await.expect("an answer").status(), 200, "sign-in {n} from another network");
    }
}

const GENEROUS: [(&str, &str); 4] = [
    ("LIMITS_SIGN_IN_ATTEMPTS", "100000"),
    ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "100000"),
    ("LIMITS_SIGN_IN_SUCCESSES", "100000"),
    ("LIMITS_SIGN_IN_NETWORK_SUCCESSES", "100000"),
];

#[tokio::test(flavor = "multi_thread")]
async fn s63_who_knows_a_password_cannot_take_the_queue_from_the_neighbours() {
    let app = App::start_with(&GENEROUS).await;
    let mallory = Person::at(&app.url(""), "mallory@example.com").registered().await;
    let bob = Person::at(&app.url(""), "bob@example.com").registered().await;
    let body = json!({"username": mallory.username, "password": PASSWORD});
    let elsewhere = mallory.elsewhere();
    // Without cookies, so that each sign-in begins a new session.
    let flood = move |_| elsewhere.request("/api/login", &body).header("cookie", "");
    let (checked, busy) = while_flooded(flood, async {
        for n in 0..4 {
            assert_eq!(bob.elsewhere().login(PASSWORD).await.status, 200, "sign-in {n} of a neighbour");
        }
    })
    .await;
    assert!(checked > 0 && busy > 0, "{checked} were checked, {busy} were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn s63_a_network_cannot_take_the_queue_from_other_networks() {
    let app = App::start_with(&[GENEROUS.as_slice(), &[BEHIND_A_PROXY]].concat()).await;
    let bob = Person::at(&app.url(""), "bob@example.com").registered().await;
    let mallory = bob.elsewhere();
    let flood = move |n: usize| {
        let body = json!({"username": format!("nobody{n}@example.com"), "password": "a guess"});
        // From one IPv6 site, each request from another network.
        mallory.request("/api/login", &body).header("x-forwarded-for", format!("2001:db8:1:{n:x}::1"))
    };
    let (checked, busy) = while_flooded(flood, sign_in_from_another_network(&bob, 4)).await;
    assert!(checked > 0 && busy > 0, "{checked} were checked, {busy} were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn s63_a_network_cannot_keep_others_from_signing_in_by_passwords_that_are_costly_to_judge() {
    let impatient = [BEHIND_A_PROXY, ("LIMITS_REGISTER_NETWORK_ATTEMPTS", "100000"), ("LIMITS_REQUEST_TIMEOUT", "10s")];
    let app = App::start_with(&impatient).await;
    let bob = Person::at(&app.url(""), "bob@example.com").registered().await;
    let (mallory, number) = (bob.elsewhere(), Arc::new(AtomicUsize::new(0)));
    // Each character can stand for a letter, so that the check looks up a thousand readings in its lists of words.
    let password = "4@8({[<36&9#!1|0$5+7%2".chars().rev().cycle().take(100).collect::<String>();
    let flood = move |_| {
        let name = format!("nobody{}@example.com", number.fetch_add(1, Ordering::Relaxed));
        let body = json!({"name": "Nobody", "username": name, "password": password});
        mallory.request("/api/register", &body).header("cookie", "").header("x-forwarded-for", "203.0.113.5")
    };
    let (made, busy) = while_flooded(flood, sign_in_from_another_network(&bob, 3)).await;
    assert!(made > 0 && busy > 0, "{made} accounts were made, {busy} requests were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn s63_a_password_waits_for_its_turn_no_longer_than_the_setting_says() {
    let app = App::start_with(&[GENEROUS.as_slice(), &[("LIMITS_PASSWORD_WAIT", "1ms")]].concat()).await;
    // Half of the queue's capacity.
    let many = std::thread::available_parallelism().map_or(1, usize::from) * 8;
    let guesses = (0..many).map(|n| {
        let person = Person::at(&app.url(""), &format!("nobody{n}@example.com"));
        async move { person.login("a guess").await }
    });
    let told = join_all(guesses).await;
    let busy = told.iter().filter(|told| told.status == 503 && told.kind() == "busy").count();
    let checked = told.iter().filter(|told| told.status == 401).count();
    assert!(checked > 0 && busy > 0 && checked + busy == many, "{checked} were checked, {busy} were refused of {many}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_32_streams_and_a_network_leaves_places_to_others() {
    let app = App::start_with(&[BEHIND_A_PROXY, ("LIMITS_STREAMS", "40")]).await;
    let ada = Person::at(&app.url(""), "ada@example.com").registered().await;
    let (mut browsers, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let browser = ada.elsewhere();
        assert_eq!(browser.login(PASSWORD).await.status, 200);
        for _ in 0..8 {
            streams.push(Stream::of(&browser).await);
        }
        browsers.push(browser);
    }
    for stream in &mut streams[..8] {
        assert_eq!(stream.next().await, None, "the account's oldest stream was closed");
    }
    // The eight streams that are left are for other accounts of the same network.
    let bob = Person::at(&app.url(""), "bob@example.com").registered().await;
    let mut bobs = Vec::new();
    for _ in 0..8 {
        bobs.push(Stream::of(&bob).await);
    }
    let carol = Person::at(&app.url(""), "carol@example.com").registered().await;
    let carols = carol.browser.get(app.url("/api/events")).header("x-forwarded-for", "198.51.100.9");
    let _carols = Stream::open(carols).await;
    assert_eq!(streams[8].next().await, None, "the oldest stream of the largest network was closed");
    // A visitor without a session takes no place.
    let nobody = browser().get(app.url("/api/events")).header("x-forwarded-for", "198.51.100.7");
    assert_eq!(nobody.send().await.expect("an answer").status(), 204);
    browsers[1].logout().await;
    bob.logout().await;
    assert_eq!(streams[9].name().await, "ended", "the first event of ada");
    assert_eq!(bobs[0].name().await, "ended", "the first event of bob");
}

#[tokio::test(flavor = "multi_thread")]
async fn g7_setting_out_for_a_provider_and_the_examination_of_a_browser_store_nothing() {
    let stage = Stage::set_with(&[("DOCTOR_ENABLED", "true")]).await;
    for _ in 0..10 {
        stage.person("nobody").leave(&[("provider", "a")]).await;
        for (method, path) in [("POST", "/api/doctor/set?test=abc"), ("GET", "/api/doctor/echo?test=abc&nonce=1")] {
            let method = method.parse().expect("a method");
            let answer = browser().request(method, stage.app.url(path)).send().await.expect("an answer");
            assert!(answer.status().is_success(), "{path} {}", answer.status());
        }
    }
    assert_eq!((stage.count("attempt").await, stage.app.sessions().await), (0, 0));
}
