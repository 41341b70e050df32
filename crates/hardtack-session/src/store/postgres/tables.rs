//! An application's own tables in a PostgreSQL database.

use super::pool::Pool;
use super::schema::Chain;
use super::{bring_up_to_date, open};
use crate::store::{self, OpenError, Schema, StoreError, Value};
use sqlx::any::AnyRow;
use std::time::Duration;

/// The connections to a database that may also hold sessions.
#[derive(Clone, Debug)]
pub(in crate::store) struct Tables {
    pub(super) pool: Pool,
}

impl Tables {
    pub(in crate::store) async fn open(
        url: &str,
        connections: u32,
        timeout: Duration,
        chain: &store::Chain,
        schema: Schema,
    ) -> Result<Self, OpenError> {
        Ok(Self { pool: open(url, connections, timeout, steps(chain), schema).await? })
    }

    pub(in crate::store) async fn prepare(&self, chain: &store::Chain, schema: Schema) -> Result<(), OpenError> {
        bring_up_to_date(self.pool.address(), self.pool.timeout(), steps(chain), schema).await
    }

    pub(in crate::store) async fn rows(&self, sql: &'static str, values: &[Value]) -> Result<Vec<AnyRow>, StoreError> {
        let mut query = sqlx::query(sql);
        for value in values {
            query = match value {
                Value::Text(text) => query.bind(text.clone()),
                Value::Number(number) => query.bind(*number),
            };
        }
        let rows = self.pool.rows_beside(query).await?;
        rows.iter().map(|row| AnyRow::try_from(row).map_err(StoreError::corrupt)).collect()
    }
}

const fn steps(chain: &store::Chain) -> Chain {
    Chain { migrations: chain.postgres, table: chain.done }
}
