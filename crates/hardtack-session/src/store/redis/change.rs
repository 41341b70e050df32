//! The arguments and the response of the script `change.lua`, which changes one session.

use super::keys;
use super::link::Script;
use crate::clock::{Timestamp, millis};
use crate::id::IdHash;
use crate::lifetime::Terms;
use crate::record::{Changes, Grace, Rotation};
use crate::store::Applied;
use crate::store::store_clock::StoreClock;
use std::sync::LazyLock;

pub(super) static CHANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("change.lua")));

/// The state of a session that a change was prepared for. If it differs by the time of the script, nothing is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The current id.
    pub(super) id: IdHash,
    /// The account.
    pub(super) account: Option<String>,
    /// The time of its creation.
    pub(super) created: Timestamp,
    /// The absolute timeout, as Redis has it.
    pub(super) absolute: String,
}

/// The result of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The change is made; with the new version of the data, and the session's deadline.
    Done(u64, Timestamp),
    /// Nothing was written, for this reason.
    Refused(Applied),
    /// The session differs from the state that the change was prepared for. Nothing was written.
    Again,
    /// The record is malformed.
    Corrupt,
}

/// Returns the arguments of a change, in the order of the script. The moment is the caller's; the store's clock decides
/// about retired ids.
pub(super) fn arguments(
    id: &IdHash,
    changes: &Changes,
    rotation: Option<&Rotation>,
    facts: Option<&Facts>,
    (now, clock): (Timestamp, &StoreClock),
) -> Vec<Vec<u8>> {
    let owner = rotation.and_then(|rotation| rotation.owner.as_ref());
    let device = owner.and_then(|owner| owner.device.as_ref());
    let (until, reaches) = match rotation.map(|rotation| rotation.grace) {
        Some(Grace::Recognised(until)) => (clock.at(until).0.to_string(), flag(false)),
        Some(Grace::Reaches(until)) => (clock.at(until).0.to_string(), flag(true)),
        None => Default::default(),
    };
    let lifetime = |span: fn(&crate::lifetime::Lifetime) -> std::time::Duration| {
        changes.lifetime.as_ref().map(|lifetime| millis(span(lifetime)).to_string()).unwrap_or_default()
    };
    let set = || changes.values.iter().filter_map(|(name, value)| value.as_ref().map(|value| (name, value)));
    let removed = changes.values.iter().filter(|(_, value)| value.is_none());
    let mut arguments = vec![
        keys::hex(id),
        now.0.to_string(),
        changes.if_version.map(|version| version.to_string()).unwrap_or_default(),
        changes.max_data.to_string(),
        lifetime(|lifetime| lifetime.idle),
        lifetime(|lifetime| lifetime.absolute),
        flag(facts.is_some()),
        facts.map(|facts| keys::hex(&facts.id)).unwrap_or_default(),
        optional(facts.and_then(|facts| facts.account.as_deref())),
        facts.map(|facts| facts.absolute.clone()).unwrap_or_default(),
        rotation.map(|rotation| keys::hex(&rotation.to)).unwrap_or_default(),
        until,
        reaches,
        flag(owner.is_some()),
        optional(owner.and_then(|owner| owner.account.as_deref())),
        optional(device.map(|device| device.label.as_str())),
        optional(device.map(|device| device.address.as_str())),
        super::SLACK.as_millis().to_string(),
        changes.terms.and_then(Terms::code).map(|code| code.to_string()).unwrap_or_default(),
        rotation.and_then(|rotation| rotation.signed_in).map(|moment| moment.0.to_string()).unwrap_or_default(),
        clock.at(now).0.to_string(),
        set().count().to_string(),
    ];
    arguments.extend(set().flat_map(|(name, value)| [name.clone(), value.clone()]));
    arguments.extend(removed.map(|(name, _)| name.clone()));
    arguments.into_iter().map(String::into_bytes).collect()
}

/// Writes a text that may be missing, so that a missing one differs from an empty one.
pub(super) fn optional(text: Option<&str>) -> String {
    text.map(|text| format!("={text}")).unwrap_or_default()
}

fn flag(set: bool) -> String {
    if set { "1".to_owned() } else { "0".to_owned() }
}

/// Parses the response of the script.
pub(super) fn outcome(answer: &[String]) -> Option<Outcome> {
    Some(match answer {
        [word, version, deadline] if word == "done" => {
            Outcome::Done(version.parse().ok()?, Timestamp(deadline.parse().ok()?))
        }
        [word] => match word.as_str() {
            "gone" => Outcome::Refused(Applied::Gone),
            "conflict" => Outcome::Refused(Applied::Conflict),
            "large" => Outcome::Refused(Applied::TooLarge),
            "again" => Outcome::Again,
            "corrupt" => Outcome::Corrupt,
            _ => return None,
        },
        _ => return None,
    })
}
