//! A provider of sign-ins at the tests' hand, which also says what no provider says: tokens that are wrong in one thing.
//!
//! The real one is in the browser tests (`end2end/tests/elsewhere.spec.ts`).

use super::app::{browser, cookies_set};
use super::people::Person;
use super::profiles::{Profile, When};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hardtack::session::clock::{Clock, ManualClock};
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

pub use super::stage::{Stage, profile};

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
    profile: Profile,
    clock: Mutex<Clock>,
    /// What userinfo says to the bearer of an access token.
    told: Mutex<HashMap<String, Value>>,
    keys: Mutex<Keys>,
    codes: Mutex<HashMap<String, Good>>,
    asked: AtomicUsize,
    described: AtomicUsize,
}

/// What a code is good for: a token that says this, for whoever proves the challenge, and how it is made.
struct Good {
    claims: Map<String, Value>,
    challenge: Option<String>,
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
        Self::start_as(Profile::plain()).await
    }

    /// One that does some things otherwise.
    pub async fn start_as(profile: Profile) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let below = profile.path.trim_end_matches('/').to_owned();
        let inner = Inner {
            address,
            profile,
            clock: Mutex::new(Clock::System),
            told: Mutex::default(),
            keys: Mutex::new(Keys::new("first")),
            codes: Mutex::default(),
            asked: AtomicUsize::new(0),
            described: AtomicUsize::new(0),
        };
        let issuer = Self(Arc::new(inner));
        let router = Router::new()
            .route(&format!("{below}/.well-known/openid-configuration"), get(describe))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(user_info))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// What it vouches by.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.0.address, self.0.profile.path)
    }

    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// Says by this clock from now on when people have signed in.
    pub fn follow(&self, clock: &ManualClock) {
        *self.0.clock.lock().expect("the clock") = Clock::Manual(clock.clone());
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

    /// The claims of somebody who signs in there now, as a good token has them.
    pub fn claims(&self, way: &Way, subject: &str) -> Map<String, Value> {
        let now = seconds_now();
        let claims = json!({
            "iss": self.url(), "aud": "hardtack", "sub": subject, "nonce": way.asked("nonce"), "iat": now, "exp": now + 300,
            "name": "Ada", "email": format!("{subject}@example.com"), "email_verified": true,
        });
        let mut claims = changed(claims, &self.0.profile.token);
        let says_when = match self.0.profile.says_when {
            When::Always => true,
            When::Asked => way.asked("max_age").is_some(),
            When::Never => false,
        };
        if says_when {
            let now = self.0.clock.lock().expect("the clock").now().seconds();
            claims.insert("auth_time".to_owned(), now.into());
        }
        claims
    }

    /// The code that somebody is sent back with who has signed in there.
    pub fn code(&self, way: &Way, claims: Map<String, Value>, make: Make) -> String {
        assert_eq!((self.0.profile.refuses)(way), None, "{}", way.to);
        let mut codes = self.0.codes.lock().expect("the codes");
        let code = format!("canary-code-{}", codes.len());
        codes.insert(code.clone(), Good { claims, challenge: way.asked("code_challenge"), make });
        code
    }

    /// The code of somebody of whose token some claims are otherwise; `null` takes one away.
    pub fn code_with(&self, way: &Way, subject: &str, change: &Value) -> String {
        let claims = changed(self.claims(way, subject).into(), change);
        self.code(way, claims, Arc::new(|keys, claims| Some(keys.token(&claims))))
    }

    /// The code of somebody of whom all is as it should be.
    pub fn good(&self, way: &Way, subject: &str) -> String {
        self.code_with(way, subject, &json!({}))
    }
}

