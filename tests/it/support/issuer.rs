//! A stub OpenID provider, which can also issue tokens with a single fault.
//!
//! The browser tests use a real provider (`end2end/tests/elsewhere.spec.ts`).

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
use hardtack_session::clock::{Clock, ManualClock};
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

/// The client secret of a site in the test process: a variable that `cargo test` sets.
pub const CLIENT_SECRET: &str = env!("CARGO_PKG_NAME");
/// A marked access token, which must not appear in a page or a log.
pub const ACCESS_TOKEN: &str = "canary-access-token-4711";

/// A function that makes the text of a token from its claims.
pub type Make = Arc<dyn Fn(&Keys, Map<String, Value>) -> Option<String> + Send + Sync>;

/// A running provider.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    address: SocketAddr,
    profile: Profile,
    clock: Mutex<Clock>,
    /// The userinfo responses, by access token.
    told: Mutex<HashMap<String, Value>>,
    keys: Mutex<Keys>,
    codes: Mutex<HashMap<String, Good>>,
    asked: AtomicUsize,
    described: AtomicUsize,
}

/// The grant behind a code: the claims of its token, the PKCE challenge, and the function that makes the token.
struct Good {
    claims: Map<String, Value>,
    challenge: Option<String>,
    make: Make,
}

/// The signing keys: the published one, and an unknown one.
pub struct Keys {
    pub id: String,
    pub own: CoreEdDsaPrivateSigningKey,
    pub other: CoreEdDsaPrivateSigningKey,
}

/// An authorization request, which the browser is sent to the provider with.
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

    /// Returns a correct token.
    pub fn token(&self, claims: &Map<String, Value>) -> String {
        signed(&json!({"alg": "EdDSA", "kid": self.id}), claims, &self.own)
    }
}

pub fn signed(head: &Value, claims: &Map<String, Value>, key: &CoreEdDsaPrivateSigningKey) -> String {
    let text = unsigned(head, claims);
    let signature = key.sign(&CoreJwsSigningAlgorithm::EdDsa, text.as_bytes()).expect("a signature");
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns the header and the claims of a token.
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

    /// Starts a provider with the peculiarities of a profile.
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

    /// Returns the issuer identifier.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.0.address, self.0.profile.path)
    }

    pub fn profile(&self) -> &Profile {
        &self.0.profile
    }

    /// Uses this clock from now on for `auth_time`.
    pub fn follow(&self, clock: &ManualClock) {
        *self.0.clock.lock().expect("the clock") = Clock::Manual(clock.clone());
    }

    /// Returns the setting for this provider.
    pub fn setting(&self, id: &str) -> String {
        let url = self.url();
        format!(
            "{{ id = \"{id}\", name = \"The {id}\", issuer = \"{url}\", client_id = \"hardtack\", \
             client_secret = \"env:CARGO_PKG_NAME\" }}"
        )
    }

    /// Returns the number of token requests.
    pub fn asked(&self) -> usize {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Returns the number of requests for the metadata.
    pub fn described(&self) -> usize {
        self.0.described.load(Ordering::SeqCst)
    }

    /// Signs with another key from now on.
    pub fn turn_keys(&self) {
        *self.0.keys.lock().expect("the keys") = Keys::new("second");
    }

    /// Returns the claims of a correct token for a person who signs in now.
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

    /// Returns a code for a token of these claims.
    pub fn code(&self, way: &Way, claims: Map<String, Value>, make: Make) -> String {
        assert_eq!((self.0.profile.refuses)(way), None, "{}", way.to);
        let mut codes = self.0.codes.lock().expect("the codes");
        let code = format!("canary-code-{}", codes.len());
        codes.insert(code.clone(), Good { claims, challenge: way.asked("code_challenge"), make });
        code
    }

    /// Returns a code for a token with changed claims; `null` removes a claim.
    pub fn code_with(&self, way: &Way, subject: &str, change: &Value) -> String {
        let claims = changed(self.claims(way, subject).into(), change);
        self.code(way, claims, Arc::new(|keys, claims| Some(keys.token(&claims))))
    }

    /// Returns a code for a correct token.
    pub fn good(&self, way: &Way, subject: &str) -> String {
        self.code_with(way, subject, &json!({}))
    }
}

