-- The mark of the session that began the epoch and stays signed in. PostgreSQL has the same.
ALTER TABLE account ADD COLUMN keeps TEXT;
