//! Header fields from clients and proxies, which are parsed as bytes by the fields' grammar. An unreadable part is
//! ignored, and the rest of the field counts.

use super::support::app::{App, browser};
use super::support::process::Place;
use reqwest::header::HeaderValue;
use std::fs;
use std::path::Path;

fn bytes(value: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(value).expect("a value")
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_the_client_is_found_in_every_spelling_of_a_trusted_proxy() {
    let place = Place::new();
    let server = place.serve(&[("SITE_TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8")]).await;
    let table: [(&str, &[&[u8]], &str); 14] = [
        ("x-forwarded-for", &[b"198.51.100.1"], "198.51.100.1"),
        ("x-forwarded-for", &[b"198.51.100.2:4711"], "198.51.100.2"),
        ("x-forwarded-for", &[b"[2001:db8::7]"], "2001:db8::7"),
        ("x-forwarded-for", &[b"\"[2001:db8::8]:443\""], "2001:db8::8"),
        ("x-forwarded-for", &[b"2001:db8::9%eth0"], "2001:db8::9"),
        ("x-forwarded-for", &[b"\xff\xfe, \"", b"198.51.100.3 ,\t10.0.0.2"], "198.51.100.3"),
        ("forwarded", &[b"for=198.51.100.4"], "198.51.100.4"),
        ("forwarded", &[b"proto=https; For=\"[2001:db8::a]:443\" ;by=_proxy"], "2001:db8::a"),
        ("forwarded", &[b"for=\"evil, for=198.51.100.5", b"for=10.0.0.2"], "198.51.100.5"),
        ("forwarded", &[b"for=unknown"], "127.0.0.1"),
        ("forwarded", &[b"for=198.51.100.6, for=_hidden"], "127.0.0.1"),
        ("x-forwarded-for", &[b"unix:"], "127.0.0.1"),
        ("x-real-ip", &[b"198.51.100.7"], "127.0.0.1"),
        ("x-client-ip", &[b"198.51.100.8"], "127.0.0.1"),
    ];
    for (number, (name, lines, _)) in table.iter().enumerate() {
        let mut request = browser().get(server.url(&format!("/nothing-{number}.")));
        for line in *lines {
            request = request.header(*name, bytes(line));
        }
        request.send().await.expect("an answer");
    }
    let log = server.stop().await;
    for (number, (name, lines, client)) in table.iter().enumerate() {
        let line = log.iter().find(|line| line.contains(&format!("/nothing-{number}."))).expect("a line");
        assert!(line.contains(&format!("client={client} ")), "{name} {lines:?}: {line}");
    }
    let told: Vec<_> = log.iter().filter(|line| line.contains("WARN") && line.contains("by an address")).collect();
    assert!(told.len() == 1 || told.len() == 2, "one warning a minute: {told:#?}");
    assert!(told[0].contains("proxy=127.0.0.1") && told[0].contains("for=unknown"), "{told:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_forwarded_fields_of_nobody_that_is_trusted_change_nothing_and_are_not_told_of() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    for (name, value) in [("x-forwarded-for", "198.51.100.1"), ("forwarded", "for=unknown"), ("forwarded", "\"")] {
        browser().get(server.url("/nothing")).header(name, value).send().await.expect("an answer");
    }
    let log = server.stop().await;
    let asked: Vec<_> = log.iter().filter(|line| line.contains("/nothing")).collect();
    assert!(asked.len() == 3 && asked.iter().all(|line| line.contains("client=127.0.0.1 ")), "{asked:#?}");
    assert!(!log.iter().any(|line| line.contains("by an address")), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_a_page_or_json_follows_from_accept_in_every_spelling() {
    let app = App::start().await;
    for (lines, page) in [
        (&[b"text/html" as &[u8]][..], true),
        (&[b"Text/HTML;q=0.9 , */*"], true),
        (&[b"*/*", b"text/html"], true),
        (&[b"\xff\xfe, text/html;q=0.1"], true),
        (&[b"text/html;charset=\xff"], true),
        (&[b"application/json"], false),
        (&[b"APPLICATION/JSON"], false),
        (&[b"\xff,application/json"], false),
        (&[b"application/json;q=0, text/html"], true),
        (&[b"text/html;q=0, application/json"], false),
    ] {
        // One address with a page and one with JSON as the default response.
        for path in ["/nothing", "/api/nothing"] {
            let request = lines.iter().fold(app.get(path), |request, line| request.header("accept", bytes(line)));
            let answer = request.send().await.expect("an answer");
            let is_page = answer.headers()["content-type"].as_bytes().starts_with(b"text/html");
            assert_eq!((answer.status().as_u16(), is_page), (404, page), "{path} {lines:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_a_body_is_taken_by_its_type_whatever_its_parameters_are() {
    let app = App::start().await;
    for (lines, taken) in [
        (&[b"application/json" as &[u8]][..], true),
        (&[b"Application/JSON ; charset=\"utf-8\""], true),
        (&[b"application/json;charset=\xff"], true),
        (&[b"application/x-www-form-urlencoded; charset=ISO-8859-1"], true),
        (&[b"application/json", b"application/json"], true),
        (&[b"application/json", b"text/plain"], false),
        (&[b"text/plain", b"application/json"], false),
        (&[b"text/plain; x=application/json"], false),
        (&[b"application/jsonp"], false),
        (&[b"\xffapplication/json"], false),
        (&[b""], false),
        (&[], false),
    ] {
        let request = app.post("/api/theme").body("{\"theme\":\"dark\"}");
        let request =
            if lines.iter().any(|line| line.ends_with(b"8859-1")) { request.body("theme=dark") } else { request };
        let request = lines.iter().fold(request, |request, line| request.header("content-type", bytes(line)));
        let status = request.send().await.expect("an answer").status().as_u16();
        assert_eq!(status, if taken { 200 } else { 415 }, "{lines:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_bytes_that_are_no_text_hide_neither_a_referer_nor_a_cookie() {
    let app = App::start().await;
    let form = |referer: &[u8]| {
        let request = app.post("/api/theme").form(&[("theme", "dark")]).header("accept", "text/html");
        request.header("referer", bytes(referer))
    };
    // Only the `Referer` shows that the request comes from a page of this server, as with older browsers.
    let answer = form(b"http://localhost:3000/login?x=\xe4").send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &HeaderValue::from_static("/login?done=theme"))
    );
    for stranger in [b"http://localhost:3000.evil.example/" as &[u8], b"http://\xff/", b"\xff", b""] {
        assert_eq!(form(stranger).send().await.expect("an answer").status(), 403, "{stranger:?}");
    }
    let page = browser().get(app.url("/nothing")).header("accept", "text/html");
    let page =
        page.header("cookie", bytes(b"a=\xff; theme=dark; \xfe")).header("user-agent", bytes(b"\xff Firefox/140.0"));
    let page = page.send().await.expect("a page").text().await.expect("text");
    assert!(page.contains("data-theme=\"dark\""), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s56_fields_of_which_nothing_follows_may_hold_anything() {
    let app = App::start().await;
    let odd: [&[u8]; 4] = [b"", b"\xff\xfe", b"\"", b"a, ;=,\x09b"];
    for name in
        ["last-event-id", "sec-purpose", "sec-ch-ua", "accept-language", "accept-charset", "via", "x-forwarded-proto"]
    {
        for value in odd {
            let answer = app.get("/api/events").header(name, bytes(value)).send().await.expect("an answer");
            assert_eq!(answer.status(), 204, "{name}: {value:?}");
            let page = app.get("/").header(name, bytes(value)).send().await.expect("a page");
            assert_eq!(page.status(), 200, "{name}: {value:?}");
        }
    }
    // A field that states the origin of a request counts only when its value is exact.
    for (name, value) in [("sec-fetch-site", b"same-origin;\xff" as &[u8]), ("origin", b"http://localhost:3000\xff")] {
        let post = app.post("/api/visits").header(name, bytes(value)).send().await.expect("an answer");
        assert_eq!(post.status(), 403, "{name}: {value:?}");
    }
}

/// `to_str` fails on a value that is not ASCII, so one such byte would hide the whole field.
#[test]
fn s56_no_field_of_a_request_is_read_as_ascii() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/server")];
    folders.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/hardtack-session/src/policy"));
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            // A test may read a header as text, because a header of the code that is not ASCII should fail it.
            if path.ends_with("tests.rs") {
                continue;
            }
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(!code.contains(".to_str()"), "{}: use `server::fields` instead of `to_str`", path.display());
            read += 1;
        }
    }
    assert!(read > 40, "too few files are found: {read}");
}
