//! The HTTP contract of the server functions: bodies, statuses and errors.

use super::support::app::{App, browser, cookies_set};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// Sends a request and returns the status and the JSON body of the response.
async fn told(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "application/json", "of {}", answer.url());
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

/// Sends a request that must fail and returns the status, the `kind` and the `message`, which are the only fields.
async fn refused(request: RequestBuilder) -> (u16, String, String) {
    let (status, body) = told(request).await;
    let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}"));
    assert_eq!(body.as_object().map(serde_json::Map::len), Some(2), "{body}");
    (status, text("kind").to_owned(), text("message").to_owned())
}

async fn value_of(app: &App) -> String {
    let (status, body) = told(app.get("/api/session")).await;
    assert_eq!(status, 200);
    body["id"].as_str().expect("an id").to_owned()
}

/// Returns a form post from a page of this server, as a browser without script sends it.
fn form(app: &App, path: &str, body: &str) -> RequestBuilder {
    let request = app.post(path).body(body.to_owned());
    request
        .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
}

fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_keeps_one_uuid_v4_and_tells_it_on_every_call() {
    let app = App::start().await;
    let id = value_of(&app).await;
    let version = uuid::Uuid::parse_str(&id).expect("a UUID").get_version_num();
    assert_eq!((version, id.len()), (4, 36));
    assert_eq!(value_of(&app).await, id);
    let (_, stranger) = told(browser().get(app.url("/api/session"))).await;
    assert_ne!(stranger["id"], json!(id));
    let body = app.get("/api/session").send().await.expect("an answer");
    let body = body.text().await.expect("a body");
    assert_eq!(body, format!("{{\"id\":\"{id}\"}}"), "the id is the only field");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_value_sent_back_is_a_success_in_json_and_urlencoded() {
    let app = App::start().await;
    let id = value_of(&app).await;
    let success = (200, json!({"message": "Success!"}));
    assert_eq!(told(app.post("/api/session").json(&json!({"session": id}))).await, success);
    assert_eq!(told(app.post("/api/session").form(&[("session", &id)])).await, success);
    let spelt = app.post("/api/session").header("content-type", "Application/JSON; charset=utf-8");
    assert_eq!(told(spelt.body(json!({"session": id}).to_string())).await, success);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_value_is_a_mismatch_also_when_the_session_keeps_none() {
    let app = App::start().await;
    let mismatch = (409, json!({"kind": "mismatch", "message": "The data in the session does not match!"}));
    let id = value_of(&app).await;
    for value in ["", "x", &id[..35], &format!("{id} "), &id.to_uppercase(), "00000000-0000-4000-8000-000000000000"] {
        assert_eq!(told(app.post("/api/session").json(&json!({"session": value}))).await, mismatch);
    }
    let stranger = browser().post(app.url("/api/session")).json(&json!({"session": ""}));
    let answer = stranger.send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (409, vec![]));
    assert_eq!(app.sessions().await, 1, "no session begins for the stranger");
}

#[tokio::test(flavor = "multi_thread")]
async fn visits_are_counted_and_greeted_with_any_body_or_none() {
    let app = App::start().await;
    let first = json!({"visits": 1, "message": "Welcome to this page for the first time!"});
    assert_eq!(told(app.post("/api/visits")).await, (200, first));
    let second = app.post("/api/visits").json(&json!({}));
    let counted = |n: u32| (200, json!({"visits": n, "message": format!("You visited this page {n} times")}));
    assert_eq!(told(second).await, counted(2));
    let form: [(&str, &str); 0] = [];
    assert_eq!(told(app.post("/api/visits").form(&form)).await, counted(3));
    let stranger = told(browser().post(app.url("/api/visits"))).await;
    assert_eq!(stranger.1["visits"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_overview_tells_both_ends_and_stores_nothing() {
    let app = App::start().await;
    let (status, before) = told(app.get("/api/overview")).await;
    let cookie = json!({"name": "hardtack_sess", "attributes": ["HttpOnly", "SameSite=Lax", "Path=/"]});
    assert_eq!((status, before), (200, json!({"cookie": cookie, "kept": null, "store": "sqlite"})));
    assert_eq!(app.sessions().await, 0);

    told(app.post("/api/visits")).await;
    app.clock.advance(std::time::Duration::from_secs(10));
    let (_, after) = told(app.get("/api/overview")).await;
    let kept = json!({"keys": ["visits"], "age": 10, "idle_left": 1790, "absolute_left": 43190});
    assert_eq!(after["kept"], kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_is_remembered_in_a_plain_cookie_and_no_session_begins() {
    let app = App::start().await;
    let answer = app.post("/api/theme").json(&json!({"theme": "dark"}));
    let answer = answer.send().await.expect("an answer");
    let set = cookies_set(&answer);
    let expected = "theme=dark; SameSite=Lax; Path=/; Max-Age=31536000; Expires=";
    assert!(matches!(&set[..], [cookie] if cookie.starts_with(expected)), "{set:?}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    assert_eq!(answer.text().await.expect("a body"), "\"dark\"");
    let (status, kind, _) = refused(app.post("/api/theme").form(&[("theme", "mauve")])).await;
    assert_eq!((status, kind.as_str()), (400, "invalid"));
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_is_404_in_json() {
    let app = App::start().await;
    for path in ["/api/nothing", "/api/session/", "/api/session/x", "/api/Session", "/api//session"] {
        for method in [Method::GET, Method::POST, Method::DELETE] {
            let (status, kind, message) = refused(app.browser.request(method.clone(), app.url(path))).await;
            assert_eq!((status, kind.as_str()), (404, "not_found"), "{method} {path}");
            assert_eq!(message, "There is nothing at this address.");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_is_405_in_json_and_names_the_right_ones() {
    let app = App::start().await;
    for (method, path, allowed) in [
        (Method::PUT, "/api/session", "GET,HEAD,POST"),
        (Method::DELETE, "/api/session", "GET,HEAD,POST"),
        (Method::OPTIONS, "/api/session", "GET,HEAD,POST"),
        (Method::GET, "/api/visits", "POST"),
        (Method::PATCH, "/api/visits", "POST"),
        (Method::GET, "/api/theme", "POST"),
        (Method::POST, "/api/overview", "GET,HEAD"),
    ] {
        let request = app.browser.request(method.clone(), app.url(path));
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 405, "{method} {path}");
        // Source: RFC 9110, 15.5.6.
        assert_eq!(answer.headers()["allow"], allowed, "{method} {path}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body["kind"], "method_not_allowed");
    }
    let head = app.browser.head(app.url("/api/visits"));
    assert_eq!(head.send().await.expect("an answer").status(), 405);
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s42_text_and_missing_types_are_415() {
    let app = App::start().await;
    let body = json!({"session": value_of(&app).await}).to_string();
    for content_type in [
        None,
        Some("text/plain"),
        Some("text/plain; application/json"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonx"),
        Some("application/octet-stream"),
        Some(""),
    ] {
        let request = app.post("/api/session").body(body.clone());
        let request = match content_type {
            Some(content_type) => request.header("content-type", content_type),
            None => request,
        };
        let (status, kind, _) = refused(request).await;
        assert_eq!((status, kind.as_str()), (415, "unsupported_media_type"), "{content_type:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_400_and_says_why() {
    let app = App::start().await;
    for (body, why) in [
        ("{\"session\": ", "EOF"),
        ("{\"session\": 1}", "expected a string"),
        ("{}", "session"),
        ("{\"sesion\": \"x\"}", "session"),
        ("{\"session\": \"x\"} trailing", "trailing"),
    ] {
        let request = app.post("/api/session").header("content-type", "application/json");
        let (status, kind, message) = refused(request.body(body)).await;
        assert_eq!((status, kind.as_str()), (400, "invalid"), "{body}");
        assert!(message.contains(why), "{body}: {message}");
    }
    let (status, kind, message) = refused(app.post("/api/session").form(&[("sesion", "x")])).await;
    assert_eq!((status, kind.as_str()), (400, "invalid"));
    assert!(message.contains("session"), "{message}");
    let (status, ..) = refused(app.post("/api/session")).await;
    assert_eq!(status, 400, "an empty body lacks `session`");
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s43_g7_head_and_prefetches_are_answered_and_store_nothing() {
    let app = App::start().await;
    let head = app.browser.head(app.url("/api/session"));
    let answer = head.send().await.expect("an answer");
    assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (200, vec![]));
    for purpose in ["prefetch", "prefetch;prerender"] {
        let answer = app.get("/api/session").header("sec-purpose", purpose).send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (200, vec![]));
    }
    assert_eq!(app.sessions().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s39_s41_s92_what_another_site_asks_is_refused_and_begins_no_session() {
    let app = App::start().await;
    for site in ["cross-site", "same-site", "", "Same-Origin"] {
        for request in [
            app.get("/api/session"),
            app.get("/api/overview"),
            app.browser.head(app.url("/api/session")),
            app.post("/api/visits"),
            app.post("/api/session").form(&[("session", "x")]),
            app.post("/api/theme").form(&[("theme", "dark")]),
        ] {
            let request = request.header("sec-fetch-site", site).build().expect("a request");
            let head = request.method() == Method::HEAD;
            let answer = app.browser.execute(request).await.expect("an answer");
            assert_eq!((answer.status().as_u16(), cookies_set(&answer)), (403, vec![]), "{site}");
            if !head {
                let body: Value = answer.json().await.expect("JSON");
                assert_eq!(body["kind"], "cross_origin");
            }
        }
    }
    for origin in ["null", "https://localhost:3000", "http://localhost:3001", "http://evil.example"] {
        let request = app.post("/api/visits").header("origin", origin);
        assert_eq!(refused(request).await.0, 403, "{origin}");
    }
    let twice = app.post("/api/visits").header("sec-fetch-site", "same-origin").header("sec-fetch-site", "cross-site");
    assert_eq!(refused(twice).await.0, 403, "browsers send the header once");
    let own = app.post("/api/visits").header("origin", "http://localhost:3000");
    assert_eq!(told(own).await.0, 200);
    assert_eq!(app.sessions().await, 1, "only the request from the server's own origin begins a session");
}

#[tokio::test(flavor = "multi_thread")]
async fn s55_a_form_comes_back_to_its_page_with_a_fixed_word_and_no_data() {
    let app = App::start().await;
    let id = value_of(&app).await;
    for (path, body, back) in [
        ("/api/session", format!("session={id}"), "/?done=session"),
        ("/api/session", "session=canary".to_owned(), "/?error=mismatch"),
        ("/api/session", "canary=canary".to_owned(), "/?error=invalid"),
        ("/api/visits", String::new(), "/?done=visits"),
        ("/api/theme", "theme=dark".to_owned(), "/?done=theme"),
        ("/api/theme", "theme=canary".to_owned(), "/?error=invalid"),
    ] {
        let answer = form(&app, path, &body).header("referer", "http://localhost:3000/?error=mismatch#x");
        let answer = answer.send().await.expect("an answer");
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, back), "{path} {body}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.headers().get("serverfnerror").is_none());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s59_a_form_that_is_not_utf8_is_refused_so_that_no_two_passwords_count_as_one() {
    let app = App::start().await;
    let post = |path: &str, body: &[u8]| {
        app.post(path).header("content-type", "application/x-www-form-urlencoded").body(body.to_vec())
    };
    let bodies: [(&str, &[u8], &str); 5] = [
        ("/api/register", b"name=a&username=ada%40example.com&password=correct+horse+b%E9tt%E8ry+9", "/register"),
        ("/api/login", b"username=ada%40example.com&password=a\xffb", "/login"),
        ("/api/login", b"username=ada%40example.com%C3&password=%A9", "/login"),
        ("/api/theme", b"theme=dark&more=%FF", "/"),
        ("/api/session", b"session=%ED%A0%80", "/"),
    ];
    for (path, body, page) in bodies {
        let (status, kind, message) = refused(post(path, body)).await;
        assert_eq!((status, kind.as_str()), (400, "invalid"), "{path}");
        assert!(message.contains("is not UTF-8"), "{message}");
        let back = post(path, body).header("accept", "text/html").send().await.expect("an answer");
        assert_eq!(
            (back.status().as_u16(), location(&back)),
            (303, format!("{page}?error=invalid").as_str()),
            "{path}"
        );
        assert!(!cookies_set(&back).iter().any(|cookie| cookie.starts_with("hardtack_sess=")), "{path}");
    }
    // A field in UTF-8 is taken unchanged, even with a percent sign that escapes nothing.
    let sentence = "100% sûr, also %zz 9k";
    let form = b"name=a&username=ada%40example.com&password=100%25+s%C3%BBr%2C+also+%zz+9k";
    assert_eq!(told(post("/api/register", form)).await.0, 200);
    let same =
        browser().post(app.url("/api/login")).json(&json!({"username": "ada@example.com", "password": sentence}));
    assert_eq!(told(same).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn s54_a_form_never_goes_back_to_another_site() {
    let app = App::start().await;
    for referer in [
        "//evil",
        "https://evil/…//x",
        "https://evil//evil.example",
        "https://evil/\\evil.example",
        "https://evil/.//evil.example",
        "https://evil/x/..//evil.example",
        "https://evil/%2e//evil.example",
        "/\\evil",
        "evil",
        "data:text/html,evil",
        "javascript:alert(1)",
        "file:////evil",
    ] {
        let text = form(&app, "/api/visits", "");
        // Bytes that are no valid header value cannot be sent by the client library.
        let referer = reqwest::header::HeaderValue::from_bytes(referer.as_bytes());
        let Ok(referer) = referer else { continue };
        let answer = text.header("referer", referer.clone()).send().await;
        let answer = answer.expect("an answer");
        let back = location(&answer);
        assert_eq!(answer.status(), 303);
        assert!(
            back.starts_with('/') && !back.starts_with("//") && !back.contains('\\') && back.is_ascii(),
            "{referer:?} leads to {back}"
        );
        let base = url::Url::parse(&app.url("/")).expect("a URL");
        let target = base.join(back).expect("a URL");
        assert_eq!(target.origin(), base.origin(), "{referer:?} leads to {target}");
    }
    let bare = form(&app, "/api/visits", "").send().await.expect("an answer");
    assert_eq!(location(&bare), "/?done=visits");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_ours_is_500_in_json_for_programs_and_a_page_for_forms() {
    let app = App::start().await;
    told(app.post("/api/visits")).await;
    app.execute(r#"UPDATE session SET data = '{"visits":"\"canary\""}'"#).await;
    let (status, kind, message) = refused(app.post("/api/visits")).await;
    assert_eq!((status, kind.as_str()), (500, "internal"));
    assert!(!message.contains("canary"), "the cause belongs in the log only: {message}");
    let page = form(&app, "/api/visits", "").send().await.expect("an answer");
    assert_eq!(page.status(), 500);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let page = page.text().await.expect("a page");
    assert!(page.contains("<h1>Something went wrong.</h1>") && !page.contains("canary"), "{page}");
}
