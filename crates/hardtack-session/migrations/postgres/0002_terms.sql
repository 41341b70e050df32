-- Who set the clocks of a session: 0 the engine, 1 a handler, 2 a handler, and the browser keeps the cookie. NULL: written by a
-- version that did not say. Without a default, so that no row is rewritten.
ALTER TABLE hardtack.session ADD COLUMN terms bigint;
-- Orders the sessions of an account by their sign-ins. NULL: written by a version that did not say; then it is `renewed`.
ALTER TABLE hardtack.session ADD COLUMN signed_in bigint;
