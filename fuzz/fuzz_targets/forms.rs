//! Fuzz target: arbitrary bytes as the body of a server function. Parsing never panics, and a parsed value stays the
//! same when it is written as a form or as JSON and parsed again.
#![no_main]

use hardtack::model::codec::{Json, JsonOrForm};
use libfuzzer_sys::fuzz_target;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use server_fn::{Bytes, Decodes, Encodes};
use std::fmt::Debug;

/// The arguments of a sign-in.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct SignIn {
    username: String,
    password: String,
    #[serde(default)]
    keep: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The argument of the handshake.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Handshake {
    session: String,
}

/// A call without arguments.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Nothing {}

fn check<T: Debug + DeserializeOwned + PartialEq + Serialize>(body: &[u8]) {
    let decode = |body: Bytes| <JsonOrForm as Decodes<T>>::decode(body);
    let Ok(read) = decode(Bytes::copy_from_slice(body)) else { return };
    let form = serde_urlencoded::to_string(&read).expect("a form");
    assert_eq!(decode(form.into()).as_ref(), Ok(&read), "as a form");
    let json = <Json as Encodes<T>>::encode(&read).expect("JSON");
    assert_eq!(decode(json).as_ref(), Ok(&read), "as JSON");
}

fuzz_target!(|body: &[u8]| {
    check::<SignIn>(body);
    check::<Handshake>(body);
    check::<Nothing>(body);
});
