//! A page on one origin and its API on another, with one session: `cargo run --example two_origins --features ssr`,
//! then open <http://localhost:2015>. The same requests with curl:
//!
//! ```text
//! $ curl -i -X OPTIONS localhost:3000/visits -H 'origin: http://localhost:2015' -H 'access-control-request-method: POST'
//! HTTP/1.1 204 No Content
//! access-control-allow-origin: http://localhost:2015
//! access-control-allow-credentials: true
//! access-control-allow-methods: GET,HEAD,POST,PUT,PATCH,DELETE
//! access-control-allow-headers: content-type
//! access-control-max-age: 7200
//! vary: origin
//! $ curl -c jar -b jar -X POST localhost:3000/visits -H 'origin: http://localhost:2015'
//! Visit 1.
//! $ curl -c jar -b jar -X POST localhost:3000/visits -H 'origin: http://localhost:2015'
//! Visit 2.
//! $ curl -o /dev/null -w '%{http_code}\n' -s -b jar -X POST localhost:3000/visits -H 'origin: http://localhost:2016'
//! 403
//! ```

use axum::response::Html;
use axum::{Router, routing::get, routing::post};
use hardtack_session::policy::Origins;
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{Error, Key, Keys, Session, Sessions};
use tokio::net::TcpListener;

const VISITS: Key<u32> = Key::new("visits");

const PAGE: &str = "<!DOCTYPE html><title>Two origins</title><output></output><script type=module>
    const answer = await fetch('http://localhost:3000/visits', { method: 'POST', credentials: 'include' });
    document.querySelector('output').textContent = await answer.text();
</script>";

async fn count(session: Session) -> Result<String, Error> {
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1).await?;
    Ok(format!("Visit {visits}.\n"))
}

/// Returns the API, for its own pages and for those of one front end.
fn api() -> Result<Router, Box<dyn std::error::Error>> {
    let origins = Origins::new("http://localhost:3000".parse()?, ["http://localhost:2015".parse()?]);
    let sessions = Sessions::new(MemoryStore::default(), Keys::generate()?).cookie(origins.cookie()?)?;
    Ok(Router::new().route("/visits", post(count)).layer(sessions).layer(origins.guard()))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (api, front_end) = (api()?, Router::new().route("/", get(Html(PAGE))));
    let (at_api, at_front_end) =
        (TcpListener::bind("127.0.0.1:3000").await?, TcpListener::bind("127.0.0.1:2015").await?);
    println!("listening; open http://localhost:2015");
    tokio::try_join!(axum::serve(at_api, api), axum::serve(at_front_end, front_end))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, header};
    use tower::ServiceExt as _;

    /// Tests the transcript above.
    #[tokio::test]
    async fn a_listed_page_counts_on_and_another_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let app = api()?;
        let call = |method: &str, origin: &str, cookie: &str| {
            let request = Request::builder().method(method).uri("/visits").header(header::ORIGIN, origin);
            let request = request.header(header::COOKIE, cookie).header("access-control-request-method", "POST");
            app.clone().oneshot(request.body(Body::empty()).expect("a request"))
        };
        let (ours, other) = ("http://localhost:2015", "http://localhost:2016");
        let preflight = call("OPTIONS", ours, "").await?;
        let transcript = include_str!("two_origins.rs").split("204 No Content").nth(1).unwrap_or_default();
        for line in transcript.lines().skip(1).take(6) {
            let (name, value) = line.trim_start_matches("//! ").split_once(": ").ok_or("a header")?;
            assert_eq!(preflight.headers()[name], value);
        }
        assert_eq!(preflight.status(), 204);
        let first = call("POST", ours, "").await?;
        assert_eq!(first.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], ours);
        let cookie = first.headers()[header::SET_COOKIE].to_str()?.split(';').next().unwrap_or_default().to_owned();
        let second = call("POST", ours, &cookie).await?.into_body();
        assert_eq!(to_bytes(second, 100).await?, "Visit 2.\n");
        assert_eq!(call("POST", other, &cookie).await?.status(), 403);
        Ok(())
    }
}
