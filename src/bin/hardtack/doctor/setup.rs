//! The settings of this server, judged.

use super::report::{Maker, bold, findings, refused};
use super::{Report, code, document};
use crate::table::escaped;
use hardtack::doctor::{Topology, check};
use hardtack::server::settings::{Settings, environment};
use hardtack::server::{SetupError, topology};
use std::fmt::{Display, Write as _};
use std::path::Path;

/// Whatever keeps the server from starting is an error too.
pub(super) fn report(config: Option<&Path>) -> Report {
    let settings = match Settings::load(config, environment()) {
        Ok(settings) => settings,
        Err(error) => return unusable(&error),
    };
    match topology(&settings) {
        Ok(topology) => judged(&topology),
        Err(error @ (SetupError::Address { .. } | SetupError::Certificate(_))) => unusable(&error),
    }
}

fn judged(topology: &Topology) -> Report {
    let found = check(topology);
    let server = topology.server.origin();
    let mut text = format!("The session of {}", bold(&escaped(&server)));
    for page in &topology.pages {
        let _ = write!(text, ", used by pages of {}", bold(&escaped(&page.origin())));
    }
    text.push_str("\n\n");
    text.push_str(&findings(&found, Maker::Hardtack, "Nothing is wrong with these settings, as far as they tell."));
    Report { code: code(&found), document: document::setup(topology, &found), text }
}

fn unusable(error: &dyn Display) -> Report {
    let error = error.to_string();
    Report { code: 2, document: document::unusable(&error), text: refused(&error) }
}
