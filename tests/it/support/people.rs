//! People with accounts, each in a separate browser.

use super::app::{browser, cookies_set};
use super::process::Running;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// A password that no other test uses.
pub const PASSWORD: &str = "le sel de la mer 7";

/// A person in a browser at a server.
#[derive(Clone)]
pub struct Person {
    pub browser: Client,
    pub server: String,
    pub username: String,
}

/// The response of a server.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub body: Value,
    pub cookies: Vec<String>,
    pub retry_after: Option<String>,
    pub headers: Vec<String>,
}

impl Told {
    pub fn kind(&self) -> &str {
        self.body["kind"].as_str().unwrap_or_else(|| panic!("no error: {self:?}"))
    }
}

impl Person {
    pub fn at(server: &str, username: &str) -> Self {
        Self { browser: browser(), server: server.trim_end_matches('/').to_owned(), username: username.to_owned() }
    }

    /// Returns the same person in a new browser.
    pub fn elsewhere(&self) -> Self {
        Self { browser: browser(), ..self.clone() }
    }

    /// Returns the same browser at another server with the same sessions.
    pub fn moved(&self, server: &Running) -> Self {
        Self { server: server.url("").trim_end_matches('/').to_owned(), ..self.clone() }
    }

    pub fn request(&self, path: &str, body: &Value) -> RequestBuilder {
        self.browser.post(format!("{}{path}", self.server)).json(body)
    }

    pub async fn post(&self, path: &str, body: Value) -> Told {
        told(self.request(path, &body).send().await.expect("an answer")).await
    }

    pub async fn register(&self) -> Told {
        self.post("/api/register", json!({"name": "Ada", "username": self.username, "password": PASSWORD})).await
    }

    /// Registers the account, which must succeed.
    pub async fn registered(self) -> Self {
        let told = self.register().await;
        assert_eq!(told.status, 200, "{told:?}");
        self
    }

    pub async fn login(&self, password: &str) -> Told {
        self.post("/api/login", json!({"username": self.username, "password": password})).await
    }

    pub async fn logout(&self) -> Told {
        self.post("/api/logout", json!({})).await
    }

    pub async fn get(&self, path: &str) -> Told {
        told(self.browser.get(format!("{}{path}", self.server)).send().await.expect("an answer")).await
    }

    pub async fn profile(&self) -> Told {
        self.get("/api/profile").await
    }

    pub async fn is_signed_in(&self) -> bool {
        let told = self.profile().await;
        assert!(matches!(told.status, 200 | 401), "{told:?}");
        told.status == 200
    }
}

async fn told(answer: Response) -> Told {
    let headers: Vec<_> = answer
        .headers()
        .iter()
        .filter(|(name, _)| !["date", "set-cookie", "content-security-policy"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    Told {
        status: answer.status().as_u16(),
        cookies: cookies_set(&answer),
        retry_after: answer.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned()),
        headers,
        body: answer.json().await.expect("JSON"),
    }
}
