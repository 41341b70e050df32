//! What a provider is asked, and how its answers are checked.
//!
//! Source: OpenID Connect Core 1.0, 3.1; Discovery 1.0; RP-Initiated Logout 1.0; RFC 7636.

use super::claims::{Claims, Expected};
use super::metadata::Metadata;
use super::token::{IdToken, Refused, Tokens};
use super::{Hint, Http, Provider, ProviderError, Purpose, SignOut, Transaction};
use crate::session::clock::Clock;
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

/// How long it is believed what a provider says of itself, its keys among that.
const BELIEVED: Duration = Duration::from_secs(60 * 60);
/// How often it is asked anew at most: for a key that is unknown, or because it did not answer.
const PAUSE: Duration = Duration::from_secs(10);
/// How long it may take to answer: a visitor waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const LARGEST: usize = 1 << 20;
/// How long ago a person may have signed in at the provider who only signs in here: whenever. Asked all the same, because a
/// provider that is asked for an age must say what it is. Source: OpenID Connect Core 1.0, 2, `auth_time`.
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

/// What a provider has said of itself, and when it was asked last.
#[derive(Default)]
pub(super) struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    failed: Option<(ProviderError, Instant)>,
}

/// What a provider says of somebody.
pub(in crate::backend) struct Person {
    /// Who vouches.
    pub(in crate::backend) issuer: String,
    /// Who it is, in a name that the provider gives to nobody else: with the issuer, the only thing that an account is
    /// found by.
    pub(in crate::backend) subject: String,
    pub(in crate::backend) name: Option<String>,
    pub(in crate::backend) email: Option<String>,
    /// Whether the provider knows that the address is theirs, or all of its addresses are believed.
    pub(in crate::backend) verified: bool,
    /// When they proved to the provider who they are, in milliseconds since 1970, if it says.
    pub(in crate::backend) at: Option<i64>,
    /// The ID token, if the provider wants to see it at the sign-out.
    pub(in crate::backend) hint: Option<Hint>,
}

