//! Conversions between rows and sessions.

use crate::clock::{Timestamp, millis};
use crate::id::{Handle, IdHash};
use crate::lifetime::{Lifetime, Terms};
use crate::record::{Changes, Data, Device, Owner, Record};
use crate::store::sql::unsigned;
use crate::store::{Listed, StoreError};
use sqlx::postgres::PgRow;
use sqlx::{Decode, Postgres, Row as _, Type};
use std::collections::BTreeMap;
use std::time::Duration;

/// Returns the whole session of a row.
pub(super) fn record(row: &PgRow) -> Result<Record, StoreError> {
    // The parser's own message would repeat the value.
    let data = serde_json::from_str::<Data>(column(row, "data")?)
        .map_err(|error| StoreError::corrupt(format!("its data is malformed at byte {}", error.column())))?;
    Ok(Record {
        handle: handle(row)?,
        owner: owner(row)?,
        data,
        lifetime: lifetime(row)?,
        terms: terms(row)?,
        created: Timestamp(column(row, "created")?),
        signed_in: signed_in(row)?,
        renewed: Timestamp(column(row, "renewed")?),
        seen: Timestamp(column(row, "seen")?),
        version: unsigned(column(row, "version")?),
    })
}

/// Returns the session of a row, for a list.
pub(super) fn listed(row: &PgRow) -> Result<Listed, StoreError> {
    Ok(Listed {
        handle: handle(row)?,
        owner: owner(row)?,
        created: Timestamp(column(row, "created")?),
        signed_in: signed_in(row)?,
        seen: Timestamp(column(row, "seen")?),
        lifetime: lifetime(row)?,
        terms: terms(row)?,
        deadline: Timestamp(column(row, "expires")?),
    })
}

/// Returns the current id of a session.
pub(super) fn id(row: &PgRow) -> Result<IdHash, StoreError> {
    let bytes: &[u8] = column(row, "id_hash")?;
    bytes.try_into().map(IdHash).map_err(StoreError::corrupt)
}

pub(super) fn column<'r, T>(row: &'r PgRow, name: &str) -> Result<T, StoreError>
where
    T: Decode<'r, Postgres> + Type<Postgres>,
{
    row.try_get(name).map_err(|error| StoreError::corrupt(error.to_string()))
}

fn owner(row: &PgRow) -> Result<Owner, StoreError> {
    let device = column::<Option<String>>(row, "device_label")?.zip(column(row, "device_address")?);
    Ok(Owner { account: column(row, "account")?, device: device.map(|(label, address)| Device { label, address }) })
}

fn lifetime(row: &PgRow) -> Result<Lifetime, StoreError> {
    let span = |name: &str| column(row, name).map(|millis| Duration::from_millis(unsigned(millis)));
    Ok(Lifetime { idle: span("idle")?, absolute: span("absolute")? })
}

fn terms(row: &PgRow) -> Result<Terms, StoreError> {
    column(row, "terms").map(Terms::from_code)
}

/// Returns the order of the session's sign-in. Earlier versions did not store it, and the last renewal is the best
/// estimate.
fn signed_in(row: &PgRow) -> Result<Timestamp, StoreError> {
    let known: Option<i64> = column(row, "signed_in")?;
    known.map_or_else(|| column(row, "renewed"), Ok).map(Timestamp)
}

pub(super) fn handle(row: &PgRow) -> Result<Handle, StoreError> {
    column::<&str>(row, "handle")?.parse().map(Handle).map_err(StoreError::corrupt)
}

/// Returns the values that the changes set, as a JSON object, and the names that they remove.
pub(super) fn parts(changes: &Changes) -> Result<(String, Vec<String>), StoreError> {
    let (mut set, mut removed) = (BTreeMap::new(), Vec::new());
    for (name, value) in &changes.values {
        match value {
            Some(value) => drop(set.insert(name, value)),
            None => removed.push(name.clone()),
        }
    }
    Ok((serde_json::to_string(&set).map_err(StoreError::corrupt)?, removed))
}

/// Returns a span in milliseconds, so short that the server can add it to any moment without an overflow.
pub(super) fn span(span: Duration) -> i64 {
    millis(span).min(i64::MAX / 4)
}
