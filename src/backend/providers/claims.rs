//! The claims of an ID token and of a userinfo response.
//!
//! The claims that decide (`iss`, `sub`, `aud`, `azp`, `exp`, `iat`, `nonce`) are read strictly, and the error names
//! every wrong one. All other claims are optional and read leniently: an unexpected type never fails the sign-in.
//! Claims that the server does not need are not read.
//!
//! Source: OpenID Connect Core 1.0, 2, 3.1.3.7 and 5.1.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::time::UNIX_EPOCH;

/// The greatest age of an ID token, and how far its issuer's clock may be ahead of this server's, in seconds.
const OLDEST: i64 = 10 * 60;
const AHEAD: i64 = 60;
/// The number of characters of a value that the log repeats.
const SHOWN: usize = 200;

/// The claims of one token or one response.
#[derive(Clone)]
pub struct Claims(Map<String, Value>);

/// The values that the deciding claims must have.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The issuer, compared byte by byte.
    pub issuer: &'a str,
    /// The client id of this site at the provider.
    pub client_id: &'a str,
    /// Other audiences that the operator trusts.
    pub audiences: &'a [String],
    /// The nonce of this sign-in; `None` when none was sent. A token with a nonce then belongs to another sign-in.
    pub nonce: Option<&'a str>,
    /// The current time, in seconds since 1970.
    pub now: i64,
}

impl Claims {
    /// Parses claims, which must be one JSON object.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// Returns the subject, if all deciding claims are right.
    ///
    /// # Errors
    ///
    /// A sentence for each wrong claim. It contains no personal data.
    pub fn subject_of(&self, expected: &Expected<'_>) -> Result<String, Vec<String>> {
        let Expected { issuer, client_id, audiences, nonce, now } = *expected;
        let mut wrong = Vec::new();
        match self.required("iss") {
            Ok(found) if found == issuer => {}
            Ok(found) => wrong.push(format!("`iss` is {}, but `issuer` is {}", shown(found), shown(issuer))),
            Err(why) => wrong.push(why),
        }
        wrong.extend(self.wrong_audience(client_id, audiences));
        match self.seconds("exp") {
            Ok(ends) if ends > now => {}
            Ok(ends) => wrong.push(format!("`exp` was {} seconds ago", now.saturating_sub(ends))),
            Err(why) => wrong.push(why),
        }
        match self.seconds("iat").map(|issued| now.saturating_sub(issued)) {
            Ok(age) if (-AHEAD..=OLDEST).contains(&age) => {}
            Ok(age) if age < 0 => {
                wrong.push(format!("`iat` is {} seconds ahead of this server's clock", age.saturating_neg()));
            }
            Ok(age) => wrong.push(format!("`iat` was {age} seconds ago")),
            Err(why) => wrong.push(why),
        }
        wrong.extend(self.wrong_nonce(nonce));
        match self.required("sub") {
            Ok(subject) if wrong.is_empty() => return Ok(subject.to_owned()),
            Ok(_) => {}
            Err(why) => wrong.push(why),
        }
        Err(wrong)
    }

    /// Returns whether these claims of userinfo are about a subject. Source: OpenID Connect Core 1.0, 5.3.2.
    #[must_use]
    pub fn is_about(&self, subject: &str) -> bool {
        self.required("sub") == Ok(subject)
    }

    fn wrong_audience(&self, client_id: &str, trusted: &[String]) -> Vec<String> {
        let mut wrong = Vec::new();
        let audiences = match self.get("aud") {
            Some(Value::String(one)) => Some(vec![one.as_str()]),
            Some(Value::Array(list)) => list.iter().map(Value::as_str).collect(),
            Some(_) => None,
            None => {
                wrong.push("`aud` is missing".to_owned());
                return wrong;
            }
        };
        let Some(audiences) = audiences else {
            wrong.push("`aud` is neither a string nor an array of strings".to_owned());
            return wrong;
        };
        if !audiences.contains(&client_id) {
            wrong.push("`aud` does not name this site's `client_id`".to_owned());
        }
        let other = |audience: &&&str| **audience != client_id && !trusted.iter().any(|known| known == **audience);
        if let Some(other) = audiences.iter().find(other) {
            wrong.push(format!(
                "`aud` also names {}; if you trust it with this site's tokens, add it to `audiences` of the provider",
                shown(other)
            ));
        }
        match self.get("azp") {
            Some(Value::String(party)) if party == client_id => {}
            None => {}
            Some(Value::String(party)) => {
                wrong.push(format!("`azp` is {}: the token was issued to another site", shown(party)));
            }
            Some(other) => wrong.push(format!("`azp` is {}, not a string", kind(other))),
        }
        wrong
    }

    fn wrong_nonce(&self, expected: Option<&str>) -> Option<String> {
        let Some(expected) = expected else {
            return self.get("nonce").map(|_| "`nonce` is present, although none was sent".to_owned());
        };
        match self.required("nonce") {
            // Compares hashes, so that the time of the comparison reveals nothing about the nonce.
            Ok(nonce) if Sha256::digest(nonce) == Sha256::digest(expected) => None,
            Ok(_) => Some("`nonce` belongs to another sign-in".to_owned()),
            Err(why) => Some(format!("{why}; if the provider never returns it, set `nonce = false` for the provider")),
        }
    }

