//! Whether the process lives, and whether it should be sent requests.

use super::router::Site;
use crate::backend::accounts::{Accounts, Failure};
use crate::session::LogLimit;
use crate::session::store::{Readiness, Ready};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Bounds the lines of the log, because anybody may ask.
static FAILURES: LogLimit = LogLimit::a_minute();

/// 200 as long as the process answers. A page elsewhere may find out whether it does, and reads nothing.
pub(super) async fn healthz() -> Response {
    ([(RESOURCE_POLICY, "cross-origin")], say(StatusCode::OK, "alive")).into_response()
}

/// 200 when the store and the database of the accounts can be reached and the server is not stopping, else 503 with the reason.
///
/// Anybody may ask, so each of the two is asked once a second at most, however many clients do. Whether a file of the accounts
/// is still there is looked at each time.
pub(super) async fn readyz(State(site): State<Arc<Site>>) -> Response {
    if !site.ready.load(Ordering::Acquire) {
        return say(StatusCode::SERVICE_UNAVAILABLE, "stopping");
    }
    let accounts = "the database of the accounts cannot be used";
    if let Err(error) = site.accounts.check().await {
        complain(&error);
        return say(StatusCode::SERVICE_UNAVAILABLE, accounts);
    }
    let (of_accounts, of_store) = tokio::join!(site.accounts_readiness.ask(), site.readiness.ask());
    if of_accounts != Ready::Yes {
        return say(StatusCode::SERVICE_UNAVAILABLE, accounts);
    }
    match of_store {
        Ready::Yes => say(StatusCode::OK, "ready"),
        Ready::Failed => say(StatusCode::SERVICE_UNAVAILABLE, "the session store cannot be reached"),
        Ready::Silent => say(StatusCode::SERVICE_UNAVAILABLE, "the session store does not answer"),
    }
}

/// Whether the database of the accounts works.
pub(super) fn of_accounts(accounts: Accounts) -> Readiness {
    Readiness::of(move || {
        let accounts = accounts.clone();
        async move { accounts.ping().await.inspect_err(complain).map_or(Ready::Failed, |()| Ready::Yes) }
    })
}

fn complain(error: &Failure) {
    if let Some(held_back) = FAILURES.turn() {
        tracing::error!(%error, held_back, "not ready: the database of the accounts failed");
    }
}

fn say(status: StatusCode, text: &'static str) -> Response {
    let body = format!("{{\"status\":\"{text}\"}}");
    (status, [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")], body).into_response()
}
