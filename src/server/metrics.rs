//! The metrics for Prometheus, on a listener of their own: their names, their descriptions and their exporter.
//!
//! The engine counts by the facade `metrics`, which drops everything without `metrics.listen`. No metric names a
//! session, an account or an address.

use super::listen::{self, BindError, Door, Listener};
use super::settings::Limits;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use metrics_util::MetricKindMask;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

const SWEEP_REMOVED: &str = "hardtack_sweep_removed_total";
const SWEEP_FAILURES: &str = "hardtack_sweep_failures_total";
const SWEEP_SECONDS: &str = "hardtack_sweep_seconds";
const SESSIONS: &str = "hardtack_sessions";
const CLOCK_SKEW: &str = "hardtack_clock_skew_seconds";
const STORE_FAILURES: &str = "hardtack_store_failures_total";
const COOKIES_REFUSED: &str = "hardtack_cookies_refused_total";
const SESSIONS_REFUSED: &str = "hardtack_sessions_refused_total";
const PASSWORD_CHECKS: &str = "hardtack_password_checks_total";

/// The upper bounds of the histogram's buckets: from a batch on an idle disk to a round over millions of rows.
const SWEEP_BUCKETS: [f64; 10] = [0.001, 0.005, 0.02, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0, 300.0];

/// The interval at which recorded values are folded into the buckets, because they would pile up in memory without
/// scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// The time for which a gauge is shown after it was last set: the numbers of a node that no longer sweeps are old.
const STALE: Duration = Duration::from_mins(5);

/// The content type of Prometheus' text format (version 0.0.4 is the one that every scraper reads).
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The reason why metrics cannot be served, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// This process already has another recorder.
    #[error("metrics.listen: no metrics can be recorded in this process ({0}); leave `metrics.listen` empty")]
    Recorder(String),
}

/// A listener for scrapers, and the metrics that it serves.
pub(super) struct Exporter {
    listener: Listener,
    figures: PrometheusHandle,
}

impl Exporter {
    /// Binds the address and starts to record.
    pub(super) fn open(address: SocketAddr) -> Result<Self, MetricsError> {
        let listener = Listener::bind(Door::Metrics, address)?;
        Ok(Self { listener, figures: recorded()? })
    }

    /// Serves the metrics until [`stop`](Exporting::stop).
    pub(super) fn run(self, limits: &Limits) -> Exporting {
        let Self { listener, figures } = self;
        tracing::info!("metrics for Prometheus are at http://{}/metrics", listener.address);
        let (stop, stopped) = oneshot::channel::<()>();
        let (router, limits, upkept) = (router(figures.clone()), limits.clone(), figures);
        let upkeep = tokio::spawn(async move {
            loop {
                tokio::time::sleep(UPKEEP).await;
                upkept.run_upkeep();
            }
        });
        let server = tokio::spawn(async move {
            let served = listen::serve(listener, router, &limits, None, async { drop(stopped.await) }).await;
            if let Err(error) = served {
                tracing::error!(%error, "the listener for Prometheus failed");
            }
        });
        Exporting { stop, server, upkeep }
    }
}

/// A running [`Exporter`].
pub(super) struct Exporting {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    upkeep: JoinHandle<()>,
}

impl Exporting {
    /// Stops the exporter. Running scrapes get their response, new ones do not.
    pub(super) async fn stop(self) {
        drop(self.stop);
        // If the task panicked, the log has a line about it.
        self.server.await.ok();
        self.upkeep.abort();
    }
}

fn router(figures: PrometheusHandle) -> Router {
    let text = async move || ([(header::CONTENT_TYPE, CONTENT_TYPE)], figures.render());
    Router::new().route("/metrics", get(text))
}

/// Returns the metrics of this process, which are recorded from the first call on. The facade has one recorder per
/// process.
fn recorded() -> Result<PrometheusHandle, MetricsError> {
    static FIGURES: OnceLock<PrometheusHandle> = OnceLock::new();
    if let Some(figures) = FIGURES.get() {
        return Ok(figures.clone());
    }
    let recorder = recorder()?;
    let figures = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|error| MetricsError::Recorder(error.to_string()))?;
    describe();
    Ok(FIGURES.get_or_init(|| figures).clone())
}

fn recorder() -> Result<PrometheusRecorder, MetricsError> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full(SWEEP_SECONDS.to_owned()), &SWEEP_BUCKETS)
        .map_err(|error| MetricsError::Recorder(error.to_string()))?;
    Ok(builder.idle_timeout(MetricKindMask::GAUGE, Some(STALE)).build_recorder())
}

fn describe() {
    describe_counter!(SWEEP_REMOVED, Unit::Count, "Expired sessions that this node's sweeps removed.");
    describe_counter!(SWEEP_FAILURES, Unit::Count, "Sweeps of this node that failed in the store.");
    describe_histogram!(SWEEP_SECONDS, Unit::Seconds, "The time that a sweep of this node took, with its pauses.");
    describe_gauge!(
        SESSIONS,
        Unit::Count,
        "Sessions in the store: live, and expired but not swept yet. Only the node that sweeps reports them."
    );
    describe_gauge!(
        CLOCK_SKEW,
        Unit::Seconds,
        "The time by which this node's clock leads that of PostgreSQL or Redis. Beyond 2 either way, a clock is wrong."
    );
    describe_counter!(
        STORE_FAILURES,
        Unit::Count,
        "Calls to the session store that failed, by an error or a timeout. Each is a request with 503."
    );
    describe_counter!(
        COOKIES_REFUSED,
        Unit::Count,
        "Session cookies that were not used: forged, not signed by a key of this server; twice, two in one request."
    );
    describe_counter!(
        SESSIONS_REFUSED,
        Unit::Count,
        "Requests that began no session, because their network had begun too many."
    );
    describe_counter!(
        PASSWORD_CHECKS,
        Unit::Count,
        "Checks of passwords: right, wrong or for no account. Far more checks than sign-ins: passwords are being guessed."
    );
    // At zero from the start, because an alert on the first increase needs the value before it.
    counter!(SWEEP_REMOVED).absolute(0);
    counter!(SWEEP_FAILURES).absolute(0);
    counter!(SESSIONS_REFUSED).absolute(0);
    counter!(PASSWORD_CHECKS).absolute(0);
    for kind in ["error", "timeout"] {
        counter!(STORE_FAILURES, "kind" => kind).absolute(0);
    }
    for reason in ["forged", "twice"] {
        counter!(COOKIES_REFUSED, "reason" => reason).absolute(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sweep_tells_is_a_histogram_and_a_gauge_with_their_meaning() {
        let recorder = recorder().expect("a recorder");
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!(SWEEP_SECONDS).record(0.004);
            metrics::gauge!(SESSIONS, "state" => "live").set(7.0);
        });
        let text = recorder.handle().render();
        for line in [
            "# TYPE hardtack_sweep_seconds histogram",
            "hardtack_sweep_seconds_bucket{le=\"0.001\"} 0",
            "hardtack_sweep_seconds_bucket{le=\"0.005\"} 1",
            "# TYPE hardtack_sessions gauge",
            "hardtack_sessions{state=\"live\"} 7",
            "hardtack_sweep_removed_total 0",
        ] {
            assert!(text.lines().any(|said| said == line), "no {line} in {text}");
        }
        assert!(
            text.contains("# HELP hardtack_sweep_seconds ") && text.contains("# HELP hardtack_sessions "),
            "{text}"
        );
    }
}
