//! Takes the place of the crate wasm-streams in the browser's program (`[patch.crates-io]`).
//!
//! server_fn's own client names it for bodies that stream. No server function here streams, and the calls go by a client
//! of ours (`src/browser/`), so none of this runs. The real crate exports its types to JavaScript, which keeps them in the
//! program although nothing uses them: 5 kB after compression.

use futures_util::Stream;
use futures_util::stream::Empty;
use wasm_bindgen::JsValue;

const ABSENT: &str = "streamed bodies are not part of this program: remove the patch of wasm-streams from Cargo.toml";

/// A stream of the browser.
#[derive(Debug)]
pub struct ReadableStream(());

impl ReadableStream {
    /// Panics: streams are not part of this program.
    pub fn from_stream<S>(_: S) -> Self
    where
        S: Stream<Item = Result<JsValue, JsValue>> + 'static,
    {
        panic!("{ABSENT}")
    }

    /// Panics: streams are not part of this program.
    #[must_use]
    pub fn from_raw(_: web_sys::ReadableStream) -> Self {
        panic!("{ABSENT}")
    }

    /// Panics: streams are not part of this program.
    #[must_use]
    pub fn into_raw(self) -> web_sys::ReadableStream {
        panic!("{ABSENT}")
    }

    /// Panics: streams are not part of this program.
    #[must_use]
    pub fn into_stream(self) -> Empty<Result<JsValue, JsValue>> {
        panic!("{ABSENT}")
    }
}
