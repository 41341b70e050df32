//! `hardtack export`.

use super::outcome::carry_out;
use hardtack_session::policy::Origin;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder to write to. Files of an earlier export are replaced; all other files are left alone.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The origin of the server that the pages call, such as https://api.example.com. It must be `site.url` of the
    /// settings that this command reads, because the pages show these settings. Default: the origin that the pages are
    /// served from.
    #[arg(long, value_name = "URL")]
    api: Option<Origin>,
}

/// Writes the pages as files that any web server can serve.
pub(crate) fn run(config: Option<&Path>, arguments: &Arguments) -> ExitCode {
    carry_out(config, async |settings| {
        let manifest = hardtack::server::export(&settings, &arguments.out, arguments.api.as_ref()).await?;
        println!("{} files are in {}.", manifest.files.len(), arguments.out.display());
        Ok(())
    })
}
