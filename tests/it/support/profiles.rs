//! Profiles of twelve providers for the stub issuer: their known deviations from the standard's examples.
//! `docs/PROVIDERS.md` has the settings for them.

use super::issuer::Way;
use serde_json::{Value, json};

/// A provider's deviations.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a quirk of its own")]
pub struct Profile {
    /// Its name in the table of `docs/PROVIDERS.md`.
    pub name: &'static str,
    /// The path of its issuer identifier.
    pub path: &'static str,
    /// Whether it publishes metadata.
    pub describes: bool,
    /// Changed fields of its metadata; `null` removes a field.
    pub description: Value,
    /// Changed claims of its ID tokens; `null` removes a claim.
    pub token: Value,
    /// The claims of its userinfo, if it has userinfo.
    pub user_info: Option<Value>,
    /// When its ID tokens have `auth_time`.
    pub says_when: When,
    /// Whether its responses contain `iss` (RFC 9207).
    pub names_itself: bool,
    /// Whether it returns by a form post.
    pub posts: bool,
    /// Whether it accepts the client secret in the body only.
    pub secret_in_body: bool,
    /// Returns the reason for which it refuses a request, if it does.
    pub refuses: fn(&Way) -> Option<&'static str>,
    /// The parameters that its sign-out page requires.
    pub sign_out: &'static [&'static str],
}

/// When a provider reports the time of a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Always,
    /// If the request has `max_age`, as the standard demands.
    Asked,
    Never,
}

impl Profile {
    /// Returns a provider that follows the standard.
    pub fn plain() -> Self {
        Self {
            name: "",
            path: "",
            describes: true,
            description: json!({}),
            token: json!({}),
            user_info: None,
            says_when: When::Asked,
            names_itself: false,
            posts: false,
            secret_in_body: false,
            refuses: |_| None,
            sign_out: &["client_id", "post_logout_redirect_uri"],
        }
    }
}

/// Removes name and address from the ID token, for providers that report them in userinfo.
fn thin(more: &Value) -> Value {
    let mut thin = json!({"name": null, "email": null, "email_verified": null});
    let (all, more) = (thin.as_object_mut().expect("claims"), more.as_object().expect("claims"));
    all.extend(more.clone());
    thin
}

fn apples(way: &Way) -> Option<&'static str> {
    let scopes = way.asked("scope").unwrap_or_default();
    let known = |scope: &str| matches!(scope, "openid" | "email" | "name");
    match way.asked("response_mode").as_deref() {
        _ if !scopes.split(' ').all(known) => Some("invalid_scope"),
        Some("form_post") => None,
        _ => Some("response_mode must be form_post when name or email scope is requested"),
    }
}

/// Returns all twelve profiles.
#[expect(clippy::too_many_lines, reason = "it is a table")]
pub fn profiles() -> Vec<Profile> {
    vec![
        Profile {
            name: "Google",
            description: json!({
                "scopes_supported": ["openid", "email", "profile"], "code_challenge_methods_supported": ["plain", "S256"],
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "end_session_endpoint": null,
            }),
            token: json!({"azp": "hardtack", "hd": "example.com", "locale": null}),
            user_info: Some(json!({"name": "Ada", "email_verified": true})),
            says_when: When::Never,
            sign_out: &[],
            ..Profile::plain()
        },
        Profile {
            name: "Microsoft Entra ID",
            path: "/8d2f/v2.0",
            description: json!({
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "response_modes_supported": ["query", "fragment", "form_post"],
            }),
            token: json!({"email_verified": null, "ver": "2.0", "tid": "8d2f", "amr": "[\"pwd\"]"}),
            says_when: When::Always,
            ..Profile::plain()
        },
        Profile {
            name: "Apple",
            description: json!({
                "scopes_supported": ["openid", "email", "name"],
                "response_modes_supported": ["query", "fragment", "form_post"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"], "end_session_endpoint": null,
            }),
            token: json!({"name": null, "email_verified": "true", "is_private_email": "true", "nonce_supported": true}),
            says_when: When::Always,
            posts: true,
            secret_in_body: true,
            refuses: apples,
            sign_out: &[],
            ..Profile::plain()
        },
        Profile { name: "GitHub", describes: false, ..Profile::plain() },
        Profile {
            name: "Okta",
            description: json!({"scopes_supported": ["openid", "profile", "email", "address", "phone", "offline_access"]}),
            token: thin(&json!({"amr": ["pwd"], "ver": 1, "idp": "00o1"})),
            user_info: Some(json!({"name": "Ada", "email_verified": true, "updated_at": 1_700_000_000})),
            says_when: When::Always,
            sign_out: &["id_token_hint", "post_logout_redirect_uri"],
            ..Profile::plain()
        },
        Profile {
            name: "Auth0",
            path: "/",
            token: json!({"updated_at": "2025-12-23T10:59:07.841Z", "nickname": "ada", "sid": "s"}),
            user_info: Some(json!({"updated_at": "2025-12-23T10:59:07.841Z"})),
            ..Profile::plain()
        },
        Profile {
            name: "Keycloak",
            path: "/realms/example",
            token: json!({"azp": "hardtack", "acr": "1", "typ": "ID", "sid": "s", "preferred_username": "ada"}),
            says_when: When::Always,
            names_itself: true,
            ..Profile::plain()
        },
        Profile {
            name: "Zitadel",
            token: thin(&json!({"aud": ["hardtack", "271828182845904523"], "azp": "hardtack", "amr": ["pwd"]})),
            user_info: Some(json!({"name": "Ada", "email_verified": true, "updated_at": 1_700_000_000})),
            says_when: When::Always,
            ..Profile::plain()
        },
        Profile {
            name: "authentik",
            path: "/application/o/example/",
            token: json!({"email_verified": false, "acr": "goauthentik.io/providers/oauth2/default", "groups": []}),
            user_info: Some(json!({"email_verified": false})),
            says_when: When::Always,
            ..Profile::plain()
        },
        Profile {
            name: "Amazon Cognito",
            path: "/eu-central-1_Example",
            token: json!({"cognito:username": "ada", "name": null, "token_use": "id", "event_id": "e"}),
            user_info: Some(json!({"email_verified": "true", "username": "ada"})),
            says_when: When::Always,
            sign_out: &["client_id", "logout_uri"],
            ..Profile::plain()
        },
        Profile {
            name: "LinkedIn",
            path: "/oauth",
            description: json!({
                "scopes_supported": ["openid", "profile", "email"], "end_session_endpoint": null,
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }),
            token: json!({"nonce": null, "email_verified": "true"}),
            says_when: When::Never,
            secret_in_body: true,
            refuses: |way| way.asked("code_challenge").map(|_| "invalid_request"),
            sign_out: &[],
            ..Profile::plain()
        },
        Profile {
            name: "GitLab",
            description: json!({
                "scopes_supported": ["openid", "profile", "email", "read_user"],
                "code_challenge_methods_supported": ["plain", "S256"], "end_session_endpoint": null,
            }),
            token: json!({"sub_legacy": "l", "groups_direct": [], "profile": "https://gitlab.example/ada"}),
            user_info: Some(json!({"name": "Ada", "email_verified": true})),
            says_when: When::Always,
            sign_out: &[],
            ..Profile::plain()
        },
    ]
}