/// Replaces claims, and removes those that are `null` afterwards.
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
    let told = bearer.and_then(|token| issuer.0.told.lock().expect("the userinfo").get(token).cloned());
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
        issuer.0.told.lock().expect("the userinfo").insert(access.clone(), changed(told, more).into());
    }
    let token = make(&issuer.0.keys.lock().expect("the keys"), claims);
    // Some providers write the number as text.
    let mut answer = json!({"access_token": access, "token_type": "Bearer", "expires_in": "3600"});
    if let Some(token) = token {
        answer["id_token"] = token.into();
    }
    Json(answer).into_response()
}

impl Person {
    /// Starts a sign-in with a provider, and stops at the provider's URL.
    pub async fn leave(&self, fields: &[(&str, &str)]) -> Way {
        Way::of(self.ask_to_leave(fields).await).await
    }

    /// Starts a sign-in, and also returns the cookie of its transaction.
    pub async fn leave_remembered(&self, fields: &[(&str, &str)]) -> (Way, String) {
        let answer = self.ask_to_leave(fields).await;
        let cookie = cookies_set(&answer)[0].split(';').next().expect("a pair").to_owned();
        (Way::of(answer).await, cookie)
    }

    pub async fn ask_to_leave(&self, fields: &[(&str, &str)]) -> Answer {
        let request = self.browser.post(format!("{}/sign-in", self.server)).form(fields);
        request.header("accept", "application/json").send().await.expect("an answer")
    }

    /// Requests the callback as a browser does.
    pub async fn arrive(&self, provider: &str, query: &[(&str, &str)]) -> Answer {
        let request = self.browser.get(callback(&self.server, provider, query));
        request.header("accept", "text/html").send().await.expect("an answer")
    }

    /// Requests the callback with a code, in the response mode of this provider.
    pub async fn arrive_from(&self, issuer: &Issuer, provider: &str, way: &Way, code: &str) -> Answer {
        let (profile, own) = (issuer.profile(), issuer.url());
        let mut told = vec![("state", way.state.as_str()), ("code", code)];
        told.extend(profile.names_itself.then_some(("iss", own.as_str())));
        if !profile.posts {
            return self.arrive(provider, &told).await;
        }
        // A form post from the provider's page, which browsers send without cookies.
        told.push(("user", "{\"name\":{\"firstName\":\"Ada\"}}"));
        let posted = browser().post(callback(&self.server, provider, &[])).form(&told).header("accept", "text/html");
        let posted = posted.header("origin", "https://appleid.apple.com").header("sec-fetch-site", "cross-site");
        let to = leads(&posted.send().await.expect("an answer"));
        let request = self.browser.get(format!("{}{to}", self.server)).header("accept", "text/html");
        request.header("sec-fetch-site", "cross-site").send().await.expect("an answer")
    }

    /// Signs in at a provider as this subject, with these fields in the first request.
    pub async fn goes_by(&self, issuer: &Issuer, fields: &[(&str, &str)], subject: &str) -> Answer {
        let way = self.leave(fields).await;
        let code = issuer.good(&way, subject);
        self.arrive_from(issuer, fields[0].1, &way, &code).await
    }

    /// Signs in with the provider `a` as this subject.
    pub async fn sign_in_at(&self, issuer: &Issuer, subject: &str) -> Answer {
        self.goes_by(issuer, &[("provider", "a")], subject).await
    }
}

impl Way {
    /// Returns the request that a response redirects to.
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

    /// Returns a parameter of the URL.
    pub fn asked(&self, name: &str) -> Option<String> {
        self.to.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

/// Returns the URL of the callback.
pub fn callback(server: &str, provider: &str, query: &[(&str, &str)]) -> Url {
    Url::parse_with_params(&format!("{server}/sign-in/{provider}/callback"), query).expect("an address")
}

/// Returns the target of a redirect.
pub fn leads(answer: &Answer) -> String {
    assert_eq!(answer.status(), 303, "{answer:?}");
    answer.headers()["location"].to_str().expect("text").to_owned()
}