    /// Returns the name. A number is returned as text.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.get("name")? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// Returns the e-mail address, if it is a string.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.get("email").and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Returns whether the provider has verified the e-mail address. The claim is a boolean, or `true` or `false` as a
    /// string; `None` when it is neither.
    #[must_use]
    pub fn email_verified(&self) -> Option<bool> {
        match self.get("email_verified")? {
            Value::Bool(verified) => Some(*verified),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// Returns when the user signed in at the provider, in seconds since 1970. The claim is a number, a number as a
    /// string, or RFC 3339 in UTC.
    #[must_use]
    pub fn auth_time(&self) -> Option<i64> {
        match self.get("auth_time")? {
            Value::String(text) => {
                let text = text.trim();
                let dated = || humantime::parse_rfc3339_weak(text).ok()?.duration_since(UNIX_EPOCH).ok();
                text.parse().ok().or_else(|| i64::try_from(dated()?.as_secs()).ok())
            }
            other => whole(other),
        }
    }

    /// Returns the hash of the access token, if there is one.
    pub(super) fn access_token_hash(&self) -> Option<&Value> {
        self.get("at_hash")
    }

    /// Returns the names of the optional claims that are present and unreadable.
    #[must_use]
    pub fn unreadable(&self) -> Vec<&'static str> {
        let read = [
            ("name", self.name().is_some()),
            ("email", self.email().is_some()),
            ("email_verified", self.email_verified().is_some()),
            ("auth_time", self.auth_time().is_some()),
        ];
        read.into_iter().filter(|(name, read)| !read && self.get(name).is_some()).map(|(name, _)| name).collect()
    }

    /// Returns a claim. `null` counts as absent. Source: OpenID Connect Core 1.0, 5.3.2.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str) -> Result<&str, String> {
        match self.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(Value::String(_)) => Err(format!("`{name}` is empty")),
            Some(other) => Err(format!("`{name}` is {}, not a string", kind(other))),
            None => Err(format!("`{name}` is missing")),
        }
    }

    /// Returns a claim that must be a number, in seconds since 1970.
    fn seconds(&self, name: &str) -> Result<i64, String> {
        let value = self.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
        whole(value).ok_or_else(|| format!("`{name}` is {}, not a number of seconds", kind(value)))
    }
}

/// Returns a number without its fraction, limited to the range of `i64`.
fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float saturates, and a fraction of a second does not matter here"
    )]
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Returns a value for a line of the log.
fn shown(text: &str) -> String {
    let cut: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    format!("`{cut}`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: i64 = 1_800_000_000;

    fn claims(change: &[(&str, Value)]) -> Claims {
        let whole =
            json!({"iss": "https://a.example", "aud": "us", "sub": "ada", "nonce": "n", "iat": NOW, "exp": NOW + 60});
        let Value::Object(mut whole) = whole else { return Claims(Map::new()) };
        whole.extend(change.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Claims(whole)
    }

    fn told(change: &[(&str, Value)]) -> Result<String, Vec<String>> {
        let audiences = ["project".to_owned()];
        let expected = Expected {
            issuer: "https://a.example",
            client_id: "us",
            audiences: &audiences,
            nonce: Some("n"),
            now: NOW,
        };
        claims(change).subject_of(&expected)
    }

    #[test]
    fn s77_required_claims_are_strict_and_all_that_are_wrong_are_named() {
        assert_eq!(told(&[]), Ok("ada".to_owned()));
        assert_eq!(told(&[("aud", json!(["us", "project"])), ("azp", json!("us"))]), Ok("ada".to_owned()));
        let texts = [("exp", json!((NOW + 60).to_string())), ("iat", json!(NOW.to_string())), ("sub", json!(7))];
        let wrong = told(&texts).expect_err("three are wrong").join("; ");
        let all = "`exp` is a string, not a number of seconds; `iat` is a string, not a number of seconds; `sub` is a number, \
                   not a string";
        assert_eq!(wrong, all);
        for (name, value) in [
            ("iss", json!("https://a.example/")),
            ("iss", json!(["https://a.example"])),
            ("aud", json!(["us", "other"])),
            ("aud", json!(["us", 7])),
            ("aud", json!({"us": true})),
            ("azp", json!("other")),
            ("azp", json!(["us"])),
            ("exp", json!(NOW)),
            ("iat", json!(NOW + 61)),
            ("iat", json!(NOW - 601)),
            ("nonce", json!("m")),
            ("nonce", json!(null)),
            ("sub", json!("")),
            ("sub", json!(null)),
        ] {
            let wrong = told(&[(name, value.clone())]).expect_err(name);
            assert!(wrong.len() == 1 && wrong[0].contains(&format!("`{name}`")), "{name} {value}: {wrong:?}");
        }
    }

    #[test]
    fn optional_claims_are_read_as_far_as_they_can_be() {
        for (value, read) in [
            (json!(NOW), Some(NOW)),
            (json!(1_800_000_000.9), Some(NOW)),
            (json!("1800000000"), Some(NOW)),
            (json!("2027-01-15T08:00:00Z"), Some(NOW)),
            (json!("2027-01-15T08:00:00.841Z"), Some(NOW)),
            (json!("yesterday"), None),
            (json!([NOW]), None),
            (json!(1e300), Some(i64::MAX)),
        ] {
            assert_eq!(claims(&[("auth_time", value.clone())]).auth_time(), read, "{value}");
        }
        for (value, read) in [
            (json!(true), Some(true)),
            (json!("true"), Some(true)),
            (json!("FALSE"), Some(false)),
            (json!(1), None),
            (json!("yes"), None),
        ] {
            assert_eq!(claims(&[("email_verified", value.clone())]).email_verified(), read, "{value}");
        }
        let odd = claims(&[("name", json!(4711)), ("email", json!(["a@example.com"])), ("auth_time", json!({}))]);
        assert_eq!((odd.name().as_deref(), odd.email()), (Some("4711"), None));
        assert_eq!(odd.unreadable(), ["email", "auth_time"]);
    }
}
