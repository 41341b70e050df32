//! Tests of the decisions on requests of other origins, and of the headers of their responses.

use super::*;

const FRONT_END: &str = "https://app.example.net";

fn origins(front_ends: &[&str]) -> Origins {
    let origin = |text: &str| text.parse::<Origin>().expect("an origin");
    Origins::new(origin("https://own.example.com"), front_ends.iter().map(|text| origin(text)))
}

fn guard() -> Guard {
    Guard::new(origins(&[FRONT_END]))
}

/// Decides on a request with these headers, each `name: value`.
fn judged(guard: &Guard, method: &Method, path: &str, fields: &[&str]) -> Verdict {
    let mut headers = HeaderMap::new();
    for field in fields {
        let (name, value) = field.split_once(": ").expect("a header");
        let name = name.parse::<axum::http::HeaderName>().expect("a name");
        headers.append(name, value.parse().expect("a value"));
    }
    guard.0.judge(method, &path.parse().expect("a path"), &headers)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.to_str().expect("text").to_owned())
}

#[test]
fn s45_a_request_that_changes_something_proves_that_it_comes_from_here() {
    let listed = format!("origin: {FRONT_END}");
    let admitted = || Verdict::Pass(Some(FRONT_END.parse().expect("a value")));
    for (fields, verdict) in [
        (vec!["sec-fetch-site: same-origin"], Verdict::Pass(None)),
        (vec!["sec-fetch-site: none"], Verdict::Pass(None)),
        (vec!["sec-fetch-site: same-site"], Verdict::Refuse),
        (vec!["sec-fetch-site: cross-site"], Verdict::Refuse),
        // `Sec-Fetch-Site` counts alone, because scripts cannot write it.
        (vec!["sec-fetch-site: cross-site", "origin: https://own.example.com"], Verdict::Refuse),
        (vec!["origin: https://own.example.com"], Verdict::Pass(None)),
        (vec!["origin: http://own.example.com"], Verdict::Refuse),
        (vec!["origin: null"], Verdict::Refuse),
        (vec!["origin: https://evil.example"], Verdict::Refuse),
        (vec!["origin: https://evil.example", "referer: https://own.example.com/"], Verdict::Refuse),
        (vec!["referer: https://own.example.com/page?x=1"], Verdict::Pass(None)),
        (vec!["referer: https://own.example.com.evil.example/"], Verdict::Refuse),
        (vec!["referer: nonsense"], Verdict::Refuse),
        (vec![], Verdict::Pass(None)),
        (vec![listed.as_str()], admitted()),
        (vec![listed.as_str(), "sec-fetch-site: cross-site"], admitted()),
        (vec![listed.as_str(), listed.as_str()], Verdict::Refuse),
        (vec!["sec-fetch-site: none", "sec-fetch-site: none"], Verdict::Refuse),
        (vec!["referer: https://own.example.com/", "referer: https://own.example.com/"], Verdict::Refuse),
    ] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(judged(&guard(), &method, "/", &fields), verdict, "{method} {fields:?}");
        }
    }
    assert_eq!(judged(&guard().strict(true), &Method::POST, "/", &[]), Verdict::Refuse);
    assert_eq!(judged(&guard().strict(true), &Method::POST, "/", &["sec-fetch-site: none"]), Verdict::Pass(None));
}

#[test]
fn s43_a_request_that_reads_proves_it_where_reading_changes_something() {
    let reads = guard().reads(|uri, _| uri.path().starts_with("/api"));
    let strange = &["sec-fetch-site: cross-site"][..];
    for method in [Method::GET, Method::HEAD] {
        assert_eq!(judged(&reads, &method, "/", strange), Verdict::Pass(None), "{method}");
        assert_eq!(judged(&reads, &method, "/api/session", strange), Verdict::Refuse, "{method}");
        assert_eq!(judged(&reads, &method, "/api/session", &["sec-fetch-site: none"]), Verdict::Pass(None), "{method}");
    }
}

