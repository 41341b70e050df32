#!lua flags=allow-oom
-- Ends a session. Returns its account, its id and its earlier ids, so that the caller can remove the keys that lead to
-- it.
-- KEYS: the session. ARGV: conditions, each empty or with a `=` in front: its current id, its account, the moment at
-- which it must have expired, the moment after which it must not have been used.
local key, id, account, over, unused = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local all = redis.pcall('HGETALL', key)
if all.err then
  -- The key is not a hash, so it is no session. It is deleted, unless the caller asks for a session of an account.
  if account ~= '' then
    return { 'gone' }
  end
  redis.call('DEL', key)
  return { 'done', '' }
end
if #all == 0 then
  return { 'gone' }
end
local kept = {}
for i = 1, #all, 2 do
  kept[all[i]] = all[i + 1]
end
-- A session without an id is damaged and opens nothing, so every id that still leads here may end it.
local lives_under = #(kept.id or '') == 64 and string.match(kept.id, '^%x+$')
if id ~= '' and lives_under and '=' .. lives_under ~= id then
  return { 'gone' }
end
if account ~= '' and (kept.account and '=' .. kept.account or '') ~= account then
  return { 'gone' }
end
local function number(text, form)
  return tonumber(string.match(text or '', form) or '')
end
if unused ~= '' and (number(kept.seen, '^-?%d+$') or 0) > tonumber(string.sub(unused, 2)) then
  return { 'live' }
end
if over ~= '' then
  local created, seen = number(kept.created, '^-?%d+$'), number(kept.seen, '^-?%d+$')
  local idle, absolute = number(kept.idle, '^%d+$'), number(kept.absolute, '^%d+$')
  local whole = created and seen and idle and absolute
  if whole and math.min(seen + idle, created + absolute) > tonumber(string.sub(over, 2)) then
    return { 'live' }
  end
end
redis.call('DEL', key)
local ended = { 'done', kept.account and '=' .. kept.account or '' }
if lives_under then
  ended[#ended + 1] = lives_under
end
for name in pairs(kept) do
  if string.sub(name, 1, 2) == 'r:' then
    ended[#ended + 1] = string.sub(name, 3)
  end
end
return ended
