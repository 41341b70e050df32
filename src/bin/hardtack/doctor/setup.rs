//! The check of this server's settings.

use super::report::{Maker, bold, findings, refused};
use super::{Report, code, document};
use crate::table::escaped;
use hardtack::server::settings::{Settings, environment};
use hardtack::server::{SetupError, check_secrets, examine_providers, topology};
use hardtack_doctor::{Finding, Topology, check};
use std::fmt::{Display, Write as _};
use std::path::Path;
use tokio::runtime::Runtime;

/// Returns the report on the settings. An error that keeps the server from starting is an error here too.
pub(super) fn report(config: Option<&Path>) -> Report {
    let settings = match Settings::load(config, environment()) {
        Ok(settings) => settings,
        Err(error) => return unusable(&error),
    };
    let topology = match topology(&settings) {
        Ok(topology) => topology,
        Err(error @ (SetupError::Address { .. } | SetupError::Certificate(_))) => return unusable(&error),
    };
    if let Err(error) = check_secrets(&settings) {
        return unusable(&error);
    }
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return unusable(&error),
    };
    match runtime.block_on(examine_providers(&settings)) {
        Ok(providers) => judged(&topology, providers),
        Err(error) => unusable(&error),
    }
}

fn judged(topology: &Topology, providers: Vec<Finding>) -> Report {
    let mut found = check(topology);
    found.extend(providers);
    // The sort is stable: within a severity, the order of the checks stays.
    found.sort_by_key(|finding| finding.severity);
    let server = topology.server.origin();
    let mut text = format!("The session of {}", bold(&escaped(&server)));
    for page in &topology.pages {
        let _ = write!(text, ", used by pages of {}", bold(&escaped(&page.origin())));
    }
    text.push_str("\n\n");
    text.push_str(&findings(&found, Maker::Hardtack, "Nothing is wrong with these settings, as far as they show."));
    Report { code: code(&found), document: document::setup(topology, &found), text }
}

fn unusable(error: &dyn Display) -> Report {
    let error = error.to_string();
    Report { code: 2, document: document::unusable(&error), text: refused(&error) }
}
