//! The application of `docs/FROM-EXPRESS.md`: `cargo run --example from_express --features ssr`.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use hardtack_session::store::memory::MemoryStore;
use hardtack_session::{CookieSettings, Error, Key, Keys, Owner, Session, Sessions};
use serde::Deserialize;

const VISITS: Key<u32> = Key::new("visits");

#[derive(Deserialize)]
struct Login {
    name: String,
    password: String,
}

async fn visit(session: Session) -> Result<String, Error> {
    let visits = session.update(VISITS, |visits| visits.unwrap_or(0) + 1).await?;
    Ok(format!("Visit {visits}.\n"))
}

async fn log_in(session: Session, Json(login): Json<Login>) -> Result<Response, Error> {
    if !is_right(&login) {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    }
    let welcome = format!("Welcome, {}.\n", login.name);
    let owner = Owner { account: Some(login.name), device: None };
    session.sign_in(owner, None).await?; // a new id; the visits stay
    Ok(welcome.into_response())
}

async fn me(session: Session) -> Result<Response, Error> {
    let Some(account) = session.facts().await?.and_then(|facts| facts.owner.account) else {
        return Ok(StatusCode::UNAUTHORIZED.into_response());
    };
    Ok(format!("You are {account}.\n").into_response())
}

async fn log_out(session: Session) -> Result<&'static str, Error> {
    session.end().await?; // also removes the cookie
    Ok("Goodbye.\n")
}

/// Checks the password. Replace it with your accounts, whose passwords are hashed.
fn is_right(login: &Login) -> bool {
    login.name == "ada" && login.password == "difference engine"
}

fn app(sessions: Sessions) -> Router {
    Router::new()
        .route("/", get(visit))
        .route("/login", post(log_in))
        .route("/me", get(me))
        .route("/logout", post(log_out))
        .layer(sessions)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cookie = CookieSettings { name: "shop_sess".to_owned(), persistent: true, ..CookieSettings::new(false) };
    let sessions = Sessions::new(MemoryStore::default(), Keys::generate()?).cookie(cookie)?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("listening; open http://localhost:3000");
    Ok(axum::serve(listener, app(sessions)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_visitor_counts_signs_in_and_out() {
        let cookie = CookieSettings { name: "shop_sess".to_owned(), persistent: true, ..CookieSettings::new(false) };
        let keys = Keys::generate().expect("a key");
        let sessions = Sessions::new(MemoryStore::default(), keys).cookie(cookie).expect("legal");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app(sessions)).await });

        let browser = reqwest::Client::builder().cookie_store(true).no_proxy().build().expect("a browser");
        let get = async |path: &str| browser.get(format!("{address}{path}")).send().await.expect("an answer");
        let post = async |path: &str, password: &str| {
            let login = serde_json::json!({ "name": "ada", "password": password });
            browser.post(format!("{address}{path}")).json(&login).send().await.expect("an answer")
        };
        get("/").await;
        let answer = get("/").await;
        assert_eq!(answer.text().await.expect("text"), "Visit 2.\n");
        assert_eq!(get("/me").await.status(), 401);
        assert_eq!(post("/login", "wrong").await.status(), 401);
        let welcome = post("/login", "difference engine").await;
        assert!(welcome.headers()["set-cookie"].to_str().expect("text").starts_with("shop_sess="), "a new id");
        assert_eq!(welcome.text().await.expect("text"), "Welcome, ada.\n");
        assert_eq!(get("/me").await.text().await.expect("text"), "You are ada.\n");
        let answer = get("/").await;
        assert_eq!(answer.text().await.expect("text"), "Visit 3.\n", "the sign-in keeps the visits");
        let goodbye = post("/logout", "").await;
        assert!(goodbye.headers()["set-cookie"].to_str().expect("text").contains("Max-Age=0"));
        assert_eq!(get("/me").await.status(), 401);
        assert_eq!(get("/").await.text().await.expect("text"), "Visit 1.\n");
    }
}
