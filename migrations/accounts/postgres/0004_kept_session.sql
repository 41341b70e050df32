-- The mark of the session that began the epoch and stays signed in. SQLite has the same.
ALTER TABLE hardtack.account ADD COLUMN keeps text;