impl Provider {
    /// Where a browser is led to, to sign in there.
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
        // To be signed in there already proves nothing anew.
        let request = match transaction.purpose {
            Purpose::SignIn => request.set_max_age(ANY_AGE),
            Purpose::Connect => request.add_prompt(CoreAuthPrompt::Login),
            Purpose::Confirm => request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO),
        };
        let mut url = request.url().0;
        if !quirks.nonce {
            // A provider that was sent one would have to repeat it.
            let asked: Vec<_> = url.query_pairs().into_owned().filter(|(name, _)| name != "nonce").collect();
            url.query_pairs_mut().clear().extend_pairs(asked);
        }
        Ok(url)
    }

    /// Who has come back from there with this code.
    pub(in crate::backend) async fn person(
        &self,
        transaction: &Transaction,
        code: String,
    ) -> Result<Person, ProviderError> {
        let registration = &self.registration;
        let metadata = self.metadata(BELIEVED).await?;
        let answer = self.exchange(&metadata, transaction, code).await?;
        let text = answer.id.as_deref().ok_or_else(|| ProviderError::Token("there is none".to_owned()))?;
        let nonce = registration.quirks.nonce.then(|| transaction.nonce());
        let expected = Expected {
            issuer: &registration.issuer,
            client_id: &registration.client_id,
            audiences: &registration.quirks.audiences,
            nonce: nonce.as_deref(),
            // The system's clock, which the certificates of providers are judged by as well.
            now: Clock::System.now().seconds(),
        };
        let check =
            |metadata: &Metadata| IdToken::read(text)?.verify(metadata.jwks().keys(), &expected, answer.access_token());
        let checked = match check(&metadata) {
            // Its keys have turned since it was asked for them.
            Err(Refused::UnknownKey) => check(&*self.metadata(PAUSE).await?),
            checked => checked,
        };
        let (subject, claims) = checked.map_err(|refused| ProviderError::Token(refused.to_string()))?;
        let needs = claims.email().is_none() || claims.name().is_none() || claims.email_verified().is_none();
        // Who it is, is known; of the rest a new account has need, and says so.
        let more = if needs { self.user_info(&metadata, answer.access_token(), &subject).await } else { None };
        let mut person = self.told(subject, &claims, more.as_ref());
        person.hint = self.hint(text);
        Ok(person)
    }

    /// The tokens that a code is good for.
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
            // Its words and no more; what else it answered may hold a token.
            RequestTokenError::ServerResponse(refusal) => unusable(format!("it refuses the code: {}", refusal.error())),
            RequestTokenError::Request(error) => unusable(error),
            RequestTokenError::Parse(..) => {
                unusable("its tokens cannot be read: the answer is no JSON object with the text `access_token`")
            }
            RequestTokenError::Other(why) => unusable(format!("its tokens cannot be read: {why}")),
        })
    }

    /// What userinfo says of a subject; nothing where the provider has none, and a line of the log where it is of no use.
    async fn user_info(&self, metadata: &Metadata, access: &AccessToken, subject: &str) -> Option<Claims> {
        let endpoint = metadata.userinfo_endpoint()?.url().as_str();
        let request = async {
            let mut bearer = HeaderValue::try_from(format!("Bearer {}", access.secret()))
                .map_err(|_| "its access token is no header's value".to_owned())?;
            bearer.set_sensitive(true);
            let request = Request::get(endpoint).header(AUTHORIZATION, bearer).header(ACCEPT, "application/json");
            let request = request.body(Vec::new()).map_err(|error| error.to_string())?;
            let answer =
                ask(self.http.clone(), self.is_on_https(), request).await.map_err(|error| error.to_string())?;
            if answer.status() != 200 {
                return Err(format!("it answers {}", answer.status()));
            }
            let claims = Claims::read(answer.body()).ok_or("it is no JSON object")?;
            if claims.is_about(subject) { Ok(claims) } else { Err("its `sub` is not the ID token's".to_owned()) }
        };
        let told = request.await;
        if let Err(why) = &told {
            let provider = &self.registration.id;
            tracing::warn!(provider, why, "the userinfo of a provider is left aside");
        }
        told.ok()
    }

    /// Puts together what a provider says of somebody.
    fn told(&self, subject: String, claims: &Claims, more: Option<&Claims>) -> Person {
        let provider = &self.registration.id;
        for (source, claims) in [("ID token", Some(claims)), ("userinfo", more)] {
            let unreadable = claims.map(Claims::unreadable).unwrap_or_default();
            if !unreadable.is_empty() {
                tracing::warn!(
                    provider,
                    source,
                    claims = unreadable.join(", "),
                    "claims of an odd type are left aside"
                );
            }
        }
        // Address and proof from one place.
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
            tracing::info!(provider, says, "a provider does not vouch for an address");
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

    /// The ID token for the session to keep, if the provider wants to see it again.
    fn hint(&self, token: &str) -> Option<Hint> {
        let wanted = self.registration.quirks.sign_out == SignOut::Hint;
        if wanted && token.len() > LONGEST_HINT {
            let (provider, bytes) = (&self.registration.id, token.len());
            tracing::warn!(provider, bytes, "an ID token is too long to be kept, so its session signs out here alone");
            return None;
        }
        wanted.then(|| Hint(token.to_owned()))
    }

    /// Whether the provider says that it names itself in each answer. Source: RFC 9207, 2.4.
    pub(in crate::backend) async fn names_itself(&self) -> bool {
        // Of one that does not answer nothing is believed anyway.
        self.metadata(BELIEVED).await.is_ok_and(|metadata| metadata.additional_metadata().names_itself == Some(true))
    }

    /// Where somebody signs out at the provider, if it offers that and takes the session for its own.
    pub(in crate::backend) async fn end(&self, hint: Option<&Hint>) -> Result<Option<Url>, ProviderError> {
        let registration = &self.registration;
        let (back, hint) = match (registration.quirks.sign_out, hint) {
            (SignOut::Standard, _) => ("post_logout_redirect_uri", None),
            (SignOut::LogoutUri, _) => ("logout_uri", None),
            (SignOut::Hint, Some(hint)) => ("post_logout_redirect_uri", Some(hint)),
            // Without the hint its page would be a dead end.
            (SignOut::Hint, None) | (SignOut::Off, _) => return Ok(None),
        };
        let metadata = self.metadata(BELIEVED).await?;
        let Some(end) = &metadata.additional_metadata().end_session_endpoint else { return Ok(None) };
        let mut url = Url::parse(end).map_err(|_| unusable("its `end_session_endpoint` is no address"))?;
        if self.is_open(url.scheme()) {
            return Err(unusable("its `end_session_endpoint` is on plain http"));
        }
        url.query_pairs_mut().append_pair("client_id", &registration.client_id).append_pair(back, &registration.home);
        if let Some(Hint(token)) = hint {
            url.query_pairs_mut().append_pair("id_token_hint", token);
        }
        Ok(Some(url))
    }

    /// What the provider says of itself, as a visitor's sign-in would learn it.
    pub(super) async fn known_metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.metadata(BELIEVED).await
    }

    /// What the provider says of itself, asked for at most `age` ago. When it does not answer, what it said last.
    async fn metadata(&self, age: Duration) -> Result<Arc<Metadata>, ProviderError> {
        // Whoever else wants to know waits for the same answer.
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
                Err(unusable("it leads to plain http"))
            }
            Ok(metadata) => {
                let metadata = Arc::new(metadata);
                *known = Known { metadata: Some((Arc::clone(&metadata), Instant::now())), failed: None };
                Ok(metadata)
            }
            Err(error) => {
                let why = format!("it does not say what it is: {}", chain(&error));
                let away =
                    matches!(error, DiscoveryError::Request(AskError::Http(_) | AskError::Body(_) | AskError::Late(_)));
                let why = if away { ProviderError::Away(why) } else { ProviderError::Unusable(why) };
                known.failed = Some((why.clone(), Instant::now()));
                let said = known.metadata.as_ref().map(|(metadata, _)| Arc::clone(metadata));
                said.ok_or(why)
            }
        }
    }

    /// Whether everybody on the way could read along with what begins so, although the issuer is on https.
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

/// Why nobody has answered.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("it cannot be reached: {}", chain(.0))]
    Http(#[from] hyper_util::client::legacy::Error),
    #[error("its answer breaks off or is too large: {0}")]
    Body(Box<dyn std::error::Error + Send + Sync>),
    #[error("it names an address on plain http")]
    Open,
    #[error("it does not answer in time")]
    Late(#[from] Elapsed),
}

/// Asks, and what it asks of an issuer on https by nothing else.
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

/// An error and what is behind it, in a line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut behind = error.source();
    while let Some(error) = behind {
        line = format!("{line}: {error}");
        behind = error.source();
    }
    line
}
