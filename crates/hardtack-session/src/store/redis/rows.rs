//! Conversions between the fields of a hash and a session.

use super::keys;
use crate::clock::{Timestamp, millis};
use crate::id::{Handle, IdHash};
use crate::lifetime::{Lifetime, Terms};
use crate::record::{Data, Device, Owner, Record};
use crate::store::{Listed, Loaded, StoreError};
use std::time::Duration;

/// A field of a session: its name and its value.
pub(super) type Field = (Vec<u8>, Vec<u8>);

/// The fields that a list needs, without the values of the session.
pub(super) const LISTED: [&str; 11] =
    ["id", "account", "label", "address", "created", "signed_in", "renewed", "seen", "idle", "absolute", "terms"];

/// The fields of a session that have been read so far.
#[derive(Default)]
struct Draft {
    id: Option<IdHash>,
    account: Option<String>,
    label: Option<String>,
    address: Option<String>,
    created: Option<i64>,
    signed_in: Option<i64>,
    renewed: Option<i64>,
    seen: Option<i64>,
    idle: Option<u64>,
    absolute: Option<u64>,
    terms: Option<i64>,
    version: Option<u64>,
    data: Data,
    /// The end of the requested id's grace period, and whether the id reaches the session until then.
    retired: Option<(Timestamp, bool)>,
}

impl Draft {
    /// Takes over a field. Ignores names that are unknown here, because a newer version may write them.
    fn take(&mut self, name: &[u8], value: Vec<u8>, asked: &[u8]) -> Result<(), StoreError> {
        match name {
            b"id" => self.id = Some(keys::id(&value).ok_or_else(|| damaged("its id"))?),
            b"account" => self.account = Some(text(value)?),
            b"label" => self.label = Some(text(value)?),
            b"address" => self.address = Some(text(value)?),
            b"created" => self.created = Some(number(value)?),
            b"signed_in" => self.signed_in = Some(number(value)?),
            b"terms" => self.terms = Some(number(value)?),
            b"renewed" => self.renewed = Some(number(value)?),
            b"seen" => self.seen = Some(number(value)?),
            b"idle" => self.idle = Some(number(value)?),
            b"absolute" => self.absolute = Some(number(value)?),
            b"version" => self.version = Some(number(value)?),
            _ => match name.split_at_checked(2) {
                Some((b"v:", name)) => drop(self.data.insert(text(name.to_vec())?, text(value)?)),
                Some((b"r:", id)) if id == asked => self.retired = Some(retired(&value)?),
                _ => {}
            },
        }
        Ok(())
    }

    fn finish(self, handle: Handle) -> Result<(IdHash, Record), StoreError> {
        let whole = (|| {
            let lifetime =
                Lifetime { idle: Duration::from_millis(self.idle?), absolute: Duration::from_millis(self.absolute?) };
            let (id, created, seen) = (self.id?, Timestamp(self.created?), Timestamp(self.seen?));
            let device = self.label.zip(self.address).map(|(label, address)| Device { label, address });
            let owner = Owner { account: self.account, device };
            let renewed = self.renewed.map_or(created, Timestamp);
            // Earlier versions did not store this moment, and the time of the last renewal is the best estimate.
            let signed_in = self.signed_in.map_or(renewed, Timestamp);
            let (data, version, terms) = (self.data, self.version?, Terms::from_code(self.terms));
            Some((id, Record { handle, owner, data, lifetime, terms, created, signed_in, renewed, seen, version }))
        })();
        whole.ok_or_else(|| damaged("a required field"))
    }
}

/// Returns the result of loading a session by an id that led to it, from all its fields.
///
/// `now` is the caller's time, which decides about the session; `store` is the store's, which decides about the id.
pub(super) fn loaded(
    handle: Handle,
    fields: Vec<Field>,
    id: &IdHash,
    now: Timestamp,
    store: Timestamp,
) -> Result<Loaded, StoreError> {
    if fields.is_empty() {
        return Ok(Loaded::Absent);
    }
    let (mut draft, asked) = (Draft::default(), keys::hex(id));
    for (name, value) in fields {
        draft.take(&name, value, asked.as_bytes())?;
    }
    let retired = draft.retired.filter(|(until, _)| *until > store);
    let (current, record) = draft.finish(handle)?;
    Ok(match retired {
        _ if current == *id && record.deadline() > now => Loaded::Live(current, record.into()),
        _ if current == *id => Loaded::Absent,
        Some((_, true)) if record.deadline() > now => Loaded::Live(current, record.into()),
        Some((_, false)) => Loaded::Retired,
        _ => Loaded::Absent,
    })
}

/// Returns the session of a list; `None` when it is gone. The values are those of [`LISTED`].
pub(super) fn listed(handle: Handle, values: Vec<Option<Vec<u8>>>) -> Result<Option<Listed>, StoreError> {
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let mut draft = Draft { version: Some(0), ..Draft::default() };
    for (name, value) in LISTED.iter().zip(values) {
        if let Some(value) = value {
            draft.take(name.as_bytes(), value, b"")?;
        }
    }
    draft.finish(handle).map(|(_, record)| Some(Listed::from(&record)))
}

/// Returns all fields of a new session.
pub(super) fn fields(id: &IdHash, record: &Record) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::with_capacity(10 + record.data.len());
    let mut put = |name: &str, value: String| fields.push((name.as_bytes().to_vec(), value.into_bytes()));
    put("id", keys::hex(id));
    put("created", record.created.0.to_string());
    put("signed_in", record.signed_in.0.to_string());
    put("renewed", record.renewed.0.to_string());
    put("seen", record.seen.0.to_string());
    put("idle", millis(record.lifetime.idle).to_string());
    put("absolute", millis(record.lifetime.absolute).to_string());
    put("version", record.version.to_string());
    if let Some(terms) = record.terms.code() {
        put("terms", terms.to_string());
    }
    if let Some(account) = &record.owner.account {
        put("account", account.clone());
    }
    if let Some(Device { label, address }) = &record.owner.device {
        put("label", label.clone());
        put("address", address.clone());
    }
    for (name, value) in &record.data {
        put(&format!("v:{name}"), value.clone());
    }
    fields
}

/// Parses a handle as Redis keeps it.
pub(super) fn handle(text: &[u8]) -> Option<Handle> {
    uuid::Uuid::try_parse_ascii(text).ok().map(Handle)
}

/// Returns the error of a malformed record. It does not repeat the contents, because they may be personal data.
pub(super) fn damaged(what: &str) -> StoreError {
    StoreError::corrupt(format!("{what} is missing or malformed"))
}

fn text(bytes: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(bytes).map_err(|_| damaged("a text"))
}

fn number<T: std::str::FromStr>(bytes: Vec<u8>) -> Result<T, StoreError> {
    text(bytes)?.parse().map_err(|_| damaged("a number"))
}

/// Parses the end of an id's grace period, and whether the id reaches the session until then: `4000000000000:1`.
fn retired(value: &[u8]) -> Result<(Timestamp, bool), StoreError> {
    let parts = std::str::from_utf8(value).ok().and_then(|text| text.split_once(':'));
    let until = parts.and_then(|(until, _)| until.parse().ok());
    let reaches = parts.map(|(_, reaches)| reaches == "1");
    until.zip(reaches).map(|(until, reaches)| (Timestamp(until), reaches)).ok_or_else(|| damaged("an earlier id"))
}
