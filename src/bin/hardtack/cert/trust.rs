//! `hardtack cert trust`.

use super::install::{install, name};
use crate::outcome::{Outcome, say};
use hardtack::server::settings::Settings;
use hardtack::server::{AUTHORITY_FILE, Facts};
use hardtack_session::policy::Origin;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also installs it: in your Chromium's database (with `certutil`) and, as root, on this system (with
    /// `update-ca-certificates`).
    #[arg(long)]
    install: bool,
}

/// The error when there is no local authority yet.
#[derive(Debug, thiserror::Error)]
#[error(
    "tls.directory: there is no local authority in {}; start the server once with `tls.mode = \"local\"`, which creates one \
     (`make run TLS=1`)", .0.display()
)]
pub(crate) struct NoAuthority(pub(super) PathBuf);

/// Prints the steps, or runs those that a program can run by itself.
pub(crate) fn run(settings: &Settings, arguments: &Arguments) -> Outcome {
    let tls = &settings.tls;
    let file = tls.directory.join(AUTHORITY_FILE);
    if !file.exists() {
        return Err(NoAuthority(tls.directory.clone()).into());
    }
    let facts = Facts::read(&file)?;
    // Absolute, so that the commands work in any folder.
    let file = std::path::absolute(&file)?;
    if arguments.install {
        let report = install(&file, &facts)?;
        return say(false, &json!(null), || report.join("\n"));
    }
    say(false, &json!(null), || steps(&file, &facts, &settings.site.url))
}

fn steps(file: &Path, facts: &Facts, url: &Origin) -> String {
    let (file, name) = (file.display(), name(facts));
    // `make run TLS=1` tells its URL only to the server, so the settings here do not have it.
    let url = if url.is_https() { url.to_string() } else { "https://localhost:3443".to_owned() };
    format!(
        "\
The authority is {file}
It can sign certificates for localhost, for the host of site.url, and for names below them. A program that trusts
it trusts every key that it signs, so keep authority.key, in the same folder, secret.

Chrome and Chromium on Linux (`hardtack cert trust --install` does this):
  mkdir -p \"$HOME/.pki/nssdb\"
  certutil -d sql:\"$HOME/.pki/nssdb\" -A -t C,, -n '{name}' -i '{file}'
  (certutil comes with the package libnss3-tools or nss-tools)

Firefox, on every system: Settings, Privacy & Security, View Certificates, Authorities, Import; choose the
file, and tick \"Trust this CA to identify websites\".

Debian and Ubuntu, for curl and most other programs (`--install` does this when run as root):
  sudo cp '{file}' '/usr/local/share/ca-certificates/{name}.crt'
  sudo update-ca-certificates

macOS, for Safari and Chrome:
  sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain '{file}'

Windows, for Edge and Chrome, in an administrator's terminal:
  certutil -addstore -f Root \"{file}\"

curl, for one call:
  curl --cacert '{file}' {url}/

Node.js, for one program:
  NODE_EXTRA_CA_CERTS='{file}' node app.js"
    )
}
