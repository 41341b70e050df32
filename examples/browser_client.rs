//! The browser's client as an API for scripts, which the tests in `end2end/client/` call in a real browser.
//! `tools/client` builds it.
//!
//! The result of a call is JSON: the response, the error with its kind, or that the call was dropped.

use futures::future::{Either, select};
use hardtack::api::{
    handshake::read_handshake, handshake::send_handshake, overview::read_overview, visits::count_visit,
};
use hardtack::browser::{Failure, Request};
use hardtack::model::error::WireError;
use serde::Serialize;
use serde_json::{Value, from_str, json};
use std::pin::pin;
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_futures::js_sys::Promise;

/// A call that a script builds.
#[wasm_bindgen]
pub struct Call(Request);

#[wasm_bindgen]
impl Call {
    /// Returns a `GET` of a path.
    #[must_use]
    pub fn get(path: String) -> Self {
        Self(Request::get(path))
    }

    /// Returns a `POST` to a path.
    #[must_use]
    pub fn post(path: String) -> Self {
        Self(Request::post(path))
    }

    /// Sets this JSON as the body.
    ///
    /// # Errors
    ///
    /// Returns the error if the text cannot be serialized.
    pub fn json(self, text: &str) -> Result<Self, String> {
        self.0.json(&value(text)).map(Self).map_err(|failure| failed(&failure))
    }

    /// Sets the names and values of this JSON object as the body, as a form.
    ///
    /// # Errors
    ///
    /// Returns the error if the text is not a flat object.
    pub fn form(self, text: &str) -> Result<Self, String> {
        self.0.form(&value(text)).map(Self).map_err(|failure| failed(&failure))
    }

    /// Sends no cookies.
    #[must_use]
    pub fn without_credentials(self) -> Self {
        Self(self.0.without_credentials())
    }

    /// Sets the timeout of the whole call in milliseconds.
    #[must_use]
    pub fn timeout(self, milliseconds: f64) -> Self {
        Self(self.0.timeout(Duration::from_secs_f64(milliseconds / 1000.0)))
    }

    /// Sends the request and returns the result. If the promise resolves first, the call is dropped.
    pub async fn send(self, dropped: Promise) -> String {
        let call = async {
            match self.0.send().await {
                Ok(answer) => json!({ "status": answer.status, "text": answer.text }).to_string(),
                Err(failure) => failed(&failure),
            }
        };
        unless(dropped, call).await
    }
}

/// Calls a server function and returns the result. If the promise resolves first, the call is dropped.
#[wasm_bindgen]
pub async fn server_function(name: String, dropped: Promise) -> String {
    let call = async {
        match name.as_str() {
            "read_handshake" => answered(&read_handshake().await),
            "send_handshake" => answered(&send_handshake("a value".to_owned()).await),
            "read_overview" => answered(&read_overview().await),
            "count_visit" => answered(&count_visit().await),
            name => json!({ "unknown": name }).to_string(),
        }
    };
    unless(dropped, call).await
}

/// Returns whether the page is an exported one.
#[wasm_bindgen]
#[must_use]
pub fn is_elsewhere() -> bool {
    hardtack::browser::is_elsewhere()
}

/// Logs panics with their texts to the console.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// Returns the result of a call. If the promise resolves first, the call is dropped.
async fn unless(kept: Promise, call: impl Future<Output = String>) -> String {
    match select(pin!(call), pin!(JsFuture::from(kept))).await {
        Either::Left((outcome, _)) => outcome,
        Either::Right(_) => json!({ "dropped": true }).to_string(),
    }
}

fn answered<T: Serialize>(answer: &Result<T, WireError>) -> String {
    match answer {
        Ok(answer) => json!({ "answer": answer }).to_string(),
        Err(error) => json!({ "kind": error.kind, "message": error.message }).to_string(),
    }
}

fn failed(Failure { error, retry_after }: &Failure) -> String {
    json!({ "kind": error.kind, "message": error.message, "retry_after": retry_after }).to_string()
}

fn value(text: &str) -> Value {
    from_str(text).expect("a script sends JSON")
}
