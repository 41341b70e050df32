//! What a provider says of a person: the claims of an ID token and of userinfo.
//!
//! The claims that decide (`iss`, `sub`, `aud`, `azp`, `exp`, `iat`, `nonce`) are read strictly, and all that are wrong are
//! named. Every other claim is optional and read leniently: a type that the standard does not provide for never costs the
//! sign-in, and no claim is read that nothing here needs.
//!
//! Source: OpenID Connect Core 1.0, 2, 3.1.3.7 and 5.1.

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::time::UNIX_EPOCH;

/// How long ago an ID token may have been made, and how far its maker's clock may be ahead of ours, in seconds.
const OLDEST: i64 = 10 * 60;
const AHEAD: i64 = 60;
/// How many characters of a value a log repeats.
const SHOWN: usize = 200;

/// The claims of one token or one answer.
#[derive(Clone)]
pub struct Claims(Map<String, Value>);

/// What the claims that decide must say.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// The issuer, byte by byte.
    pub issuer: &'a str,
    /// What the provider knows this site by.
    pub client_id: &'a str,
    /// Other audiences that the operator trusts.
    pub audiences: &'a [String],
    /// The nonce of this sign-in. Without one the provider repeats none, but one that is there is another sign-in's.
    pub nonce: Option<&'a str>,
    /// Seconds since 1970.
    pub now: i64,
}

impl Claims {
    /// The claims in these bytes, which must be one JSON object.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok().map(Self)
    }

    /// The subject, if all claims that decide are as they must be.
    ///
    /// # Errors
    ///
    /// A sentence for each claim that is wrong. Values of persons are not in them.
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
            Ok(ends) => wrong.push(format!("`exp` is {} seconds ago", now.saturating_sub(ends))),
            Err(why) => wrong.push(why),
        }
        match self.seconds("iat").map(|issued| now.saturating_sub(issued)) {
            Ok(age) if (-AHEAD..=OLDEST).contains(&age) => {}
            Ok(age) if age < 0 => {
                wrong.push(format!("`iat` is {} seconds ahead of the clock here", age.saturating_neg()));
            }
            Ok(age) => wrong.push(format!("`iat` is {age} seconds ago")),
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

    /// Whether these claims of userinfo are about a subject. Source: OpenID Connect Core 1.0, 5.3.2.
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
            wrong.push("`aud` is neither text nor a list of texts".to_owned());
            return wrong;
        };
        if !audiences.contains(&client_id) {
            wrong.push("`aud` does not name this site's `client_id`".to_owned());
        }
        let other = |audience: &&&str| **audience != client_id && !trusted.iter().any(|known| known == **audience);
        if let Some(other) = audiences.iter().find(other) {
            wrong.push(format!(
                "`aud` also names {}; if that audience may have this site's tokens, add it to `audiences` of the provider",
                shown(other)
            ));
        }
        match self.get("azp") {
            Some(Value::String(party)) if party == client_id => {}
            None => {}
            Some(Value::String(party)) => {
                wrong.push(format!("`azp` is {}: it was given to another site", shown(party)));
            }
            Some(other) => wrong.push(format!("`azp` is {} and no text", kind(other))),
        }
        wrong
    }

    fn wrong_nonce(&self, expected: Option<&str>) -> Option<String> {
        let Some(expected) = expected else {
            return self.get("nonce").map(|_| "`nonce` is there, though none was sent".to_owned());
        };
        match self.required("nonce") {
            // By their hashes, so that the time of the comparison tells nothing of the nonce.
            Ok(nonce) if Sha256::digest(nonce) == Sha256::digest(expected) => None,
            Ok(_) => Some("`nonce` is another sign-in's".to_owned()),
            Err(why) => Some(format!("{why}; if the provider never repeats it, set `nonce = false` of the provider")),
        }
    }

    /// The name. A number is taken for the text that it is written as.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        match self.get("name")? {
            Value::String(text) => Some(text.clone()).filter(|text| !text.trim().is_empty()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// The e-mail address, if it is a text.
    #[must_use]
    pub fn email(&self) -> Option<&str> {
        self.get("email").and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// Whether the provider says that the address is the person's, as a boolean or as the text of one; `None` when it says
    /// neither.
    #[must_use]
    pub fn email_verified(&self) -> Option<bool> {
        match self.get("email_verified")? {
            Value::Bool(verified) => Some(*verified),
            Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// When the person signed in at the provider, in seconds since 1970: a number, the text of one, or RFC 3339 in
    /// UTC.
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

    /// The hash of the access token, if it is there.
    pub(super) fn access_token_hash(&self) -> Option<&Value> {
        self.get("at_hash")
    }

    /// The names of the optional claims that are there and cannot be read.
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

    /// A claim. `null` is none. Source: OpenID Connect Core 1.0, 5.3.2.
    fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &str) -> Result<&str, String> {
        match self.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(Value::String(_)) => Err(format!("`{name}` is empty")),
            Some(other) => Err(format!("`{name}` is {} and no text", kind(other))),
            None => Err(format!("`{name}` is missing")),
        }
    }

    /// Seconds since 1970, which must be a number.
    fn seconds(&self, name: &str) -> Result<i64, String> {
        let value = self.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
        whole(value).ok_or_else(|| format!("`{name}` is {} and no number of seconds", kind(value)))
    }
}

/// A number without its fraction, as far as one fits.
fn whole(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float saturates, and a fraction of a second means nothing here"
    )]
    number.as_i64().or_else(|| number.as_f64().map(|seconds| seconds as i64))
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value for a line of the log.
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
        let all = "`exp` is a text and no number of seconds; `iat` is a text and no number of seconds; `sub` is a number and \
                   no text";
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
