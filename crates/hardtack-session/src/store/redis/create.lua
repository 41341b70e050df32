#!lua
-- Stores a new session, unless there is one with this handle.
-- KEYS: the session. ARGV: its time to live, then its fields, each a name and a value.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return 0
end
for i = 2, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
