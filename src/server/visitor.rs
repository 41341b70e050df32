//! The visitor of a request, read from its head.

use super::client::Client;
use super::explain::refuse;
use super::fields::text;
use super::router::Site;
use crate::backend::accounts::Accounts;
use crate::backend::visitor::{Visitor, device};
use crate::model::error::Kind;
use axum::extract::FromRequestParts;
use axum::http::{Extensions, request::Parts};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use hardtack_session::Session;
use leptos::prelude::{provide_context, with_context};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Returns the visitor of a request; `None` on routes without a session.
pub(super) fn visitor(accounts: &Accounts, headers: &HeaderMap, extensions: &Extensions) -> Option<Visitor> {
    let session = extensions.get::<Session>()?.clone();
    // Without a connection there is no address. All such requests share one budget of attempts.
    let address = extensions.get::<Client>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Client(address)| *address);
    let agent = text(headers, header::USER_AGENT).unwrap_or_default();
    let known = session.beside(Visitor::KNOWN, headers);
    Some(Visitor { session, accounts: accounts.clone(), address, device: device(&agent), known })
}

impl FromRequestParts<Arc<Site>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Response> {
        visitor(&site.accounts, &parts.headers, &parts.extensions).ok_or_else(|| refuse(Kind::Internal))
    }
}

/// Provides a page with the visitor of its request.
pub(super) fn provide_visitor(accounts: &Accounts) {
    let asks = |parts: &Parts| visitor(accounts, &parts.headers, &parts.extensions);
    if let Some(visitor) = with_context(asks).flatten() {
        provide_context(visitor);
    }
}