#[test]
fn s44_a_form_of_any_origin_may_post_where_that_is_allowed_and_in_no_other_way() {
    let posts = guard().posts(|uri| uri.path() == "/callback").reads(|_, _| true);
    let strange = &["sec-fetch-site: cross-site"][..];
    assert_eq!(judged(&posts, &Method::POST, "/callback", strange), Verdict::Pass(None));
    assert_eq!(judged(&posts, &Method::POST, "/other", strange), Verdict::Refuse);
    assert_eq!(judged(&posts, &Method::PUT, "/callback", strange), Verdict::Refuse);
    assert_eq!(judged(&posts, &Method::GET, "/callback", strange), Verdict::Refuse);
}

#[test]
fn s49_a_preflight_is_an_options_request_with_an_origin_and_a_method() {
    let (listed, asks) = (format!("origin: {FRONT_END}"), "access-control-request-method: PUT");
    let of = |method: &Method, fields: &[&str]| judged(&guard(), method, "/", fields);
    let admitted = |verdict: Verdict| matches!(verdict, Verdict::Preflight(origin) if origin == FRONT_END);
    assert!(admitted(of(&Method::OPTIONS, &[&listed, asks])));
    assert_eq!(of(&Method::OPTIONS, &["origin: https://evil.example", asks]), Verdict::Refuse);
    assert_eq!(of(&Method::OPTIONS, &["origin: null", asks]), Verdict::Refuse);
    assert!(matches!(of(&Method::OPTIONS, &[&listed]), Verdict::Pass(Some(_))));
    assert_eq!(of(&Method::OPTIONS, &[asks]), Verdict::Pass(None));
    assert!(matches!(of(&Method::PUT, &[&listed, asks]), Verdict::Pass(Some(_))));
    assert_eq!(of(&Method::OPTIONS, &[&listed, asks, asks]), Verdict::Refuse);
}

#[test]
fn s50_s52_responses_carry_the_headers_that_let_a_front_end_read_them() {
    let guard = guard()
        .methods(["GET", "POST"])
        .and_then(|guard| guard.headers(["content-type", "x-a"]))
        .and_then(|guard| guard.exposed(["retry-after", "x-b"]))
        .expect("names")
        .max_age(Duration::from_secs(60));
    let answer = guard.0.preflight(FRONT_END.parse().expect("a value"));
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    for (name, value) in [
        ("access-control-allow-origin", FRONT_END),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET,POST"),
        ("access-control-allow-headers", "content-type,x-a"),
        ("access-control-max-age", "60"),
        ("vary", "origin"),
    ] {
        assert_eq!(text(answer.headers(), name).as_deref(), Some(value), "{name}");
    }
    let mut headers = HeaderMap::new();
    guard.0.admit(&mut headers, FRONT_END.parse().expect("a value"));
    assert_eq!(text(&headers, "access-control-allow-origin").as_deref(), Some(FRONT_END));
    assert_eq!(text(&headers, "access-control-expose-headers").as_deref(), Some("retry-after,x-b"));
    let silent = guard.exposed([] as [&str; 0]).expect("no names");
    let mut headers = HeaderMap::new();
    silent.0.admit(&mut headers, FRONT_END.parse().expect("a value"));
    assert_eq!(text(&headers, "access-control-expose-headers"), None);

    let request = Request::post("/").header("origin", "https://evil.example").body(()).expect("a request");
    let refused = silent.0.refuse(&request);
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    assert_eq!(refused.extensions().get::<Refused>(), Some(&Refused));
    assert_eq!(text(refused.headers(), "vary").as_deref(), Some("origin"));
    assert_eq!(text(refused.headers(), "access-control-allow-origin"), None);

    // Without front ends no response depends on the origin.
    let alone = Guard::new(origins(&[]));
    assert_eq!(text(alone.0.refuse(&request).headers(), "vary"), None);
}

#[test]
fn s51_only_names_of_methods_and_headers_are_listed() {
    for name in ["", "*", "a b", "a,b", "a:b", "ä", "a\n"] {
        let error = guard().headers(["x-a", name]).expect_err(name);
        assert_eq!(error, Unlistable(name.to_owned()));
    }
    assert!(guard().methods(["GET", "M-SEARCH", "x!#$%&'+-.^_`|~9"]).is_ok());
}
