//! The requests to a provider, and the checks of its responses.
//!
//! Source: OpenID Connect Core 1.0, 3.1; Discovery 1.0; RP-Initiated Logout 1.0; RFC 7636.

use super::claims::{Claims, Expected};
use super::metadata::Metadata;
use super::token::{IdToken, Refused, Tokens};
use super::{Hint, Http, Provider, ProviderError, Purpose, SignOut, Transaction};
use hardtack_session::clock::Clock;
use http_body_util::{BodyExt as _, Full, Limited};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreAuthenticationFlow, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
};
use openidconnect::http::header::{ACCEPT, AUTHORIZATION};
use openidconnect::http::{HeaderValue, Request};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, Client, ClientId, ClientSecret, CsrfToken, DiscoveryError,
    EmptyAdditionalClaims, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    StandardErrorResponse,
};
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout};
use url::Url;

/// The time for which a provider's metadata and keys are cached.
const BELIEVED: Duration = Duration::from_secs(60 * 60);
/// The shortest time between two requests for metadata: for an unknown key, or after a failure.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest time that a provider may take to respond, because a user waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The largest response, in bytes.
const LARGEST: usize = 1 << 20;
/// The `max_age` of an ordinary sign-in, which accepts any age. It is sent all the same, because a provider must then
/// return `auth_time`. Source: OpenID Connect Core 1.0, 2, `auth_time`.
const ANY_AGE: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The longest ID token that a session keeps, in bytes.
const LONGEST_HINT: usize = 4096;

type Ours = Client<
    EmptyAdditionalClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// A provider's last metadata and its last failure, each with its time.
#[derive(Default)]
pub(super) struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    failed: Option<(ProviderError, Instant)>,
}

/// A user, as a provider describes them.
pub(in crate::backend) struct Person {
    /// The issuer that vouches for the user.
    pub(in crate::backend) issuer: String,
    /// The user's id at the provider, which no other user has there. An account is found by issuer and subject alone.
    pub(in crate::backend) subject: String,
    pub(in crate::backend) name: Option<String>,
    pub(in crate::backend) email: Option<String>,
    /// Whether the provider has verified the e-mail address, or the settings trust all of its addresses.
    pub(in crate::backend) verified: bool,
    /// The time at which the user signed in at the provider, in milliseconds since 1970, if it says so.
    pub(in crate::backend) at: Option<i64>,
    /// The ID token, if the provider wants it at the sign-out.
    pub(in crate::backend) hint: Option<Hint>,
}

