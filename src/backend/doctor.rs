//! The diagnosis of what a visitor's browser has seen.

use crate::doctor::{Diagnosis, Sites, Tries};
use crate::model::doctor::Examiner;
use crate::model::error::{Kind, WireError};

/// The longest text of tries, in bytes. A real one has about 1,000.
const LONGEST: usize = 8 * 1024;

/// Judges what a page has tried, told as JSON.
///
/// # Errors
///
/// `invalid` when it makes no sense.
pub fn diagnose(tries: &str, examiner: Option<Examiner>) -> Result<Diagnosis, WireError> {
    let told = Some(tries).filter(|tries| tries.len() <= LONGEST);
    let mut tries: Tries = told.and_then(|tries| serde_json::from_str(tries).ok()).ok_or(Kind::Invalid)?;
    tries.sites = sites([tries.page.host(), tries.server.host()]);
    // Of another server nobody here knows what it lists.
    let own = examiner.filter(|examiner| examiner.origin == tries.server.origin());
    tries.listed = own.map(|examiner| examiner.listed);
    Ok(Diagnosis::of(&tries))
}

/// What the public suffix list says of hosts.
pub fn sites<H: AsRef<str>>(hosts: impl IntoIterator<Item = H>) -> Sites {
    Sites::look_up(hosts, |host| psl::domain_str(host).map(str::to_owned))
}
