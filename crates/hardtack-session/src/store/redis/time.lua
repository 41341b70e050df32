#!lua flags=allow-oom
-- Reads the clock of the server that holds the key, so that all nodes read the same one. A replica refuses a script
-- that is not declared read-only. Returns an empty list when the user may not run `TIME`.
-- KEYS: any.
local time = redis.pcall('TIME')
if time.err then
  return {}
end
return time
