//! What a provider is asked, and how its answers are checked.
//!
//! Source: OpenID Connect Core 1.0, 3.1; Discovery 1.0; RP-Initiated Logout 1.0; RFC 7636.

use super::{Http, Provider, ProviderError, Purpose, Transaction};
use crate::session::clock::Clock;
use http_body_util::{BodyExt as _, Full, Limited};
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims,
    CoreJwsSigningAlgorithm as Algorithm, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret,
    CsrfToken, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IssuerUrl, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, ProviderMetadataWithLogout as Metadata, RedirectUrl,
    RequestTokenError, Scope, SignatureVerificationError,
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
/// How long ago a token may have been made, and how far its maker's clock may be ahead of ours: seconds.
const OLDEST: i64 = 10 * 60;
const AHEAD: i64 = 60;
/// How long it may take to answer: a visitor waits for it.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of an answer.
const LARGEST: usize = 1 << 20;

type Ours = CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What a provider has said of itself, and when it was asked last.
#[derive(Default)]
pub(super) struct Known {
    metadata: Option<(Arc<Metadata>, Instant)>,
    failed: Option<(String, Instant)>,
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
    /// Whether the provider knows that the address is theirs.
    pub(in crate::backend) verified: bool,
    /// When they proved to the provider who they are, in milliseconds since 1970, if it says.
    pub(in crate::backend) at: Option<i64>,
}

impl Provider {
    /// Where a browser is led to, to sign in there.
    pub(in crate::backend) async fn authorization(&self, transaction: &Transaction) -> Result<Url, ProviderError> {
        let client = self.client(&*self.metadata(BELIEVED).await?)?;
        let verifier = PkceCodeVerifier::new(transaction.verifier());
        let (state, nonce) = (CsrfToken::new(transaction.state()), Nonce::new(transaction.nonce()));
        let request = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(self.registration.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        // To be signed in there already proves nothing anew.
        let request = match transaction.purpose {
            Purpose::SignIn => request,
            Purpose::Connect => request.add_prompt(CoreAuthPrompt::Login),
            Purpose::Confirm => request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO),
        };
        Ok(request.url().0)
    }

    /// Who has come back from there with this code.
    pub(in crate::backend) async fn person(
        &self,
        transaction: &Transaction,
        code: String,
    ) -> Result<Person, ProviderError> {
        let client = self.client(&*self.metadata(BELIEVED).await?)?;
        let http = |request| ask(self.http.clone(), self.is_on_https(), request);
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(unusable)?;
        let verifier = PkceCodeVerifier::new(transaction.verifier());
        let answer = exchange.set_pkce_verifier(verifier).request_async(&http).await.map_err(|error| match error {
            // Its words and no more; what else it answered may hold a token.
            RequestTokenError::ServerResponse(refusal) => unusable(format!("it refuses the code: {}", refusal.error())),
            RequestTokenError::Request(error) => unusable(error),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => unusable("its tokens cannot be read"),
        })?;
        let fields = answer.extra_fields();
        let token = fields.id_token().ok_or_else(|| ProviderError::Token("there is none".to_owned()))?;
        let nonce = Nonce::new(transaction.nonce());
        let checked = claims(&client, token, &nonce, answer.access_token());
        let claims = match checked {
            // Its keys have turned since it was asked for them.
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let renewed = self.client(&*self.metadata(PAUSE).await?)?;
                claims(&renewed, token, &nonce, answer.access_token()).cloned()
            }
            checked => checked.cloned(),
        };
        let claims = claims.map_err(|error| ProviderError::Token(error.to_string()))?;
        let told = claims.email().is_some() && claims.name().is_some();
        let more: Option<CoreUserInfoClaims> =
            match client.user_info(answer.access_token().clone(), Some(claims.subject().clone())) {
                // Who it is, is known; of the rest a new account has need, and says so.
                Ok(request) if !told => request.request_async(&http).await.ok(),
                // It has told all, or has no more to tell.
                _ => None,
            };
        Ok(person(&claims, more.as_ref()))
    }

    /// Where somebody signs out at the provider, if it offers that.
    pub(in crate::backend) async fn end(&self) -> Result<Option<Url>, ProviderError> {
        let metadata = self.metadata(BELIEVED).await?;
        let Some(end) = &metadata.additional_metadata().end_session_endpoint else { return Ok(None) };
        let mut url = end.url().clone();
        let registration = &self.registration;
        url.query_pairs_mut()
            .append_pair("client_id", &registration.client_id)
            .append_pair("post_logout_redirect_uri", &registration.home);
        Ok(Some(url))
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
            return said.ok_or_else(|| unusable(why));
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
                known.failed = Some((why.clone(), Instant::now()));
                let said = known.metadata.as_ref().map(|(metadata, _)| Arc::clone(metadata));
                said.ok_or_else(|| unusable(why))
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
        let client = CoreClient::from_provider_metadata(
            metadata.clone(),
            ClientId::new(registration.client_id.clone()),
            Some(secret),
        );
        let client = client.set_redirect_uri(callback);
        Ok(client.set_auth_type(if basic { AuthType::BasicAuth } else { AuthType::RequestBody }))
    }
}

/// What an ID token says, if it is one: signed by a key of the issuer, with an algorithm that needs one; for this site, for
/// this sign-in, now; and of one piece with the access token.
fn claims<'a>(
    client: &'a Ours,
    token: &'a CoreIdToken,
    nonce: &Nonce,
    access: &AccessToken,
) -> Result<&'a CoreIdTokenClaims, ClaimsVerificationError> {
    const ALGORITHMS: [Algorithm; 9] = [
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
    let verifier = client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_issue_time_verifier_fn(|issued| {
        // By the system's clock, which the certificates of providers are judged by as well.
        let age = Clock::System.now().seconds() - issued.timestamp();
        if (-AHEAD..=OLDEST).contains(&age) { Ok(()) } else { Err(format!("it was made {age} seconds ago")) }
    });
    let claims = token.claims(&verifier, nonce)?;
    // The library leaves this one out.
    if claims.authorized_party().is_some_and(|party| **party != **client.client_id()) {
        return Err(ClaimsVerificationError::Other("it was given to another site".to_owned()));
    }
    if let Some(expected) = claims.access_token_hash() {
        let (algorithm, key) = (token.signing_alg(), token.signing_key(&verifier));
        let (algorithm, key) = algorithm
            .and_then(|algorithm| Ok((algorithm, key?)))
            .map_err(ClaimsVerificationError::SignatureVerification)?;
        if AccessTokenHash::from_token(access, algorithm, key).ok().as_ref() != Some(expected) {
            return Err(ClaimsVerificationError::Other("its access token is another one's".to_owned()));
        }
    }
    Ok(claims)
}

fn person(claims: &CoreIdTokenClaims, more: Option<&CoreUserInfoClaims>) -> Person {
    let text = |text: &str| Some(text.to_owned());
    let name = claims.name().or_else(|| more?.name()).and_then(|names| names.get(None)).and_then(|name| text(name));
    // Address and proof from one place.
    let (email, verified) = match (claims.email(), more) {
        (None, Some(more)) => (more.email(), more.email_verified()),
        (email, _) => (email, claims.email_verified()),
    };
    Person {
        issuer: claims.issuer().to_string(),
        subject: claims.subject().to_string(),
        name,
        email: email.and_then(|email| text(email)),
        verified: verified == Some(true),
        at: claims.auth_time().map(|time| time.timestamp_millis()),
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