impl Provider {
    /// Returns the address to which a browser goes to sign in.
    pub(in crate::backend) async fn authorization(&self, transaction: &Transaction) -> Result<Url, ProviderError> {
        let quirks = &self.registration.quirks;
        let client = self.client(&*self.metadata(BELIEVED).await?)?;
        let verifier = PkceCodeVerifier::new(transaction.verifier());
        let (state, nonce) = (CsrfToken::new(transaction.state()), Nonce::new(transaction.nonce()));
        let mut request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(self.registration.scopes.iter().cloned().map(Scope::new));
        if quirks.pkce {
            request = request.set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        }
        if quirks.form_post {
            request = request.add_extra_param("response_mode", "form_post");
        }
        // A user who is signed in at the provider already proves nothing by that, so these ask for a new sign-in there.
        let request = match transaction.purpose {
            Purpose::SignIn => request.set_max_age(ANY_AGE),
            Purpose::Connect => request.add_prompt(CoreAuthPrompt::Login),
            Purpose::Confirm => request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO),
        };
        let mut url = request.url().0;
        if !quirks.nonce {
            // Removed, because a provider that gets a nonce would have to return it.
            let asked: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| name != "nonce").collect();
            url.query_pairs_mut().clear().extend_pairs(asked);
        }
        Ok(url)
    }

    /// Exchanges an authorization code for tokens, checks the ID token, and returns the user.
    pub(in crate::backend) async fn person(
        &self,
        transaction: &Transaction,
        code: String,
    ) -> Result<Person, ProviderError> {
        let registration = &self.registration;
        let metadata = self.metadata(BELIEVED).await?;
        let answer = self.exchange(&metadata, transaction, code).await?;
        let text = answer.id.as_deref().ok_or_else(|| ProviderError::Token("the response has none".to_owned()))?;
        let nonce = registration.quirks.nonce.then(|| transaction.nonce());
        let expected = Expected {
            issuer: &registration.issuer,
            client_id: &registration.client_id,
            audiences: &registration.quirks.audiences,
            nonce: nonce.as_deref(),
            // The system's clock, which also decides whether the providers' certificates are valid.
            now: Clock::System.now().seconds(),
        };
        let check =
            |metadata: &Metadata| IdToken::read(text)?.verify(metadata.jwks().keys(), &expected, answer.access_token());
        let checked = match check(&metadata) {
            // The provider may have replaced its keys since they were requested.
            Err(Refused::UnknownKey) => check(&*self.metadata(PAUSE).await?),
            checked => checked,
        };
        let (subject, claims) = checked.map_err(|refused| ProviderError::Token(refused.to_string()))?;
        let needs = claims.email().is_none() || claims.name().is_none() || claims.email_verified().is_none();
        // The subject is verified already. Name and e-mail address are only needed to create an account, so a failed
        // userinfo request is not fatal here.
        let more = if needs { self.user_info(&metadata, answer.access_token(), &subject).await } else { None };
        let mut person = self.told(subject, &claims, more.as_ref());
        person.hint = self.hint(text);
        Ok(person)
    }

    /// Exchanges an authorization code for tokens.
    async fn exchange(
        &self,
        metadata: &Metadata,
        transaction: &Transaction,
        code: String,
    ) -> Result<Tokens, ProviderError> {
        let client = self.client(metadata)?;
        let http = |request| ask(self.http.clone(), self.is_on_https(), request);
        let mut exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(unusable)?;
        if self.registration.quirks.pkce {
            exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(transaction.verifier()));
        }
        exchange.request_async(&http).await.map_err(|error| match error {
            // Only the error code, because the rest of the response may hold a token.
            RequestTokenError::ServerResponse(refusal) => unusable(format!("it rejects the code: {}", refusal.error())),
            RequestTokenError::Request(error) => unusable(error),
            RequestTokenError::Parse(..) => {
                unusable("its tokens cannot be read: the response is not a JSON object with the string `access_token`")
            }
            RequestTokenError::Other(why) => unusable(format!("its tokens cannot be read: {why}")),
        })
    }

    /// Returns the userinfo claims about a subject; `None` when the provider has no userinfo, or, with a line in the
    /// log, when it is unusable.
    async fn user_info(&self, metadata: &Metadata, access: &AccessToken, subject: &str) -> Option<Claims> {
        let endpoint = metadata.userinfo_endpoint()?.url().as_str();
        let request = async {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", access.secret()))
                .map_err(|_| "its access token is not a valid header value".to_owned())?;
            bearer.set_sensitive(true);
            let request = Request::get(endpoint).header(AUTHORIZATION, bearer).header(ACCEPT, "application/json");
            let request = request.body(Vec::new()).map_err(|error| error.to_string())?;
            let answer =
                ask(self.http.clone(), self.is_on_https(), request).await.map_err(|error| error.to_string())?;
            if answer.status() != 200 {
                return Err(format!("its status is {}", answer.status()));
            }
            let claims = Claims::read(answer.body()).ok_or("it is not a JSON object")?;
            if claims.is_about(subject) { Ok(claims) } else { Err("its `sub` differs from the ID token's".to_owned()) }
        };
        let told = request.await;
        if let Err(why) = &told {
            let provider = &self.registration.id;
            tracing::warn!(provider, why, "the userinfo response of a provider is ignored");
        }
        told.ok()
    }

    /// Combines the claims of the ID token and of userinfo.
    fn told(&self, subject: String, claims: &Claims, more: Option<&Claims>) -> Person {
        let provider = &self.registration.id;
        for (source, claims) in [("ID token", Some(claims)), ("userinfo", more)] {
            let unreadable = claims.map(Claims::unreadable).unwrap_or_default();
            if !unreadable.is_empty() {
                tracing::warn!(
                    provider,
                    source,
                    claims = unreadable.join(", "),
                    "claims of an unexpected type are ignored"
                );
            }
        }
        // The address and its verification come from the same source.
        let vouches = |claims: &&Claims| claims.email().is_some() && claims.email_verified().is_some();
        let from = Some(claims).filter(vouches).or_else(|| more.filter(vouches));
        let from = from.or_else(|| [Some(claims), more].into_iter().flatten().find(|claims| claims.email().is_some()));
        let email = from.and_then(Claims::email).map(str::to_owned);
        let said = from.and_then(Claims::email_verified);
        let verified = email.is_some() && (said == Some(true) || self.registration.quirks.trust_email);
        if !verified {
            let says = match (&email, said) {
                (None, _) => "no `email`",
                (Some(_), None) => "no `email_verified`",
                (Some(_), Some(_)) => "`email_verified` is false",
            };
            tracing::info!(provider, says, "a provider sends no verified e-mail address");
        }
        Person {
            issuer: self.registration.issuer.clone(),
            subject,
            name: claims.name().or_else(|| more?.name()),
            email,
            verified,
            at: claims.auth_time().map(|seconds| seconds.saturating_mul(1000)),
            hint: None,
        }
    }

    /// Returns the ID token for the session to keep, if the provider wants it at the sign-out.
    fn hint(&self, token: &str) -> Option<Hint> {
        let wanted = self.registration.quirks.sign_out == SignOut::Hint;
        if wanted && token.len() > LONGEST_HINT {
            let (provider, bytes) = (&self.registration.id, token.len());
            tracing::warn!(provider, bytes, "an ID token is too long to store, so its session only signs out here");
            return None;
        }
        wanted.then(|| Hint(token.to_owned()))
    }

    /// Returns whether the provider announces `iss` in each of its responses. Source: RFC 9207, 2.4.
    pub(in crate::backend) async fn names_itself(&self) -> bool {
        // A sign-in fails anyway if the provider does not respond.
        self.metadata(BELIEVED).await.is_ok_and(|metadata| metadata.additional_metadata().names_itself == Some(true))
    }

    /// Returns the address at which the user signs out at the provider, if it has one that works for this session.
    pub(in crate::backend) async fn end(&self, hint: Option<&Hint>) -> Result<Option<Url>, ProviderError> {
        let registration = &self.registration;
        let (back, hint) = match (registration.quirks.sign_out, hint) {
            (SignOut::Standard, _) => ("post_logout_redirect_uri", None),
            (SignOut::LogoutUri, _) => ("logout_uri", None),
            (SignOut::Hint, Some(hint)) => ("post_logout_redirect_uri", Some(hint)),
            // Without the hint the provider's page would be a dead end.
            (SignOut::Hint, None) | (SignOut::Off, _) => return Ok(None),
        };
        let metadata = self.metadata(BELIEVED).await?;
        let Some(end) = &metadata.additional_metadata().end_session_endpoint else { return Ok(None) };
        let mut url = Url::parse(end).map_err(|_| unusable("its `end_session_endpoint` is not a URL"))?;
        if self.is_open(url.scheme()) {
            return Err(unusable("its `end_session_endpoint` is on plain http"));
        }
        url.query_pairs_mut().append_pair("client_id", &registration.client_id).append_pair(back, &registration.home);
        if let Some(Hint(token)) = hint {
            url.query_pairs_mut().append_pair("id_token_hint", token);
        }
        Ok(Some(url))
    }

    /// Returns the provider's metadata, as a user's sign-in would get it.
    pub(super) async fn known_metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.metadata(BELIEVED).await
    }

    /// Returns the provider's metadata, requested at most `age` ago. If the provider does not respond, returns its last
    /// metadata.
    async fn metadata(&self, age: Duration) -> Result<Arc<Metadata>, ProviderError> {
        // The lock makes concurrent callers wait for the same response.
        let mut known = self.known.lock().await;
        if let Some((metadata, _)) = known.metadata.as_ref().filter(|(_, at)| at.elapsed() < age) {
            return Ok(Arc::clone(metadata));
        }
        if let Some((why, _)) = known.failed.as_ref().filter(|(_, at)| at.elapsed() < PAUSE) {
            let said = known.metadata.as_ref().map(|(metadata, _)| Arc::clone(metadata));
            return said.ok_or_else(|| why.clone());
        }
        let issuer = IssuerUrl::new(self.registration.issuer.clone()).map_err(unusable)?;
        let http = |request| ask(self.http.clone(), self.is_on_https(), request);
        match Metadata::discover_async(issuer, &http).await {
            Ok(metadata) if self.is_open(metadata.authorization_endpoint().url().scheme()) => {
                Err(unusable("its `authorization_endpoint` is on plain http"))
            }
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { metadata: Some((Arc::clone(&metadata), Instant::now())), failed: None };
                Ok(metadata)
            }
            Err(error) => {
                let why = format!("its metadata cannot be read: {}", chain(&error));
                let away =
                    matches!(error, DiscoveryError::Request(AskError::Http(_) | AskError::Body(_) | AskError::Late(_)));
                let why = if away { ProviderError::Away(why) } else { ProviderError::Unusable(why) };
                known.failed = Some((why.clone(), Instant::now()));
                let said = known.metadata.as_ref().map(|(metadata, _)| Arc::clone(metadata));
                said.ok_or(why)
            }
        }
    }

    /// Returns whether a URL is unencrypted although the issuer is on https.
    fn is_open(&self, scheme: &str) -> bool {
        self.is_on_https() && scheme != "https"
    }

    fn is_on_https(&self) -> bool {
        self.registration.issuer.starts_with("https:")
    }

    fn client(&self, metadata: &Metadata) -> Result<Ours, ProviderError> {
        let registration = &self.registration;
        let secret = ClientSecret::new(registration.client_secret.as_str().to_owned());
        let callback = RedirectUrl::new(registration.callback.clone()).map_err(unusable)?;
        let takes = metadata.token_endpoint_auth_methods_supported();
        let basic = takes.is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let client_id = ClientId::new(registration.client_id.clone());
        let client = Client::from_provider_metadata(metadata.clone(), client_id, Some(secret));
        let client = client.set_redirect_uri(callback);
        Ok(client.set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody }))
    }
}

/// The reason why a request got no response.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("it cannot be reached: {}", chain(.0))]
    Http(#[from] hyper_util::client::legacy::Error),
    #[error("its response breaks off or is too large: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("it names a URL on plain http")]
    Open,
    #[error("it does not answer in time")]
    Late(#[from] Elapsed),
}

/// Sends a request. For an issuer on https, the request must be on https too.
async fn ask(http: Http, by_https: bool, request: HttpRequest) -> Result<HttpResponse, AskError> {
    if by_https && request.uri().scheme_str() != Some("https") {
        return Err(AskError::Open);
    }
    let whole = async {
        let (head, body) = http.request(request.map(|body| Full::new(Cursor::new(body)))).await?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(AskError::Body)?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().into()))
    };
    timeout(PATIENCE, whole).await?
}

#[expect(clippy::needless_pass_by_value, reason = "it is what map_err calls")]
fn unusable(why: impl ToString) -> ProviderError {
    ProviderError::Unusable(why.to_string())
}

/// Returns an error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        line = format!("{line}: {error}");
        behind = error.source();
    }
    line
}
