#!lua flags=allow-oom
-- Reads the clock of the server that all nodes ask for it: the one that has the key. A script that does not promise to write
-- nothing is refused by a replica. Empty where the user may not ask.
-- KEYS: any.
local time = redis.pcall('TIME')
if time.err then
  return {}
end
return time
