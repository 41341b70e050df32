//! Provider metadata. Source: OpenID Connect Discovery 1.0, 3; RFC 8414, 2; RFC 9207, 3.

use super::token::ALGORITHMS;
use super::{Provider, ProviderError, Registration};
use hardtack_doctor::Announced;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, ProviderMetadata, Scope};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

pub(super) type Metadata = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// The metadata fields that the library does not read. A field of an unexpected type counts as absent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(super) struct More {
    /// The sign-out page. Source: OpenID Connect RP-Initiated Logout 1.0, 2.1.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) end_session_endpoint: Option<String>,
    /// Whether each response of the provider names its issuer.
    #[serde(default, deserialize_with = "lenient", rename = "authorization_response_iss_parameter_supported")]
    pub(super) names_itself: Option<bool>,
    /// The PKCE methods.
    #[serde(default, deserialize_with = "lenient")]
    pub(super) code_challenge_methods_supported: Option<Vec<String>>,
}

impl AdditionalProviderMetadata for More {}

fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

impl Provider {
    /// Returns the metadata that a sign-in depends on, for the doctor to check.
    pub(super) async fn announced(&self) -> Announced {
        let Registration { id, issuer, scopes, quirks, .. } = &self.registration;
        let mut announced = Announced {
            provider: id.clone(),
            issuer: issuer.clone(),
            pkce: quirks.pkce,
            form_post: quirks.form_post,
            asked: scopes.clone(),
            ..Announced::default()
        };
        match self.known_metadata().await {
            Ok(metadata) => announce(&metadata, &mut announced),
            Err(why) => {
                announced.away = matches!(why, ProviderError::Away(_));
                announced.failure = Some(why.to_string());
            }
        }
        announced
    }
}

fn announce(metadata: &Metadata, announced: &mut Announced) {
    let more = metadata.additional_metadata();
    let code = |types: &openidconnect::ResponseTypes<CoreResponseType>| **types == [CoreResponseType::Code];
    announced.code = metadata.response_types_supported().iter().any(code);
    announced.exchanges = metadata.token_endpoint().is_some();
    announced.signs = metadata.id_token_signing_alg_values_supported().iter().any(|one| ALGORITHMS.contains(one));
    announced.identifies = metadata.token_endpoint_auth_methods_supported().is_none_or(|methods| {
        methods
            .iter()
            .any(|one| matches!(one, CoreClientAuthMethod::ClientSecretBasic | CoreClientAuthMethod::ClientSecretPost))
    });
    announced.challenges.clone_from(&more.code_challenge_methods_supported);
    let scope = |scope: &Scope| scope.as_str().to_owned();
    announced.scopes = metadata.scopes_supported().map(|scopes| scopes.iter().map(scope).collect());
    announced.posts = metadata.response_modes_supported().map(|modes| modes.contains(&CoreResponseMode::FormPost));
    announced.names_itself = more.names_itself == Some(true);
}
