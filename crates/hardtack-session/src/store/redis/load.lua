#!lua flags=allow-oom
-- Reads a whole session. It is a script, because a replica answers a plain read and may not know yet that the session
-- has ended. A replica refuses a script that is not declared read-only.
-- KEYS: the session.
return redis.call('HGETALL', KEYS[1])
