//! The encodings of the API: JSON for responses and errors, JSON or a form for requests.

use serde::{Serialize, de::DeserializeOwned};
use server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};

/// JSON, parsed from text.
///
/// server_fn's own encoding parses bytes, while islands parse their properties from text. A parser of each kind for
/// every type made the browser's program five kilobytes larger.
pub struct Json;

impl ContentType for Json {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for Json {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for Json {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_string(value).map(Into::into)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Json {
    type Error = String;

    fn decode(body: Bytes) -> Result<T, Self::Error> {
        let text = str::from_utf8(&body).map_err(|e| e.to_string())?;
        serde_json::from_str(text).map_err(|e| e.to_string())
    }
}

/// A request body that is JSON or urlencoded; the browser's client sends JSON.
///
/// A server function names one encoding, but a form posts before (or without) WebAssembly. The two cannot be confused:
/// the arguments are an object, so JSON begins with `{`, which urlencoding always escapes. `server::api` checks the
/// content type first. An empty body means no arguments.
pub struct JsonOrForm;

impl ContentType for JsonOrForm {
    const CONTENT_TYPE: &'static str = Json::CONTENT_TYPE;
}

impl FormatType for JsonOrForm {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonOrForm {
    type Error = serde_json::Error;

    fn encode(arguments: &T) -> Result<Bytes, Self::Error> {
        Json::encode(arguments)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonOrForm {
    type Error = String;

    fn decode(body: Bytes) -> Result<T, Self::Error> {
        if body.trim_ascii_start().starts_with(b"{") { Json::decode(body) } else { form(&body) }
    }
}

/// Parses the fields of a form, or of a query: `application/x-www-form-urlencoded`, in UTF-8.
///
/// # Errors
///
/// When a field is missing or has another type. When a field is not UTF-8: other form parsers replace such bytes with
/// U+FFFD, and many passwords would count as one.
pub fn form<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    // The whole body is UTF-8 exactly when each field is, because the separators are ASCII.
    if percent_encoding::percent_decode(body).decode_utf8().is_err() {
        return Err("a field of the form is not UTF-8".to_owned());
    }
    serde_urlencoded::from_bytes(body).map_err(|e| e.to_string())
}
