//! One address, two kinds of body: JSON from scripts, urlencoded from forms.

use serde::{Serialize, de::DeserializeOwned};
use server_fn::{ContentType, Decodes, Encodes, Format, FormatType};

/// A request body that is JSON or urlencoded; the browser's client sends JSON.
///
/// Server functions name one encoding, but a form posts before (or without) WebAssembly. The two cannot be
/// confused: the arguments are an object, so JSON begins with `{`, which urlencoding always escapes. The
/// content type is checked before, in `server::api`. An empty body stands for no arguments.
pub struct JsonOrForm;

impl ContentType for JsonOrForm {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for JsonOrForm {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for JsonOrForm {
    type Error = serde_json::Error;

    fn encode(arguments: &T) -> Result<server_fn::Bytes, Self::Error> {
        serde_json::to_vec(arguments).map(Into::into)
    }
}

impl<T: DeserializeOwned> Decodes<T> for JsonOrForm {
    type Error = String;

    fn decode(body: server_fn::Bytes) -> Result<T, Self::Error> {
        if body.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(&body).map_err(|e| e.to_string())
        } else {
            serde_urlencoded::from_bytes(&body).map_err(|e| e.to_string())
        }
    }
}
