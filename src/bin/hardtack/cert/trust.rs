//! `hardtack cert trust`.

use super::install::{install, name};
use crate::outcome::{Outcome, say};
use hardtack::server::settings::Settings;
use hardtack::server::{AUTHORITY_FILE, Facts};
use hardtack::session::policy::Origin;
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Also does it: in your Chromium's database (by `certutil`) and, as root, on this system (by
    /// `update-ca-certificates`).
    #[arg(long)]
    install: bool,
}

/// There is nothing to trust yet.
#[derive(Debug, thiserror::Error)]
#[error(
    "tls.directory: there is no local authority in {}; start the server once with `tls.mode = \"local\"`, which makes one \
     (`make run TLS=1`)", .0.display()
)]
pub(crate) struct NoAuthority(pub(super) PathBuf);

/// Prints the steps, and takes those that can be taken from here.
pub(crate) fn run(settings: &Settings, arguments: &Arguments) -> Outcome {
    let tls = &settings.tls;
    let file = tls.directory.join(AUTHORITY_FILE);
    if !file.exists() {
        return Err(NoAuthority(tls.directory.clone()).into());
    }
    let facts = Facts::read(&file)?;
    // The commands are to work from any folder.
    let file = std::path::absolute(&file)?;
    if arguments.install {
        let report = install(&file, &facts)?;
        return say(false, &json!(null), || report.join("\n"));
    }
    say(false, &json!(null), || steps(&file, &facts, &settings.site.url))
}

fn steps(file: &Path, facts: &Facts, url: &Origin) -> String {
    let (file, name) = (file.display(), name(facts));
    // What `make run TLS=1` serves, it tells the server alone.
    let url = if url.is_https() { url.to_string() } else { "https://localhost:3443".to_owned() };
    format!(
        "\
The authority is {file}
It can speak for localhost and the host of site.url, and for names below them. What trusts it, trusts every key
that it signs: keep authority.key beside it to yourself.

Chrome and Chromium on Linux (`hardtack cert trust --install` does this):
  mkdir -p \"$HOME/.pki/nssdb\"
  certutil -d sql:\"$HOME/.pki/nssdb\" -A -t C,, -n '{name}' -i '{file}'
  (certutil comes with the package libnss3-tools or nss-tools)

Firefox, on every system: Settings, Privacy & Security, View Certificates, Authorities, Import; choose the
file, and tick \"Trust this CA to identify websites\".

Debian and Ubuntu, for curl and most other programs (`--install` does this for root):
  sudo cp '{file}' '/usr/local/share/ca-certificates/{name}.crt'
  sudo update-ca-certificates

macOS, for Safari and Chrome:
  sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain '{file}'

Windows, for Edge and Chrome, in a terminal of an administrator:
  certutil -addstore -f Root \"{file}\"

curl, for one call:
  curl --cacert '{file}' {url}/

Node.js, for one program:
  NODE_EXTRA_CA_CERTS='{file}' node app.js"
    )
}
