//! The responses of a provider's token endpoint, and the ID token in them.
//!
//! The library also checks ID tokens, but it reads all claims at once and rejects the token for one optional claim of
//! an unexpected type. So the token is verified here, with the library's keys and signatures, and [`Claims`] reads its
//! claims.
//!
//! Source: OpenID Connect Core 1.0, 3.1.3.3 and 3.1.3.7; RFC 7515; RFC 7519.

use super::claims::{Claims, Expected};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreGenderClaim, CoreIdToken, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm as Algorithm, CoreTokenType,
};
use openidconnect::{
    AccessToken, AccessTokenHash, EmptyAdditionalClaims, JsonWebKey, JsonWebKeyAlgorithm, JwsSigningAlgorithm as _,
    OAuth2TokenResponse, RefreshToken, Scope, TokenResponse,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// The signature algorithms that an ID token may have: those with a key that only the issuer has.
pub(super) const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// The response of the token endpoint. No other field is read, so none can make it unusable.
pub(super) struct Tokens {
    access: AccessToken,
    pub(super) id: Option<String>,
    kind: CoreTokenType,
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut answer = Map::<String, Value>::deserialize(deserializer)?;
        let Some(Value::String(access)) = answer.remove("access_token") else {
            return Err(D::Error::missing_field("access_token"));
        };
        let id = answer.remove("id_token").and_then(|id| id.as_str().map(str::to_owned));
        Ok(Self { access: AccessToken::new(access), id, kind: CoreTokenType::Bearer })
    }
}

impl Serialize for Tokens {
    /// Writes nothing. The library requires this implementation, but tokens are never written here.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl OAuth2TokenResponse for Tokens {
    type TokenType = CoreTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access
    }

    fn token_type(&self) -> &CoreTokenType {
        &self.kind
    }

    fn expires_in(&self) -> Option<Duration> {
        None
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        None
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl TokenResponse<EmptyAdditionalClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm> for Tokens {
    /// Returns `None`, because the library must not read the ID token: see [`Tokens::id`].
    fn id_token(&self) -> Option<&CoreIdToken> {
        None
    }
}

/// An ID token before its signature is verified.
pub(super) struct IdToken<'a> {
    algorithm: Algorithm,
    key: Option<String>,
    claims: Claims,
    signed: &'a str,
    signature: Vec<u8>,
}

/// The reason why an ID token is rejected.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It names a key that the provider had not published at the last request.
    UnknownKey,
    /// The errors in it, a sentence each.
    Wrong(Vec<String>),
}

impl Refused {
    fn one(why: impl Into<String>) -> Self {
        Self::Wrong(vec![why.into()])
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("the provider does not publish the key that signed it"),
            Self::Wrong(wrong) => f.write_str(&wrong.join("; ")),
        }
    }
}

/// The header of a token. Its other fields (`jku`, `jwk`, `x5u`) name keys and are not read, because keys come from the
/// issuer alone.
#[derive(Deserialize)]
struct Head {
    alg: Value,
    kid: Option<String>,
    typ: Option<String>,
    cty: Option<Value>,
    crit: Option<Value>,
}

impl<'a> IdToken<'a> {
    /// Parses a token.
    pub(super) fn read(text: &'a str) -> Result<Self, Refused> {
        let broken = || Refused::one("it is not a signed token (JWS)");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(broken)?;
        let (head, claims) = signed.split_once('.').ok_or_else(broken)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| broken());
        let head: Head = serde_json::from_slice(&decode(head)?).map_err(|_| broken())?;
        // Rejects access tokens, which are no ID tokens, and critical extensions, which are not understood here.
        let typ = head.typ.as_deref().map(str::to_ascii_lowercase);
        let typ = typ.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
        if !matches!(typ, None | Some("jwt" | "jose")) || head.cty.is_some() || head.crit.is_some() {
            return Err(Refused::one("its header names another kind of token (`typ`, `cty` or `crit`)"));
        }
        let algorithm = serde_json::from_value(head.alg).ok().filter(|algorithm| ALGORITHMS.contains(algorithm));
        let algorithm =
            algorithm.ok_or_else(|| Refused::one("it is signed with an algorithm that is not accepted here"))?;
        let claims = Claims::read(&decode(claims)?).ok_or_else(|| Refused::one("its claims are not a JSON object"))?;
        Ok(Self { algorithm, key: head.kid, claims, signed, signature: decode(signature)? })
    }

    /// Returns the subject and the claims, if one of the issuer's keys signed the token, and it is valid now, for this
    /// site, this sign-in and this access token.
    pub(super) fn verify(
        self,
        keys: &[CoreJsonWebKey],
        expected: &Expected<'_>,
        access: &AccessToken,
    ) -> Result<(String, Claims), Refused> {
        let candidates: Vec<_> = keys.iter().filter(|key| self.may_be_by(key)).collect();
        if candidates.is_empty() {
            return Err(Refused::UnknownKey);
        }
        let signs = |key: &&&CoreJsonWebKey| {
            key.verify_signature(&self.algorithm, self.signed.as_bytes(), &self.signature).is_ok()
        };
        let key = candidates.iter().find(signs);
        let key = key.ok_or_else(|| Refused::one("its signature is not from the issuer's key"))?;
        let subject = self.claims.subject_of(expected).map_err(Refused::Wrong)?;
        if let Some(hash) = self.claims.access_token_hash() {
            let own = AccessTokenHash::from_token(access, &self.algorithm, *key).ok();
            if own.is_none_or(|own| hash.as_str() != Some(own.as_str())) {
                return Err(Refused::one("`at_hash` belongs to another access token"));
            }
        }
        Ok((subject, self.claims))
    }

    /// Returns whether a key fits the token's algorithm, and has the id that the token's header names, if it names one.
    fn may_be_by(&self, key: &CoreJsonWebKey) -> bool {
        let named = self.key.as_ref().is_none_or(|id| key.key_id().is_some_and(|own| own.as_str() == id));
        let fit = match key.signing_alg() {
            JsonWebKeyAlgorithm::Algorithm(algorithm) => *algorithm == self.algorithm,
            JsonWebKeyAlgorithm::Unspecified => true,
            JsonWebKeyAlgorithm::Unsupported => false,
        };
        let signs = key.key_use().is_none_or(openidconnect::JsonWebKeyUse::allows_signature);
        named && fit && signs && self.algorithm.key_type().as_ref() == Some(key.key_type())
    }
}
