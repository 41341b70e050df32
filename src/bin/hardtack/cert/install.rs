//! `hardtack cert trust --install`: the steps that a program can run by itself.

use hardtack::server::Facts;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder in which Debian reads the machine's own certificate authorities.
const SYSTEM: &str = "/usr/local/share/ca-certificates";

/// The error when no step succeeded.
#[derive(Debug, thiserror::Error)]
#[error("the authority could not be installed: {0}")]
struct Nowhere(String);

/// The result of a step.
enum Step {
    Done(String),
    Not(String),
}

/// Returns the authority's name in databases and folders: `hardtack-1a2b3c4d`.
pub(super) fn name(facts: &Facts) -> String {
    let number = facts.subject.rsplit(' ').next().unwrap_or_default();
    let number: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
    format!("hardtack-{number}")
}

/// Runs the steps, and returns a sentence about the result of each.
pub(super) fn install(file: &Path, facts: &Facts) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let name = name(facts);
    let steps = [("Chrome and Chromium", chromium(file, &name)), ("this system", system(file, &name))];
    let done = steps.iter().any(|(_, step)| matches!(step, Step::Done(_)));
    let report = steps.map(|(what, step)| match step {
        Step::Done(where_) => format!("{what}: trusted now ({where_})"),
        Step::Not(why) => format!("{what}: not done, {why}"),
    });
    if done { Ok(report.into()) } else { Err(Nowhere(report.join("; ")).into()) }
}

/// Installs it in the user's database, which Chromium reads when it starts.
fn chromium(file: &Path, name: &str) -> Step {
    let Some(home) = std::env::var_os("HOME").filter(|home| !home.is_empty()) else {
        return Step::Not("the variable HOME is not set".to_owned());
    };
    let folder = PathBuf::from(home).join(".pki/nssdb");
    if let Err(error) = fs::create_dir_all(&folder) {
        return Step::Not(format!("{} cannot be created ({error})", folder.display()));
    }
    let database = format!("sql:{}", folder.display());
    let database = OsStr::new(&database);
    let certutil = |arguments: &[&OsStr]| {
        let fixed = [OsStr::new("-d"), database];
        run("certutil", &[fixed.as_slice(), arguments].concat())
    };
    let [add, trust, named, from] = ["-A", "-t", "-n", "-i"].map(OsStr::new);
    let [new, open] = ["-N", "--empty-password"].map(OsStr::new);
    let made = || if folder.join("cert9.db").exists() { Ok(()) } else { certutil(&[new, open]) };
    match made().and_then(|()| certutil(&[add, trust, OsStr::new("C,,"), named, name.as_ref(), from, file.as_ref()])) {
        Ok(()) => Step::Done(format!("{}; restart the browser", folder.display())),
        Err(why) => Step::Not(format!("{why} (certutil comes with the package libnss3-tools or nss-tools)")),
    }
}

/// Installs it for all programs that use the system's authorities.
fn system(file: &Path, name: &str) -> Step {
    let Some(update) = found("update-ca-certificates") else {
        return Step::Not("there is no update-ca-certificates here".to_owned());
    };
    if fs::metadata("/proc/self").map_or(true, |process| process.uid() != 0) {
        return Step::Not("it needs root: sudo hardtack cert trust --install".to_owned());
    }
    let copy = Path::new(SYSTEM).join(format!("{name}.crt"));
    let copied = fs::create_dir_all(SYSTEM).and_then(|()| fs::copy(file, &copy));
    match copied.map_err(|error| error.to_string()).and_then(|_| run(update.as_os_str(), &[])) {
        Ok(()) => Step::Done(copy.display().to_string()),
        Err(why) => Step::Not(why),
    }
}

/// Returns the path of a program on `PATH`.
fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|program| program.is_file())
}

/// Runs a program to its end, without output.
fn run(program: impl AsRef<OsStr>, arguments: &[&OsStr]) -> Result<(), String> {
    let program = program.as_ref();
    let shown = program.display();
    let output: io::Result<_> = Command::new(program).args(arguments).output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
            Err(format!("{shown} says: {said}"))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(format!("there is no {shown} here")),
        Err(error) => Err(format!("{shown} cannot be run ({error})")),
    }
}
