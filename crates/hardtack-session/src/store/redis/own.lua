#!lua
-- Records that an account may own a session, before it does. Removes entries of sessions that ended long ago.
-- KEYS: the account's list. ARGV: the handle, the absolute end of its session, the time to live that the list needs for
-- that, the moment before which an end is long ago.
redis.call('ZADD', KEYS[1], 'GT', ARGV[2], ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[4])
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
