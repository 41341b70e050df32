//! Conversions between rows and sessions.

use crate::clock::Timestamp;
use crate::id::Handle;
use crate::lifetime::{Lifetime, Terms};
use crate::record::{Changes, Data, Device, Owner, Record};
use crate::store::sql::unsigned;
use crate::store::{Listed, StoreError};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::time::Duration;

/// Returns the whole session of a row.
pub(super) fn record(row: &SqliteRow) -> Result<Record, StoreError> {
    let data: &str = row.try_get("data").map_err(StoreError::corrupt)?;
    Ok(Record {
        handle: handle(row)?,
        owner: owner(row)?,
        data: serde_json::from_str::<Data>(data).map_err(StoreError::corrupt)?,
        lifetime: lifetime(row)?,
        terms: terms(row)?,
        created: Timestamp(number(row, "created")?),
        signed_in: signed_in(row)?,
        renewed: Timestamp(number(row, "renewed")?),
        seen: Timestamp(number(row, "seen")?),
        version: unsigned(number(row, "version")?),
    })
}

/// Returns the session of a row, for a list.
pub(super) fn listed(row: &SqliteRow) -> Result<Listed, StoreError> {
    Ok(Listed {
        handle: handle(row)?,
        owner: owner(row)?,
        created: Timestamp(number(row, "created")?),
        signed_in: signed_in(row)?,
        seen: Timestamp(number(row, "seen")?),
        lifetime: lifetime(row)?,
        terms: terms(row)?,
        deadline: Timestamp(number(row, "expires")?),
    })
}

fn owner(row: &SqliteRow) -> Result<Owner, StoreError> {
    let text = |name: &str| row.try_get::<Option<String>, _>(name).map_err(StoreError::corrupt);
    let device = text("device_label")?.zip(text("device_address")?);
    Ok(Owner { account: text("account")?, device: device.map(|(label, address)| Device { label, address }) })
}

fn lifetime(row: &SqliteRow) -> Result<Lifetime, StoreError> {
    let span = |name: &str| number(row, name).map(|millis| Duration::from_millis(unsigned(millis)));
    Ok(Lifetime { idle: span("idle")?, absolute: span("absolute")? })
}

fn terms(row: &SqliteRow) -> Result<Terms, StoreError> {
    row.try_get("terms").map(Terms::from_code).map_err(StoreError::corrupt)
}

/// Returns the order of the session's sign-in. Earlier versions did not store it, and the last renewal is the best
/// estimate.
fn signed_in(row: &SqliteRow) -> Result<Timestamp, StoreError> {
    let known: Option<i64> = row.try_get("signed_in").map_err(StoreError::corrupt)?;
    known.map_or_else(|| number(row, "renewed"), Ok).map(Timestamp)
}

fn number(row: &SqliteRow, name: &str) -> Result<i64, StoreError> {
    row.try_get(name).map_err(StoreError::corrupt)
}

fn handle(row: &SqliteRow) -> Result<Handle, StoreError> {
    let bytes: &[u8] = row.try_get("handle").map_err(StoreError::corrupt)?;
    Ok(Handle(uuid::Uuid::from_bytes(exact(bytes)?)))
}

pub(super) fn exact<const N: usize>(bytes: &[u8]) -> Result<[u8; N], StoreError> {
    bytes.try_into().map_err(StoreError::corrupt)
}

/// Returns handles as a JSON list of their hexadecimal digits.
pub(super) fn hex(handles: &[Handle]) -> String {
    let digits: Vec<_> = handles.iter().map(|handle| handle.0.simple().to_string()).collect();
    serde_json::json!(digits).to_string()
}

/// Returns the changes as a JSON merge patch: `null` removes, text sets (RFC 7396).
pub(super) fn patch(changes: &Changes) -> Result<String, StoreError> {
    serde_json::to_string(&changes.values).map_err(StoreError::corrupt)
}
