#!lua flags=allow-oom
-- Reads a whole session. A plain read would do, but a replica answers that too, and may not know yet that the session
-- has ended; a script that does not promise to write nothing is refused there.
-- KEYS: the session.
return redis.call('HGETALL', KEYS[1])
