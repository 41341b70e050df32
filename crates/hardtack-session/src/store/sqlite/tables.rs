//! An application's own tables in a SQLite file.

use super::connections::Connections;
use super::{connect, open, up_to_date};
use crate::store::{OpenError, Schema, StoreError, Value};
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use std::path::Path;
use std::str::FromStr as _;
use std::sync::Arc;

/// The connections to a database that may also hold sessions. Writes by them keep the cache of the sessions in step.
#[derive(Clone, Debug)]
pub(in crate::store) struct Tables {
    pub(super) connections: Arc<Connections>,
}

impl Tables {
    pub(in crate::store) async fn in_file(
        path: &Path,
        readers: u32,
        migrations: &Migrator,
        schema: Schema,
    ) -> Result<Self, OpenError> {
        Ok(Self { connections: Arc::new(open(path, readers, migrations, schema).await?) })
    }

    pub(in crate::store) async fn in_memory(migrations: &Migrator) -> Result<Self, OpenError> {
        let place = "memory";
        let unfit = |error: sqlx::Error| OpenError::Unfit { place: place.to_owned(), reason: error.to_string() };
        // The options name one database, which all connections by them share.
        let options = SqliteConnectOptions::from_str("sqlite::memory:").map_err(unfit)?;
        // The database exists for as long as one connection is open.
        let _anchor = connect(&options).await.map_err(unfit)?;
        let writer = up_to_date(&options, migrations, place, Schema::Migrate).await?;
        let connections = Connections::open(None, options, writer, 1).await.map_err(unfit)?;
        Ok(Self { connections: Arc::new(connections) })
    }

    pub(in crate::store) async fn prepare(&self, migrations: &Migrator, schema: Schema) -> Result<(), OpenError> {
        let Connections { options, place, .. } = &*self.connections;
        up_to_date(options, migrations, place, schema).await.map(drop)
    }

    pub(in crate::store) async fn check(&self) -> Result<(), StoreError> {
        self.connections.still_there().await
    }

    pub(in crate::store) async fn rows(&self, sql: &'static str, values: &[Value]) -> Result<Vec<AnyRow>, StoreError> {
        // A file has a single schema without a name, so the prefix is removed.
        let mut query = sqlx::query(AssertSqlSafe(sql.replace("hardtack.", "")));
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text.clone()),
                Value::Number(number) => query.bind(*number),
            };
        }
        if sql.starts_with("SELECT") {
            return any(&self.connections.read(query).await?);
        }
        let mut writing = self.connections.write().await.perhaps();
        let rows = writing.rows(query).await?;
        if !rows.is_empty() {
            // No session was changed, so the cached ones stay valid.
            writing.done(|_| {});
        }
        any(&rows)
    }
}

fn any(rows: &[SqliteRow]) -> Result<Vec<AnyRow>, StoreError> {
    rows.iter().map(|row| AnyRow::try_from(row).map_err(StoreError::corrupt)).collect()
}
