//! A request, and what comes of it.

use super::base::base;
use super::first::First;
use crate::model::error::{Kind, WireError};
use leptos::prelude::set_timeout_with_handle;
use leptos::wasm_bindgen::{JsCast, JsValue};
use serde::{Serialize, de::DeserializeOwned};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Headers, RequestCredentials, RequestInit, RequestMode, Response, window};

/// How often a call that only reads is tried again when its answer does not arrive.
const RETRIES: u32 = 2;
/// The pause before the first of them; it doubles.
const PAUSE: Duration = Duration::from_millis(300);

/// A call of the server.
///
/// The cookie goes along, to the server that the page belongs to and to no other. Dropped, it is cancelled. What only reads
/// is tried again when the network fails, and nothing else is: it may have arrived.
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

    pub(super) const fn new(method: &'static str, path: String) -> Self {
        Self { method, path, body: None, credentials: true, timeout: Duration::from_secs(30) }
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

    pub(super) fn body(self, content_type: &'static str, text: String) -> Self {
        Self { body: Some((content_type, text)), ..self }
    }

    /// Leaves the cookie at home, and takes none from the answer. Default: it goes along.
    #[must_use]
    pub fn without_credentials(self) -> Self {
        Self { credentials: false, ..self }
    }

    /// How long the whole answer may take. Default: 30 seconds.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Calls the server.
    ///
    /// # Errors
    ///
    /// The server's own error, or why there is none: [`Kind::Unreachable`], [`Kind::Refused`] (the browser keeps the answer
    /// from this page), [`Kind::Timeout`].
    pub async fn send(self) -> Result<Answer, Failure> {
        let first = First::turn().await;
        let mut tried = 0;
        let answer = loop {
            match self.attempt().await {
                Err(Kind::Unreachable) if self.method == "GET" && tried < RETRIES => {
                    sleep(PAUSE * 2_u32.pow(tried)).await;
                    tried += 1;
                }
                other => break other,
            }
        };
        let answer = match answer {
            Err(Kind::Unreachable) if is_there().await => Err(Kind::Refused),
            other => other,
        };
        let (response, text) = answer?;
        if let Some(first) = first {
            first.answered();
        }
        match response.status() {
            status @ 400.. => Err(failure(&response, status, &text)),
            status => Ok(Answer { status, text }),
        }
    }

    async fn attempt(&self) -> Result<(Response, String), Kind> {
        let lost = |_: JsValue| Kind::Unreachable;
        let call = AbortController::new().map(Call).map_err(lost)?;
        let init = RequestInit::new();
        init.set_method(self.method);
        init.set_signal(Some(&call.0.signal()));
        // The cookie is for this server alone, wherever a path that is none might lead.
        let ours = self.path.starts_with('/') && !self.path.starts_with("//");
        let credentials = self.credentials && ours;
        init.set_credentials(if credentials { RequestCredentials::Include } else { RequestCredentials::Omit });
        let headers = Headers::new().map_err(lost)?;
        headers.set("accept", "application/json").map_err(lost)?;
        if let Some((content_type, text)) = &self.body {
            headers.set("content-type", content_type).map_err(lost)?;
            init.set_body(&JsValue::from_str(text));
        }
        init.set_headers(&headers);
        let controller = call.0.clone();
        let timer = set_timeout_with_handle(move || controller.abort(), self.timeout).map_err(lost)?;
        let answered = async {
            let response: Response = fetch(&self.path, &init).await?.unchecked_into();
            let text = JsFuture::from(response.text()?).await?;
            Ok((response, text.as_string().unwrap_or_default()))
        };
        let answer = answered.await.map_err(|error: JsValue| {
            drop(error);
            if call.0.signal().aborted() { Kind::Timeout } else { Kind::Unreachable }
        });
        timer.clear();
        answer
    }
}

/// Cancels the call when nobody waits for it any more. After its end that does nothing.
struct Call(AbortController);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn fetch(path: &str, init: &RequestInit) -> Result<JsValue, JsValue> {
    let window = window().ok_or(JsValue::NULL)?;
    let url = base().unwrap_or_default() + path;
    JsFuture::from(window.fetch_with_str_and_init(&url, init)).await
}

/// Whether a server elsewhere can be reached at all: if so, it was the browser that kept its answer from this page.
async fn is_there() -> bool {
    let init = RequestInit::new();
    init.set_mode(RequestMode::NoCors);
    init.set_credentials(RequestCredentials::Omit);
    base().is_some() && fetch("/healthz", &init).await.is_ok()
}

fn failure(response: &Response, status: u16, text: &str) -> Failure {
    let header = response.headers().get("retry-after").ok().flatten();
    let retry_after = header.and_then(|seconds| seconds.parse().ok());
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

async fn sleep(span: Duration) {
    let mut begun = false;
    let over = std::rc::Rc::new(std::cell::Cell::new(false));
    pin!(poll_fn(|context| {
        if !begun {
            begun = true;
            let (over, waker) = (std::rc::Rc::clone(&over), context.waker().clone());
            leptos::prelude::set_timeout(
                move || {
                    over.set(true);
                    waker.wake();
                },
                span,
            );
        }
        if over.get() { Poll::Ready(()) } else { Poll::Pending }
    }))
    .await;
}
