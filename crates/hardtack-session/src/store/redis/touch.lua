#!lua flags=allow-oom
-- Marks a live session as used and leaves its data alone.
-- KEYS: the session. ARGV: its current id or an earlier one that reaches it, now, the time for which the key outlives
-- the session, now on the store's clock.
local key, id, now, slack, store = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local kept = redis.pcall('HMGET', key, 'id', 'created', 'seen', 'idle', 'absolute', 'r:' .. id)
if kept.err then
  return 'corrupt'
end
local function number(text, form)
  return tonumber(string.match(text or '', form) or '')
end
local created, seen = number(kept[2], '^-?%d+$'), number(kept[3], '^-?%d+$')
local idle, absolute = number(kept[4], '^%d+$'), number(kept[5], '^%d+$')
if not (kept[1] and created and seen and idle and absolute) then
  return redis.call('EXISTS', key) == 1 and 'corrupt' or 'gone'
end
if math.min(seen + idle, created + absolute) <= now then
  return 'gone'
end
if kept[1] ~= id then
  local until_, reached = string.match(kept[6] or '', '^(-?%d+):([01])$')
  if reached ~= '1' or tonumber(until_) <= store then
    return 'gone'
  end
end
seen = math.max(seen, now)
redis.call('HSET', key, 'seen', string.format('%.0f', seen))
local left = math.min(seen + idle, created + absolute) - now
redis.call('PEXPIRE', key, string.format('%.0f', math.min(left + slack, 1e14)))
return 'done'
