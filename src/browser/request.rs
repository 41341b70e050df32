//! A request to the server, and its result.

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

/// The number of retries of a GET whose response does not arrive, or has a `Retry-After`.
const RETRIES: u32 = 2;
/// The pause before the first retry; it doubles each time.
const PAUSE: Duration = Duration::from_millis(300);
/// The longest delay of a browser's timers: 24 days.
const LONGEST: Duration = Duration::from_millis(0x7fff_ffff);

/// A request to the server.
///
/// It sends the cookie to the page's server, and to no other. It is cancelled when its future is dropped. A GET is
/// retried when the network fails, and when the server responds with 429 or 503 and a `Retry-After` within the timeout.
/// Other methods are not retried, because the request may have arrived.
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

/// The reason why a call has no usable response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The error, for programs and for people.
    pub error: WireError,
    /// The seconds until a retry, if the server names them (`Retry-After`).
    pub retry_after: Option<u32>,
}

impl From<Kind> for Failure {
    fn from(kind: Kind) -> Self {
        Self { error: kind.into(), retry_after: None }
    }
}

/// A response of the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status: less than 400.
    pub status: u16,
    /// The body.
    pub text: String,
}

impl Answer {
    /// Returns the body, parsed as JSON.
    ///
    /// # Errors
    ///
    /// When the body is not JSON for this type.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_str(&self.text).map_err(|_| Kind::Internal.into())
    }
}

impl Request {
    /// Creates a GET request for a path of the server.
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path.into())
    }

    /// Creates a POST request for a path of the server.
    #[must_use]
    pub fn post(path: impl Into<String>) -> Self {
        Self::new("POST", path.into())
    }

    pub(super) fn new(method: &'static str, path: String) -> Self {
        // No cookie if `path` is no path of the server, because it may lead to another server.
        let credentials = is_path(&path);
        Self { method, path, body: None, credentials, timeout: Duration::from_secs(30) }
    }

    /// Sets the body to a value as JSON.
    ///
    /// # Errors
    ///
    /// When the value cannot be serialized as JSON.
    pub fn json<T: Serialize>(self, value: &T) -> Result<Self, Failure> {
        let text = serde_json::to_string(value).map_err(|_| Failure::from(Kind::Invalid))?;
        Ok(self.body("application/json", text))
    }

    /// Sets the body to a value, urlencoded like a form.
    ///
    /// # Errors
    ///
    /// When the value is not a flat list of names and values.
    pub fn form<T: Serialize>(self, value: &T) -> Result<Self, Failure> {
        let text = serde_urlencoded::to_string(value).map_err(|_| Failure::from(Kind::Invalid))?;
        Ok(self.body("application/x-www-form-urlencoded", text))
    }

    /// Sets the body to a text of a content type.
    #[must_use]
    pub fn body(self, content_type: &'static str, text: String) -> Self {
        Self { body: Some((content_type, text)), ..self }
    }

    /// Sends no cookie, and ignores the cookies of the response. Default: cookies are sent and stored.
    #[must_use]
    pub fn without_credentials(self) -> Self {
        Self { credentials: false, ..self }
    }

    /// Sets the timeout for all of it: the wait for a first call, the attempts, and the pauses. Default: 30 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.min(LONGEST), ..self }
    }

    /// Sends the request.
    ///
    /// # Errors
    ///
    /// The error of the server; without a response [`Kind::Unreachable`], [`Kind::Refused`] (the browser does not let
    /// this page read it) or [`Kind::Timeout`].
    pub async fn send(self) -> Result<Answer, Failure> {
        let late = pin!(sleep(self.timeout));
        match select(pin!(self.call()), late).await {
            Either::Left((outcome, _)) => outcome,
            // The call is dropped here, which cancels it.
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
            // Fails at once when the next attempt would begin after the timeout.
            let pause = pause.filter(|pause| self.method == "GET" && tried < RETRIES && paused + *pause < self.timeout);
            let Some(pause) = pause else { break answer };
            sleep(pause).await;
            (tried, paused) = (tried + 1, paused + pause);
        };
        let (response, text) = match answer {
            Ok(answer) => answer,
            Err(kind) => {
                // No cookie has come, so the next call goes alone.
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

/// Returns whether this is a path of the server. Browsers read `\` as `/`, and skip tabs and line breaks.
fn is_path(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains(|c: char| c == '\\' || c.is_control())
}

/// The abort handle of all attempts of a call. Dropping it cancels the attempt that is under way.
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

    /// Returns whether a server of another origin can be reached at all. If so, the browser withheld its response from
    /// this page.
    async fn finds_the_server(&self) -> bool {
        let init = RequestInit::new();
        init.set_mode(RequestMode::NoCors);
        init.set_credentials(RequestCredentials::Omit);
        base().is_some_and(|base| !base.is_empty()) && self.fetch("/healthz", &init).await.is_ok()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // Does nothing after the end of the call.
        self.0.abort();
    }
}

async fn sleep(span: Duration) {
    let (done, over) = oneshot::channel::<()>();
    set_timeout(move || drop(done), span);
    // The timer drops the sender, which ends the wait.
    over.await.ok();
}

/// Returns the seconds of the header `Retry-After`.
fn retry_after(response: &Response) -> Option<u32> {
    response.headers().get("retry-after").ok().flatten()?.parse().ok()
}

/// Returns a pause of at least the given time and up to a half more, so that clients with the same `Retry-After` do not
/// all come at once.
fn in_turn(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into()).max(PAUSE).mul_f64(1.0 + Math::random() / 2.0)
}

fn failure(response: &Response, status: u16, text: &str) -> Failure {
    let retry_after = retry_after(response);
    let error = serde_json::from_str(text).unwrap_or_else(|_| {
        // No error of this server: most likely the page of a proxy.
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
