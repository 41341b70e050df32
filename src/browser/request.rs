//! A request, and what comes of it.

use super::base::base;
use super::first::First;
use crate::model::error::{Kind, WireError};
use futures::channel::oneshot;
use futures::future::{Either, select};
use leptos::prelude::set_timeout;
use leptos::wasm_bindgen::{JsCast, JsValue};
use leptos::web_sys::js_sys::Math;
use serde::{Serialize, de::DeserializeOwned};
use std::pin::pin;
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestCredentials, RequestInit, RequestMode, Response, window};

/// The number of times that a call that only reads is tried again when its answer does not arrive, or says when to come
/// again.
const RETRIES: u32 = 2;
/// The pause before the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest span that browsers' timers can count: 24 days.
const LONGEST: Duration = Duration::from_millis(0x7fff_ffff);

/// A call of the server.
///
/// The cookie goes along, to the server that the page belongs to and to no other. Dropped, it is cancelled. What only reads
/// is tried again when the network fails, and when the server says by 429 or 503 and `Retry-After` that it is to come again
/// within the timeout. Nothing else is: it may have arrived.
///
/// # Examples
///
/// ```no_run
/// use hardtack::browser::{Failure, Request};
///
/// async fn visits() -> Result<u32, Failure> {
///     #[derive(serde::Deserialize)]
///     struct Visits { visits: u32 }
///     let visits: Visits = Request::post("/api/visits").json(&())?.send().await?.json()?;
///     Ok(visits.visits)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    path: String,
    body: Option<(&'static str, String)>,
    credentials: bool,
    timeout: Duration,
}

/// Why a call has no answer that could be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong, for programs and for people.
    pub error: WireError,
    /// After how many seconds the server wants to be asked again, if it says so.
    pub retry_after: Option<u32>,
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self { error: kind.into(), retry_after: None }
    }
}

/// What the server has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status: less than 400.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body, read as JSON.
    ///
    /// # Errors
    ///
    /// When it is none of that shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text).map_err(|_| Kind::Internal.into())
    }
}

impl Request {
    /// Asks for what is at a path of the server.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path.into())
    }

    /// Sends something to a path of the server.
    #[must_use]
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path.into())
    }

    pub(super) fn new(method: &'static str, path: String) -> Self {
        // The cookie is for this server alone, wherever a path that is none might lead.
        let credentials = is_path(&path);
        Self { method, path, body: None, credentials, timeout: Duration::from_secs(30) }
    }

    /// Sends a value as JSON.
    ///
    /// # Errors
    ///
    /// When it cannot be written as JSON.
    pub fn json<T: Serialize>(self, value: &T) -> Result<Self, Failure> {
        let text = serde_json::to_string(value).map_err(|_| Failure::from(Kind::Invalid))?;
        Ok(self.body("application/json", text))
    }

    /// Sends a value as a form does, urlencoded.
    ///
    /// # Errors
    ///
    /// When it is more than a list of names and values.
    pub fn form<T: Serialize>(self, value: &T) -> Result<Self, Failure> {
        let text = serde_urlencoded::to_string(value).map_err(|_| Failure::from(Kind::Invalid))?;
        Ok(self.body("application/x-www-form-urlencoded", text))
    }

    /// Sends a text that says itself of which type it is.
    #[must_use]
    pub fn body(self, content_type: &'static str, text: String) -> Self {
        Self { body: Some((content_type, text)), ..self }
    }

    /// Leaves the cookie at home, and takes none from the answer. Default: it goes along.
    #[must_use]
    pub fn without_credentials(self) -> Self {
        Self { credentials: false, ..self }
    }

    /// How long all of it may take: waiting for a first call, attempts, and the pauses between them. Default: 30 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.min(LONGEST), ..self }
    }

    /// Calls the server.
    ///
    /// # Errors
    ///
    /// The server's own error, or why there is none: [`Kind::Unreachable`], [`Kind::Refused`] (the browser keeps the answer
    /// from this page), [`Kind::Timeout`].
    pub async fn send(self) -> Result<Answer, Failure> {
        let late = pin!(sleep(self.timeout));
        match select(pin!(self.call()), late).await {
            Either::Left((outcome, _)) => outcome,
            // Dropped here, wherever it is, and so cancelled.
            Either::Right(_) => Err(Kind::Timeout.into()),
        }
    }

    async fn call(&self) -> Result<Answer, Failure> {
        let call = Call::begin()?;
        let first = if self.credentials { First::turn().await } else { None };
        let (mut tried, mut paused) = (0, Duration::ZERO);
        let answer = loop {
            let answer = self.attempt(&call).await;
            let pause = match &answer {
                Err(Kind::Unreachable) => Some(PAUSE * 2_u32.pow(tried)),
                Ok((response, _)) if matches!(response.status(), 429 | 503) => retry_after(response).map(in_turn),
                _ => None,
            };
            // A failure is told at once when the next try would come after the deadline.
            let pause = pause.filter(|pause| self.method == "GET" && tried < RETRIES && paused + *pause < self.timeout);
            let Some(pause) = pause else { break answer };
            sleep(pause).await;
            (tried, paused) = (tried + 1, paused + pause);
        };
        let (response, text) = match answer {
            Ok(answer) => answer,
            Err(kind) => {
                // It has brought no cookie: the next one goes alone.
                drop(first);
                let refused = kind == Kind::Unreachable && call.finds_the_server().await;
                return Err(if refused { Kind::Refused } else { kind }.into());
            }
        };
        match response.status() {
            status @ 400.. => Err(failure(&response, status, &text)),
            status => {
                if let Some(first) = first {
                    first.answered();
                }
                Ok(Answer { status, text })
            }
        }
    }

    async fn attempt(&self, call: &Call) -> Result<(Response, String), Kind> {
        let lost = |_: JsValue| Kind::Unreachable;
        let init = RequestInit::new();
        init.set_method(self.method);
        init.set_credentials(if self.credentials { RequestCredentials::Include } else { RequestCredentials::Omit });
        let headers = Headers::new().map_err(lost)?;
        headers.set("accept", "application/json").map_err(lost)?;
        if let Some((content_type, text)) = &self.body {
            headers.set("content-type", content_type).map_err(lost)?;
            init.set_body(&JsValue::from_str(text));
        }
        init.set_headers(&headers);
        let response = call.fetch(&self.path, &init).await.map_err(lost)?;
        let text = JsFuture::from(response.text().map_err(lost)?).await.map_err(lost)?;
        Ok((response, text.as_string().unwrap_or_default()))
    }
}

