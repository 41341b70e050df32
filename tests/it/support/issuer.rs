//! A provider of sign-ins at the tests' hand, which also says what no provider says: tokens that are wrong in one thing.
//!
//! The real one is in the browser tests (`end2end/tests/elsewhere.spec.ts`).

use super::app::{App, cookies_set};
use super::people::Person;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::future::join;
use openidconnect::JsonWebKeyId;
use openidconnect::PrivateSigningKey as _;
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use reqwest::Response as Answer;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

/// The secret that a site in the test's own process shares with it: what `cargo test` puts into the environment.
pub const CLIENT_SECRET: &str = env!("CARGO_PKG_NAME");
/// What stands where nobody may see it.
pub const ACCESS_TOKEN: &str = "canary-access-token-4711";

/// Makes the text of a token of its claims.
pub type Make = Arc<dyn Fn(&Keys, Map<String, Value>) -> Option<String> + Send + Sync>;

/// A running provider.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    keys: Mutex<Keys>,
    codes: Mutex<HashMap<String, Good>>,
    asked: AtomicUsize,
    described: AtomicUsize,
}

/// What a code is good for: a token that says this, for whoever proves the challenge, and how it is made.
struct Good {
    claims: Map<String, Value>,
    challenge: String,
    make: Make,
}

/// The keys that tokens are signed with: the published one, and one that nobody knows.
pub struct Keys {
    pub id: String,
    pub own: CoreEdDsaPrivateSigningKey,
    pub other: CoreEdDsaPrivateSigningKey,
}

/// A way to the provider, as the browser is sent on it.
pub struct Way {
    pub to: Url,
    pub state: String,
    nonce: String,
    challenge: String,
}

fn key(id: &str) -> CoreEdDsaPrivateSigningKey {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("a key");
    CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pair.serialize_pem(), Some(JsonWebKeyId::new(id.to_owned())))
        .expect("a key")
}

impl Keys {
    fn new(id: &str) -> Self {
        Self { id: id.to_owned(), own: key(id), other: key(id) }
    }

    /// A token as it should be.
    pub fn token(&self, claims: &Map<String, Value>) -> String {
        signed(&json!({"alg": "EdDSA", "kid": self.id}), claims, &self.own)
    }
}

pub fn signed(head: &Value, claims: &Map<String, Value>, key: &CoreEdDsaPrivateSigningKey) -> String {
    let text = unsigned(head, claims);
    let signature = key.sign(&CoreJwsSigningAlgorithm::EdDsa, text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Head and claims of a token.
pub fn unsigned(head: &Value, claims: &Map<String, Value>) -> String {
    let part = |value: String| URL_SAFE_NO_PAD.encode(value);
    format!("{}.{}", part(head.to_string()), part(Value::from(claims.clone()).to_string()))
}

pub fn seconds_now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()).expect("a number")
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Inner {
            address,
            keys: Mutex::new(Keys::new("first")),
            codes: Mutex::default(),
            asked: AtomicUsize::new(0),
            described: AtomicUsize::new(0),
        };
        let issuer = Self(Arc::new(inner));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The setting that names it.
    pub fn setting(&self, id: &str) -> String {
        let url = self.url();
        format!(
            "{{ id = \"{id}\", name = \"The {id}\", issuer = \"{url}\", client_id = \"hardtack\", \
             client_secret = \"env:CARGO_PKG_NAME\" }}"
        )
    }

    /// How many codes it was asked to take.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// How often it said what it is.
    pub fn described(&self) -> usize {
        self.0.described.load(Ordering::SeqCst)
    }

    /// Signs with another key from now on.
    pub fn turn_keys(&self) {
        *self.0.keys.lock().expect("the keys") = Keys::new("second");
    }

    /// The claims of somebody, as a good token has them.
    pub fn claims(&self, way: &Way, subject: &str) -> Map<String, Value> {
        let now = seconds_now();
        let claims = json!({
            "iss": self.url(), "aud": "hardtack", "sub": subject, "nonce": way.nonce, "iat": now, "exp": now + 300,
            "name": "Ada", "email": format!("{subject}@example.com"), "email_verified": true,
        });
        claims.as_object().cloned().expect("claims")
    }

    /// The code that somebody is sent back with who has signed in there.
    pub fn code(&self, way: &Way, claims: Map<String, Value>, make: Make) -> String {
        let mut codes = self.0.codes.lock().expect("the codes");
        let code = format!("canary-code-{}", codes.len());
        codes.insert(code.clone(), Good { claims, challenge: way.challenge.clone(), make });
        code
    }

    /// The code of somebody of whom all is as it should be.
    pub fn good(&self, way: &Way, subject: &str) -> String {
        self.code(way, self.claims(way, subject), Arc::new(|keys, claims| Some(keys.token(&claims))))
    }
}

