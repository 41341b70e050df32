//! Rows, and what they mean.

use crate::session::clock::Timestamp;
use crate::session::id::Handle;
use crate::session::lifetime::Lifetime;
use crate::session::record::{Changes, Data, Device, Owner, Record};
use crate::session::store::sql::unsigned;
use crate::session::store::{Listed, StoreError};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::time::Duration;

/// A whole session.
pub(super) fn record(row: &SqliteRow) -> Result<Record, StoreError> {
    let span = |name: &str| number(row, name).map(|millis| Duration::from_millis(unsigned(millis)));
    let data: &str = row.try_get("data").map_err(StoreError::corrupt)?;
    Ok(Record {
        handle: handle(row)?,
        owner: owner(row)?,
        data: serde_json::from_str::<Data>(data).map_err(StoreError::corrupt)?,
        lifetime: Lifetime { idle: span("idle")?, absolute: span("absolute")? },
        created: Timestamp(number(row, "created")?),
        renewed: Timestamp(number(row, "renewed")?),
        seen: Timestamp(number(row, "seen")?),
        version: unsigned(number(row, "version")?),
    })
}

/// What a list shows of a session.
pub(super) fn listed(row: &SqliteRow) -> Result<Listed, StoreError> {
    Ok(Listed {
        handle: handle(row)?,
        owner: owner(row)?,
        created: Timestamp(number(row, "created")?),
        seen: Timestamp(number(row, "seen")?),
        deadline: Timestamp(number(row, "expires")?),
    })
}

fn owner(row: &SqliteRow) -> Result<Owner, StoreError> {
    let text = |name: &str| row.try_get::<Option<String>, _>(name).map_err(StoreError::corrupt);
    let device = text("device_label")?.zip(text("device_address")?);
    Ok(Owner { account: text("account")?, device: device.map(|(label, address)| Device { label, address }) })
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

/// The changes as a JSON merge patch: `null` removes, text sets (RFC 7396).
pub(super) fn patch(changes: &Changes) -> Result<String, StoreError> {
    serde_json::to_string(&changes.values).map_err(StoreError::corrupt)
}
