//! `hardtack cert show`.

use crate::outcome::{Outcome, say};
use crate::table::table;
use hardtack::server::settings::{Tls, TlsMode};
use hardtack::server::{AUTHORITY_FILE, Facts, SERVER_FILE};
use serde_json::json;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Prints a JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// Shows the certificate of `tls.mode = "files"`, or else those of the local authority, even if it is not in use.
pub(crate) fn run(tls: &Tls, arguments: &Arguments) -> Outcome {
    let paths = match tls.mode {
        TlsMode::Files => vec![tls.certificate.clone()],
        TlsMode::Local | TlsMode::Off => vec![tls.directory.join(AUTHORITY_FILE), tls.directory.join(SERVER_FILE)],
    };
    if tls.mode != TlsMode::Files && !paths[0].exists() {
        return Err(super::trust::NoAuthority(tls.directory.clone()).into());
    }
    let found = paths.into_iter().map(|path| Facts::read(&path).map(|facts| (path, facts)));
    let found = found.collect::<Result<Vec<_>, _>>()?;
    let document: Vec<_> = found
        .iter()
        .map(|(path, facts)| {
            json!({
                "path": path, "subject": facts.subject, "names": facts.names,
                "begins": facts.begins.to_string(), "ends": facts.ends.to_string(),
            })
        })
        .collect();
    say(arguments.json, &json!({ "certificates": document }), || {
        let rows = found.iter().map(|(path, facts)| {
            let names = if facts.names.is_empty() { "-".to_owned() } else { facts.names.join(", ") };
            [path.display().to_string(), facts.subject.clone(), names, facts.ends.to_string()]
        });
        table(["FILE", "SUBJECT", "HOSTS", "ENDS"], rows)
    })
}
