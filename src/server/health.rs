//! Health checks: liveness (`/healthz`) and readiness (`/readyz`).

use super::router::Site;
use crate::backend::accounts::{Accounts, Failure};
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hardtack_session::LogLimit;
use hardtack_session::store::{Readiness, Ready};
use std::sync::Arc;
use std::sync::atomic::Ordering;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Limits the log lines, because any client may call `/readyz`.
static FAILURES: LogLimit = LogLimit::a_minute();

/// Returns 200 as long as the process responds. Pages of other origins can find out whether it does, but cannot read
/// it.
pub(super) async fn healthz() -> Response {
    ([(RESOURCE_POLICY, "cross-origin")], say(StatusCode::OK, "alive")).into_response()
}

/// Returns 200 when the store and the accounts database can be reached and the server is not stopping, else 503 with
/// the reason.
///
/// Any client may call it, so each of the two is queried at most once a second, however many clients call. Each call
/// checks whether the file of the accounts database still exists.
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

/// Returns the readiness check of the accounts database.
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
