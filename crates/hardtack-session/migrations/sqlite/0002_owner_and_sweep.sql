-- Where a session was signed in, for the list of devices.
ALTER TABLE session ADD COLUMN device_label TEXT;
ALTER TABLE session ADD COLUMN device_address TEXT;
-- When it got its present id; of older sessions nothing better is known than when they began.
ALTER TABLE session ADD COLUMN renewed INTEGER NOT NULL DEFAULT 0;
UPDATE session SET renewed = created;

-- One row: which node sweeps, and until when.
CREATE TABLE sweeper (
    id     INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    holder BLOB    NOT NULL CHECK (length(holder) = 16),
    until  INTEGER NOT NULL
) STRICT;
