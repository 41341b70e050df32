//! The check whether a visitor may see a page, before anything of it is rendered.

use super::explain::{refuse, wants_page};
use super::outcome;
use crate::app::access::{Access, LOGIN, PROFILE, of};
use crate::backend::account::visitor;
use crate::backend::accounts::Accounts;
use crate::model::error::{Kind, WireError};
use crate::model::next::Next;
use crate::model::outcome::Outcome;
use crate::model::viewer::{Own, Viewer};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::Next as Rest;
use axum::response::{IntoResponse as _, Redirect, Response};
use hardtack_session::Session;

/// Serves a page that the visitor may see, and attaches the current user. Redirects others without any part of the
/// page.
pub(super) async fn admit(
    State((access, accounts)): State<(Access, Accounts)>,
    request: Request,
    rest: Rest,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let viewer = match parts.extensions.get() {
        Some(session) => viewer(session, &accounts).await.map_err(|error| error.kind),
        None => Err(Kind::Internal),
    };
    let viewer = match (access, viewer) {
        // A page for all visitors is shown even when an error hides the current user.
        (Access::Everybody, viewer) => viewer.unwrap_or_default(),
        // An outage is not a sign-out.
        (_, Err(kind)) => return refuse(kind),
        (Access::SignedIn, Ok(Viewer::SignedIn(profile))) => Viewer::SignedIn(profile),
        (Access::SignedIn, Ok(_)) if !wants_page(&parts) => return refuse(Kind::NotSignedIn),
        (Access::SignedIn, Ok(_)) => {
            let back = Next::parse(parts.uri.path()).map(|next| next.behind(LOGIN));
            let back = back.unwrap_or_else(|| LOGIN.to_owned());
            if outcome::lacks_the_cookie(&parts) {
                // Without the error, the user would be asked to sign in again and again.
                let sign = if back.contains('?') { '&' } else { '?' };
                let back = format!("{back}{sign}error={}", Outcome::NO_COOKIE);
                return varied(outcome::lead(parts.extensions.get(), &back));
            }
            return lead(&back);
        }
        (Access::Nobody, Ok(Viewer::SignedIn(_))) => {
            return lead(wanted(&parts.uri).as_ref().map_or(PROFILE, Next::path));
        }
        (Access::Nobody, Ok(nobody)) => nobody,
    };
    if let (Viewer::SignedIn(_), Some(session)) = (&viewer, parts.extensions.get::<Session>())
        && let Ok(Some(facts)) = session.facts().await
    {
        let own = Own { handle: facts.handle.to_string(), left: facts.left.as_secs() };
        parts.extensions.insert(own);
    }
    parts.extensions.insert(viewer);
    rest.run(Request::from_parts(parts, body)).await
}

/// Returns the page that the visitor wanted to see, by the query of a URL, if it is a path of this site.
pub(super) fn wanted(uri: &Uri) -> Option<Next> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(name, _)| name == Next::NAME).and_then(|(_, path)| Next::parse(&path))
}

/// Returns the page that a URL with a trailing slash means, which is how exported pages are named.
pub(super) fn meant(uri: &Uri) -> Option<String> {
    let path = uri.path().strip_suffix('/')?;
    of(path)?;
    Some(uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}")))
}

/// Redirects. The response is not stored, because it depends on the visitor.
pub(super) fn see_other(to: &str) -> Response {
    let mut answer = Redirect::to(to).into_response();
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn lead(to: &str) -> Response {
    varied(see_other(to))
}

fn varied(mut answer: Response) -> Response {
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("accept, cookie"));
    answer
}

async fn viewer(session: &Session, accounts: &Accounts) -> Result<Viewer, WireError> {
    let account = visitor(session, accounts).await?;
    Ok(account.map_or(Viewer::Nobody, |account| Viewer::SignedIn(account.profile().clone())))
}
