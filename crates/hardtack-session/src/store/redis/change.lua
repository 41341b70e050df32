#!lua
-- Changes a live session, and gives it a new id when one is passed: all of it or nothing, in one step.
-- KEYS: the session. ARGV: see `arguments` in change.rs. Optional texts have a `=` in front, or are empty.
local key = KEYS[1]
local id, now, if_version, max_data = ARGV[1], tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local new_idle, new_absolute = ARGV[5], ARGV[6]
local careful, expected_id, expected_account, expected_absolute = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local new_id, retired_until, reaches = ARGV[11], ARGV[12], ARGV[13]
local owned, owner = ARGV[14], { account = ARGV[15], label = ARGV[16], address = ARGV[17] }
local slack, new_terms, signed_in = tonumber(ARGV[18]), ARGV[19], ARGV[20]
local store, sets = tonumber(ARGV[21]), tonumber(ARGV[22])
local first_set, first_removed = 23, 23 + 2 * sets

local all = redis.pcall('HGETALL', key)
if all.err then
  return { 'corrupt' }
end
if #all == 0 then
  return { 'gone' }
end
local kept = {}
for i = 1, #all, 2 do
  kept[all[i]] = all[i + 1]
end
local function number(text, form)
  return tonumber(string.match(text or '', form) or '')
end
local created, seen = number(kept.created, '^-?%d+$'), number(kept.seen, '^-?%d+$')
local idle, absolute, version = number(kept.idle, '^%d+$'), number(kept.absolute, '^%d+$'), number(kept.version, '^%d+$')
if not (kept.id and created and seen and version and idle and absolute) then
  return { 'corrupt' }
end

if math.min(seen + idle, created + absolute) <= now then
  return { 'gone' }
end
if kept.id ~= id then
  local until_, reached = string.match(kept['r:' .. id] or '', '^(-?%d+):([01])$')
  if new_id ~= '' or reached ~= '1' or tonumber(until_) <= store then
    return { 'gone' }
  end
end
if careful == '1' then
  local account = kept.account and '=' .. kept.account or ''
  if kept.id ~= expected_id or account ~= expected_account or kept.absolute ~= expected_absolute then
    return { 'again' }
  end
end
if if_version ~= '' and tonumber(if_version) ~= version then
  return { 'conflict' }
end

local before = 0
for name, value in pairs(kept) do
  if string.sub(name, 1, 2) == 'v:' then
    before = before + #name - 2 + #value
  end
end
local after = before
for i = first_set, first_removed - 1, 2 do
  local old = kept['v:' .. ARGV[i]]
  after = after + #ARGV[i + 1] + (old and -#old or #ARGV[i])
end
for i = first_removed, #ARGV do
  local old = kept['v:' .. ARGV[i]]
  after = after - (old and #ARGV[i] + #old or 0)
end
if after > max_data and after > before then
  return { 'large' }
end

-- All checks have passed; from here on the script writes.
local function text(number)
  return string.format('%.0f', number)
end
local function put(name, optional)
  if optional == '' then
    redis.call('HDEL', key, name)
  else
    redis.call('HSET', key, name, string.sub(optional, 2))
  end
end
version = version + 1
seen = math.max(seen, now)
if new_idle ~= '' then
  idle, absolute = tonumber(new_idle), tonumber(new_absolute)
  redis.call('HSET', key, 'idle', new_idle, 'absolute', new_absolute)
end
if new_terms ~= '' then
  redis.call('HSET', key, 'terms', new_terms)
end
if signed_in ~= '' then
  created = now
  redis.call('HSET', key, 'created', text(created), 'signed_in', signed_in)
end
redis.call('HSET', key, 'version', text(version), 'seen', text(seen))
for i = first_set, first_removed - 1, 2 do
  redis.call('HSET', key, 'v:' .. ARGV[i], ARGV[i + 1])
end
for i = first_removed, #ARGV do
  redis.call('HDEL', key, 'v:' .. ARGV[i])
end
if owned == '1' then
  for name, optional in pairs(owner) do
    put(name, optional)
  end
end
if new_id ~= '' and signed_in == '' and not kept.signed_in then
  -- An earlier version wrote no `signed_in`, so `renewed` stands in for it. This rotation changes `renewed`, so the old
  -- moment is written here.
  redis.call('HSET', key, 'signed_in', kept.renewed or text(created))
end
if new_id ~= '' then
  for name, value in pairs(kept) do
    if string.sub(name, 1, 2) == 'r:' then
      local until_ = string.match(value, '^(-?%d+):')
      if not until_ or tonumber(until_) <= store then
        redis.call('HDEL', key, name)
      elseif reaches == '0' then
        -- An attacker may have planted this id, so a change of privilege rejects it too.
        redis.call('HSET', key, name, until_ .. ':0')
      end
    end
  end
  local renewed = math.max(number(kept.renewed, '^-?%d+$') or created, now)
  redis.call('HSET', key, 'r:' .. id, retired_until .. ':' .. reaches, 'id', new_id, 'renewed', text(renewed))
end
local deadline = math.min(seen + idle, created + absolute)
redis.call('PEXPIRE', key, text(math.max(1, math.min(deadline - now + slack, 1e14))))
return { 'done', text(version), text(math.min(deadline, 9e15)) }
