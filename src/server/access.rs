//! Who may see a page, asked before anything of it is rendered.

use super::explain::{refuse, wants_page};
use crate::app::access::{Access, LOGIN, PROFILE};
use crate::model::error::{Kind, WireError};
use crate::model::next::Next;
use crate::model::visitor::Visitor;
use crate::session::Session;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Uri, header};
use axum::middleware::Next as Rest;
use axum::response::{IntoResponse as _, Redirect, Response};

/// Lets in who may see the page, and tells the page who looks. Others are led on by an answer that holds nothing of it.
pub(super) async fn admit(State(access): State<Access>, request: Request, rest: Rest) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match parts.extensions.get() {
        Some(session) => visitor(session).await.map_err(|error| error.kind),
        None => Err(Kind::Internal),
    };
    let visitor = match (access, visitor) {
        // What everybody may see is shown, and does not know who looks.
        (Access::Everybody, visitor) => visitor.unwrap_or_default(),
        // An outage is no sign-out.
        (_, Err(kind)) => return refuse(kind),
        (Access::SignedIn, Ok(Visitor::SignedIn(profile))) => Visitor::SignedIn(profile),
        (Access::SignedIn, Ok(_)) if !wants_page(&parts) => return refuse(Kind::NotSignedIn),
        (Access::SignedIn, Ok(_)) => {
            let back = Next::parse(parts.uri.path()).map(|next| next.behind(LOGIN));
            return lead(back.as_deref().unwrap_or(LOGIN));
        }
        (Access::Nobody, Ok(Visitor::SignedIn(_))) => {
            return lead(wanted(&parts.uri).as_ref().map_or(PROFILE, Next::path));
        }
        (Access::Nobody, Ok(nobody)) => nobody,
    };
    parts.extensions.insert(visitor);
    rest.run(Request::from_parts(parts, body)).await
}

/// Where an address says that its visitor wanted to go, if that is a path of ours.
pub(super) fn wanted(uri: &Uri) -> Option<Next> {
    let mut pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    pairs.find(|(name, _)| name == Next::NAME).and_then(|(_, path)| Next::parse(&path))
}

fn lead(to: &str) -> Response {
    let mut answer = Redirect::to(to).into_response();
    // It tells who has come.
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().append(header::VARY, HeaderValue::from_static("accept, cookie"));
    answer
}

async fn visitor(session: &Session) -> Result<Visitor, WireError> {
    let owner = session.facts().await?.map(|facts| facts.owner);
    Ok(match owner.and_then(|owner| owner.account) {
        Some(account) => Visitor::SignedIn(crate::model::account::Profile { name: account.clone(), username: account }),
        None => Visitor::Nobody,
    })
}
