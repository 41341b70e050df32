#!lua flags=allow-oom
-- Takes or extends the sweep lease.
-- KEYS: the lease. ARGV: the sweeper, the end of the lease, now, the time to live of the key.
local held = redis.call('GET', KEYS[1])
local until_, holder = string.match(held or '', '^(-?%d+):(.*)$')
if holder and holder ~= ARGV[1] and tonumber(until_) > tonumber(ARGV[3]) then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. ':' .. ARGV[1], 'PX', ARGV[4])
return 1
