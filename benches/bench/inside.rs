//! The engine without HTTP: the same routes, called as a service on one thread.
//!
//! The rows of the first table include the cost of the network. These rows show only the cost that the engine adds to a
//! request.

use super::report::{Report, whole};
use super::server::{SEVEN, TOWER, routes};
use super::stores::Stores;
use super::{Scope, progress};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use std::time::{Duration, Instant};
use tower::ServiceExt as _;

const PATHS: [(&str, &str); 3] =
    [("bare route, no layer", "/bare"), ("cookie, session not used", "/plain"), ("read", "/read")];

/// The number of calls in one sample. The result is the tenth percentile of the samples, because other load on the
/// machine can only make samples longer.
const CALLS: u32 = 1_000;

/// Measures, and adds the table to the report.
pub(crate) async fn run(scope: &Scope, stores: &Stores, report: &mut Report) {
    progress("inside: the routes without HTTP");
    let span = Duration::from_millis(if scope.quick { 200 } else { 1_500 });
    let sqlite = stores.place("sqlite", "inside").await.expect("a file");
    let mut rows = Vec::new();
    for (name, url) in [("memory", "memory:"), ("sqlite", sqlite.url.as_str()), ("tower-sessions", TOWER)] {
        let router = routes(url).await;
        let cookie = begin(&router).await;
        for (what, path) in PATHS {
            let nanoseconds = sample(&router, path, &cookie, span).await;
            rows.push(vec![name.to_owned(), what.to_owned(), whole(nanoseconds)]);
        }
    }
    stores.clear(&sqlite).await;
    report.heading("Without HTTP");
    report.table(&["store", "request", "ns"], &rows);
}

async fn begin(router: &Router) -> String {
    let request = Request::get("/begin").body(Body::empty()).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    let set = answer.headers()[header::SET_COOKIE].to_str().expect("text");
    set.split(';').next().expect("a cookie").to_owned()
}

async fn sample(router: &Router, path: &str, cookie: &str, span: Duration) -> f64 {
    let mut samples = Vec::new();
    let deadline = Instant::now() + span;
    while Instant::now() < deadline || samples.is_empty() {
        let begun = Instant::now();
        for _ in 0..CALLS {
            // The bare route does not use the cookie, but a browser would send it there too.
            let request = Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).expect("a request");
            let answer = router.clone().oneshot(request).await.expect("an answer");
            let body = to_bytes(answer.into_body(), 1024).await.expect("a body");
            assert_eq!(body, SEVEN);
        }
        samples.push(begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
    }
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 10]
}
