//! The notes that servers store when they start, by site URL. They are here because every deployment has this database.

use super::{Accounts, Failure, damaged};
use sqlx::Row as _;

impl Accounts {
    /// Returns the note of each site's last start: the site's URL and a text.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn starts(&self) -> Result<Vec<(String, String)>, Failure> {
        let rows = self.rows("SELECT site, facts FROM hardtack.start", &[]).await?;
        let read = |row: &sqlx::any::AnyRow| Ok((row.try_get(0)?, row.try_get(1)?));
        rows.iter().map(read).collect::<Result<_, _>>().map_err(damaged)
    }

    /// Stores the note of a start, in place of an earlier start's note.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn note_start(&self, site: &str, facts: &str, at: i64) -> Result<(), Failure> {
        let sql = "INSERT INTO hardtack.start (site, facts, noted) VALUES ($1, $2, $3) \
                   ON CONFLICT (site) DO UPDATE SET facts = $2, noted = $3 RETURNING site";
        self.rows(sql, &[site.into(), facts.into(), at.into()]).await.map(drop)
    }

    /// Returns the number of open accounts that have neither a password nor an identity of one of these issuers. Their
    /// owners can no longer sign in.
    ///
    /// # Errors
    ///
    /// When the database fails.
    pub async fn stranded(&self, issuers: &[&str]) -> Result<i64, Failure> {
        // One text, because an issuer contains no space.
        let issuers = format!(" {} ", issuers.join(" "));
        let sql = "SELECT count(*) FROM hardtack.account a WHERE a.closed IS NULL AND a.password IS NULL AND NOT EXISTS \
                   (SELECT 1 FROM hardtack.identity i WHERE i.account = a.id AND $1 LIKE '% ' || i.issuer || ' %')";
        let rows = self.rows(sql, &[issuers.as_str().into()]).await?;
        rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(damaged)
    }
}