async fn describe(State(issuer): State<Issuer>) -> Json<Value> {
    issuer.0.described.fetch_add(1, Ordering::SeqCst);
    let url = issuer.url();
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "end_session_endpoint": format!("{url}/end"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
    }))
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    let key = serde_json::to_value(issuer.0.keys.lock().expect("the keys").own.as_verification_key()).expect("a key");
    Json(json!({ "keys": [key] }))
}

async fn token(State(issuer): State<Issuer>, Form(form): Form<HashMap<String, String>>) -> Response {
    issuer.0.asked.fetch_add(1, Ordering::SeqCst);
    let code = form.get("code").and_then(|code| issuer.0.codes.lock().expect("the codes").remove(code));
    let proof = form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let Some(Good { claims, make, .. }) = code.filter(|good| proof.as_ref() == Some(&good.challenge)) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let token = make(&issuer.0.keys.lock().expect("the keys"), claims);
    let mut answer = json!({"access_token": ACCESS_TOKEN, "token_type": "Bearer"});
    if let Some(token) = token {
        answer["id_token"] = token.into();
    }
    Json(answer).into_response()
}

impl Person {
    /// Begins to sign in by a provider, and goes no further than to its address.
    pub async fn leave(&self, fields: &[(&str, &str)]) -> Way {
        Way::of(self.ask_to_leave(fields).await).await
    }

    /// The same, and what the browser remembers it by.
    pub async fn leave_remembered(&self, fields: &[(&str, &str)]) -> (Way, String) {
        let answer = self.ask_to_leave(fields).await;
        let cookie = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        (Way::of(answer).await, cookie)
    }

    pub async fn ask_to_leave(&self, fields: &[(&str, &str)]) -> Answer {
        let request = self.browser.post(format!("{}/sign-in", self.server)).form(fields);
        request.header("accept", "application/json").send().await.expect("an answer")
    }

    /// Comes back from there, as a browser does.
    pub async fn arrive(&self, provider: &str, query: &[(&str, &str)]) -> Answer {
        let request = self.browser.get(callback(&self.server, provider, query));
        request.header("accept", "text/html").send().await.expect("an answer")
    }

    /// Signs in by the provider `a` as somebody whom it knows.
    pub async fn sign_in_at(&self, issuer: &Issuer, subject: &str) -> Answer {
        let way = self.leave(&[("provider", "a")]).await;
        let code = issuer.good(&way, subject);
        self.arrive("a", &[("state", &way.state), ("code", &code)]).await
    }
}

impl Way {
    /// The one that an answer leads on.
    pub async fn of(answer: Answer) -> Self {
        let status = answer.status();
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(status, 200, "{body}");
        Self::to(body["location"].as_str().expect("an address"))
    }

    fn to(address: &str) -> Self {
        let to: Url = address.parse().expect("an address");
        let asked: HashMap<_, _> = to.query_pairs().into_owned().collect();
        let of = |name: &str| asked.get(name).unwrap_or_else(|| panic!("no {name} in {address}")).clone();
        assert_eq!(of("code_challenge_method"), "S256");
        Self { state: of("state"), nonce: of("nonce"), challenge: of("code_challenge"), to }
    }
}

/// The address that a provider leads back to.
pub fn callback(server: &str, provider: &str, query: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&format!("{server}/sign-in/{provider}/callback"), query).expect("an address")
}

/// Where an answer leads.
pub fn leads(answer: &Answer) -> String {
    assert_eq!(answer.status(), 303, "{answer:?}");
    answer.headers()["location"].to_str().expect("text").to_owned()
}

/// A site that knows two providers, `a` and `b`.
pub struct Stage {
    pub app: App,
    pub a: Issuer,
    pub b: Issuer,
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_with(&[]).await
    }

    pub async fn set_with(settings: &[(&str, &str)]) -> Self {
        let (a, b) = join(Issuer::start(), Issuer::start()).await;
        let providers = format!("[{}, {}]", a.setting("a"), b.setting("b"));
        let own = [("SIGN_IN_PROVIDERS", providers.as_str()), ("LIMITS_SIGN_IN_NETWORK_ATTEMPTS", "1000")];
        let settings: Vec<_> = own.iter().chain(settings).copied().collect();
        Self { app: App::start_with(&settings).await, a, b }
    }

    pub fn person(&self, name: &str) -> Person {
        Person::at(&self.app.url(""), &format!("{name}@example.com"))
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        super::rows(&self.app.database(), table).await
    }

    /// Connects a provider with the account of somebody who is signed in.
    pub async fn connect(&self, person: &Person, (id, issuer): (&str, &Issuer), subject: &str) -> String {
        let way = person.leave(&[("provider", id), ("purpose", "connect")]).await;
        let code = issuer.good(&way, subject);
        leads(&person.arrive(id, &[("state", &way.state), ("code", &code)]).await)
    }
}

/// Who is signed in, as the site says it.
pub async fn profile(person: &Person) -> Value {
    let told = person.profile().await;
    assert_eq!(told.status, 200, "{told:?}");
    told.body["profile"].clone()
}
