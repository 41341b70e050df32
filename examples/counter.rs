//! The session engine alone, under plain Axum: `cargo run --example counter --features ssr`.
//!
//! ```text
//! $ curl -c jar -b jar localhost:3000
//! Visit 1.
//! $ curl -c jar -b jar localhost:3000
//! Visit 2.
//! ```

use axum::{Router, routing::get};
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{CookieSettings, Error, Key, Keys, Session, Sessions};

const VISITS: Key<u32> = Key::new("visits");

async fn count(session: Session) -> Result<String, Error> {
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1).await?;
    Ok(format!("Visit {visits}.\n"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // On https, use the default cookie, which is `__Host-` and Secure. This example uses plain http on this machine.
    let sessions = Sessions::new(MemoryStore::default(), Keys::generate()?).cookie(CookieSettings::new(false))?;
    let app = Router::new().route("/", get(count)).layer(sessions);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening; open http://localhost:3000");
    Ok(axum::serve(listener, app).await?)
}