/// Claims with others in their place, without those that are `null` then.
fn changed(claims: Value, change: &Value) -> Map<String, Value> {
    let Value::Object(mut claims) = claims else { panic!("no claims: {claims}") };
    claims.extend(change.as_object().expect("claims").clone());
    claims.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

async fn describe(State(issuer): State<Issuer>) -> Response {
    issuer.0.described.fetch_add(1, Ordering::SeqCst);
    let (profile, own) = (&issuer.0.profile, format!("http://{}", issuer.0.address));
    if !profile.describes {
        return StatusCode::NOT_FOUND.into_response();
    }
    let plain = json!({
        "issuer": issuer.url(),
        "authorization_endpoint": format!("{own}/authorize"),
        "token_endpoint": format!("{own}/token"),
        "jwks_uri": format!("{own}/keys"),
        "userinfo_endpoint": profile.user_info.as_ref().map(|_| format!("{own}/userinfo")),
        "end_session_endpoint": format!("{own}/end"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "authorization_response_iss_parameter_supported": profile.names_itself.then_some(true),
    });
    Json(changed(plain, &profile.description)).into_response()
}

async fn user_info(State(issuer): State<Issuer>, headers: HeaderMap) -> Response {
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let told = bearer.and_then(|token| issuer.0.told.lock().expect("what is told").get(token).cloned());
    told.map_or_else(|| StatusCode::UNAUTHORIZED.into_response(), |told| Json(told).into_response())
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    let key = serde_json::to_value(issuer.0.keys.lock().expect("the keys").own.as_verification_key()).expect("a key");
    Json(json!({ "keys": [key] }))
}

async fn token(
    State(issuer): State<Issuer>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let asked = issuer.0.asked.fetch_add(1, Ordering::SeqCst);
    let profile = &issuer.0.profile;
    let in_body = form.get("client_secret").is_some_and(|secret| secret == CLIENT_SECRET);
    if in_body == headers.contains_key("authorization") || (profile.secret_in_body && !in_body) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_client"}))).into_response();
    }
    let code = form.get("code").and_then(|code| issuer.0.codes.lock().expect("the codes").remove(code));
    let proof = form.get("code_verifier").map(|verifier| URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    let Some(Good { claims, make, .. }) = code.filter(|good| proof == good.challenge) else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let access = format!("{ACCESS_TOKEN}-{asked}");
    if let Some(more) = &profile.user_info {
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        let told = json!({"sub": subject, "email": format!("{subject}@example.com")});
        issuer.0.told.lock().expect("what is told").insert(access.clone(), changed(told, more).into());
    }
    let token = make(&issuer.0.keys.lock().expect("the keys"), claims);
    // What some write as text.
    let mut answer = json!({"access_token": access, "token_type": "Bearer", "expires_in": "3600"});
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

    /// Comes back with a code, in the way in which this provider leads back.
    pub async fn arrive_from(&self, issuer: &Issuer, provider: &str, way: &Way, code: &str) -> Answer {
        let (profile, own) = (issuer.profile(), issuer.url());
        let mut told = vec![("state", way.state.as_str()), ("code", code)];
        told.extend(profile.names_itself.then_some(("iss", own.as_str())));
        if !profile.posts {
            return self.arrive(provider, &told).await;
        }
        // A form of its page, with which no cookie goes along.
        told.push(("user", "{\"name\":{\"firstName\":\"Ada\"}}"));
        let posted = browser().post(callback(&self.server, provider, &[])).form(&told).header("accept", "text/html");
        let posted = posted.header("origin", "https://appleid.apple.com").header("sec-fetch-site", "cross-site");
        let to = leads(&posted.send().await.expect("an answer"));
        let request = self.browser.get(format!("{}{to}", self.server)).header("accept", "text/html");
        request.header("sec-fetch-site", "cross-site").send().await.expect("an answer")
    }

    /// Goes to a provider and comes back as somebody whom it knows.
    pub async fn goes_by(&self, issuer: &Issuer, fields: &[(&str, &str)], subject: &str) -> Answer {
        let way = self.leave(fields).await;
        let code = issuer.good(&way, subject);
        self.arrive_from(issuer, fields[0].1, &way, &code).await
    }

    /// Signs in by the provider `a` as somebody whom it knows.
    pub async fn sign_in_at(&self, issuer: &Issuer, subject: &str) -> Answer {
        self.goes_by(issuer, &[("provider", "a")], subject).await
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
        let way = Self { state: String::new(), to };
        let state = way.asked("state").unwrap_or_else(|| panic!("no state in {address}"));
        assert!(way.asked("code_challenge").is_none() || way.asked("code_challenge_method").as_deref() == Some("S256"));
        Self { state, ..way }
    }

    /// A parameter of the address.
    pub fn asked(&self, name: &str) -> Option<String> {
        self.to.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
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
