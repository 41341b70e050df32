//! Fuzz target: arbitrary claims of an ID token and of userinfo, complete or with single claims replaced. Parsing never
//! panics, required claims are accepted only in the standard's form, and no optional claim prevents the sign-in.
#![no_main]

use arbitrary::Arbitrary;
use hardtack::backend::providers::claims::{Claims, Expected};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;
const DECIDE: [&str; 7] = ["iss", "sub", "aud", "azp", "exp", "iat", "nonce"];

#[derive(Arbitrary, Debug)]
struct Told {
    /// The complete claims, instead of good ones.
    bytes: Option<Vec<u8>>,
    /// Claims that replace good claims or are added to them.
    changes: Vec<(Name, Kind)>,
}

/// Random names are seldom known claims, so the fuzzer can choose a known one.
#[derive(Arbitrary, Debug)]
enum Name {
    Known(u8),
    Any(String),
}

#[derive(Arbitrary, Debug)]
enum Kind {
    Nothing,
    Bool(bool),
    Whole(i64),
    Float(f64),
    Text(String),
    Digits(i64),
    List(Vec<String>),
    Nested(u8),
    /// The value of a known claim in a good token.
    Good(u8),
}

const KNOWN: [&str; 14] = [
    "iss", "sub", "aud", "azp", "exp", "iat", "nonce", "name", "email", "email_verified", "auth_time", "updated_at", "amr",
    "at_hash",
];

fn good() -> Value {
    json!({
        "iss": "https://a.example", "aud": ["us", "project"], "azp": "us", "sub": "ada", "nonce": "n", "iat": NOW,
        "exp": NOW + 60, "name": "Ada", "email": "ada@example.com", "email_verified": true, "auth_time": NOW,
    })
}

impl Kind {
    fn value(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Bool(flag) => json!(flag),
            Self::Whole(number) => json!(number),
            Self::Float(number) => json!(number),
            Self::Text(text) => json!(text),
            Self::Digits(number) => json!(number.to_string()),
            Self::List(list) => json!(list),
            Self::Nested(depth) => (0..*depth).fold(json!({}), |inner, _| json!([inner])),
            Self::Good(at) => good()[KNOWN[usize::from(*at) % KNOWN.len()]].clone(),
        }
    }
}

/// Returns whether the required claims are valid, by a second implementation of the rules.
fn is_good(claims: &Value) -> bool {
    let text = |name: &str| claims[name].as_str();
    let within = |name: &str, from: f64, to: f64| claims[name].as_f64().is_some_and(|at| at >= from && at < to);
    let now = NOW as f64;
    let audiences = match &claims["aud"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(list) => list.iter().map(|one| one.as_str().unwrap_or("?")).collect(),
        _ => Vec::new(),
    };
    text("iss") == Some("https://a.example")
        && text("nonce") == Some("n")
        && text("sub").is_some_and(|subject| !subject.is_empty())
        && audiences.contains(&"us")
        && audiences.iter().all(|one| ["us", "project"].contains(one))
        && (claims["azp"].is_null() || text("azp") == Some("us"))
        && within("exp", now + 1.0, f64::INFINITY)
        && within("iat", now - 600.0, now + 61.0)
}

fuzz_target!(|told: Told| {
    let mut spelt = good();
    let mut decides = told.bytes.is_some();
    if let Value::Object(spelt) = &mut spelt {
        for (name, kind) in &told.changes {
            let name = match name {
                Name::Known(at) => KNOWN[usize::from(*at) % KNOWN.len()],
                Name::Any(name) => name.as_str(),
            };
            decides |= DECIDE.contains(&name);
            spelt.insert(name.to_owned(), kind.value());
        }
    }
    let bytes = told.bytes.unwrap_or_else(|| spelt.to_string().into_bytes());
    let Some(claims) = Claims::read(&bytes) else { return };
    let audiences = ["project".to_owned()];
    let expected =
        Expected { issuer: "https://a.example", client_id: "us", audiences: &audiences, nonce: Some("n"), now: NOW };
    let subject = claims.subject_of(&expected);
    let whole: Value = serde_json::from_slice(&bytes).expect("it was parsed");
    assert_eq!(subject.is_ok(), is_good(&whole), "{subject:?} of {whole}");
    assert!(decides || subject.is_ok(), "an optional claim prevented the sign-in: {whole}");
    if let Ok(subject) = &subject {
        assert!(claims.is_about(subject));
    }
    // Only text is an address, and an address is verified only by the exact values.
    assert_eq!(claims.email(), whole["email"].as_str().filter(|text| !text.is_empty()));
    let vouched = whole["email_verified"] == true
        || whole["email_verified"].as_str().is_some_and(|text| text.eq_ignore_ascii_case("true"));
    assert_eq!(claims.email_verified() == Some(true), vouched);
    let _ = (claims.name(), claims.auth_time(), claims.unreadable());
});