/// Whether this leads to a path of the server. Browsers take `\` for `/`, and overlook tabs and line breaks.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
}

/// What all attempts of a call share: an end when nobody waits for it any more.
struct Call(AbortController);

impl Call {
    fn begin() -> Result<Self, Kind> {
        AbortController::new().map(Self).map_err(|_| Kind::Internal)
    }

    async fn fetch(&self, path: &str, init: &RequestInit) -> Result<Response, JsValue> {
        init.set_signal(Some(&self.0.signal()));
        let window = window().ok_or(JsValue::NULL)?;
        let url = base().unwrap_or_default() + path;
        JsFuture::from(window.fetch_with_str_and_init(&url, init)).await.map(JsCast::unchecked_into)
    }

    /// Whether a server elsewhere can be reached at all: if so, it was the browser that kept its answer from this page.
    async fn finds_the_server(&self) -> bool {
        let init = RequestInit::new();
        init.set_mode(RequestMode::NoCors);
        init.set_credentials(RequestCredentials::Omit);
        base().is_some_and(|base| !base.is_empty()) && self.fetch("/healthz", &init).await.is_ok()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // After its end that does nothing.
        self.0.abort();
    }
}

async fn sleep(span: Duration) {
    let (done, over) = oneshot::channel::<()>();
    set_timeout(move || drop(done), span);
    // Told by being dropped.
    over.await.ok();
}

/// After how many seconds the server wants to be asked again.
fn retry_after(response: &Response) -> Option<u32> {
    response.headers().get("retry-after").ok().flatten()?.parse().ok()
}

/// When it is the turn of one client of many that were told the same: not before it, and up to a half later.
fn in_turn(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into()).max(PAUSE).mul_f64(1.0 + Math::random() / 2.0)
}

fn failure(response: &Response, status: u16, text: &str) -> Failure {
    let retry_after = retry_after(response);
    let error = serde_json::from_str(text).unwrap_or_else(|_| {
        // Not ours: a proxy's page, most likely.
        let kind = match status {
            401 => Kind::NotSignedIn,
            403 => Kind::CrossOrigin,
            404 => Kind::NotFound,
            413 => Kind::TooLarge,
            429 | 502..=504 => Kind::Busy,
            _ => Kind::Internal,
        };
        kind.into()
    });
    Failure { error, retry_after }
}
