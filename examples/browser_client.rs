//! The browser's client for scripts: what the tests in `end2end/client/` call in a real browser. `tools/client` builds it.
//!
//! An outcome is JSON: the answer, or the failure with its kind, or that the call was dropped.

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

/// A call that a script puts together.
#[wasm_bindgen]
pub struct Call(Request);

#[wasm_bindgen]
impl Call {
    /// Asks for what is at a path.
    #[must_use]
    pub fn get(path: String) -> Self {
        Self(Request::get(path))
    }

    /// Sends something to a path.
    #[must_use]
    pub fn post(path: String) -> Self {
        Self(Request::post(path))
    }

    /// Sends this JSON.
    ///
    /// # Errors
    ///
    /// The failure, when it cannot be written again.
    pub fn json(self, text: &str) -> Result<Self, String> {
        self.0.json(&value(text)).map(Self).map_err(|failure| failed(&failure))
    }

    /// Sends the names and values of this JSON object as a form.
    ///
    /// # Errors
    ///
    /// The failure, when it is more than that.
    pub fn form(self, text: &str) -> Result<Self, String> {
        self.0.form(&value(text)).map(Self).map_err(|failure| failed(&failure))
    }

    /// Leaves the cookie at home.
    #[must_use]
    pub fn without_credentials(self) -> Self {
        Self(self.0.without_credentials())
    }

    /// How many milliseconds all of it may take.
    #[must_use]
    pub fn timeout(self, milliseconds: f64) -> Self {
        Self(self.0.timeout(Duration::from_secs_f64(milliseconds / 1000.0)))
    }

    /// Calls, and gives the outcome. The call is dropped when the promise is kept first.
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

/// Calls one of the server functions, and gives the outcome. It is dropped when the promise is kept first.
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

/// Whether the page takes itself for an exported one.
#[wasm_bindgen]
#[must_use]
pub fn is_elsewhere() -> bool {
    hardtack::browser::is_elsewhere()
}

/// Panics have their texts here.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The outcome of a call, unless a promise is kept first: then the call is dropped.
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
