-- Brings back one primary record from an export, never over what the site knows better.
--
-- KEYS  1 record  2 post  3 inbox  4 names  5 removals  6 journal
-- ARGV  kind ("record", "name" or "removal"), id of the post or name of the feed, value; for a record: first seen and
--       removed in Unix ms or "-", apart
-- Output "ok", or "journal" if there is one

local kind, id = ARGV[1], ARGV[2]
local changed = false
local value = ARGV[3]
if kind == 'record' then
  local seen, removed = ARGV[3], ARGV[4]
  value = seen .. ' ' .. removed
  local old = redis.call('GET', KEYS[1])
  if old then
    -- The post was seen here since: when it was first seen anywhere is older knowledge, whether it is removed newer.
    local old_seen, old_removed = string.match(old, '^(%S+) (%S+)$')
    if old_seen and old_seen ~= '-' and (seen == '-' or tonumber(old_seen) < tonumber(seen)) then seen = old_seen end
    value = seen .. ' ' .. (old_removed or removed)
  end
  if old ~= value then
    redis.call('SET', KEYS[1], value)
    changed = true
    -- The date of a post that gives none has changed: it is to be read again.
    if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('XADD', KEYS[3], '*', 'id', id) end
  end
elseif kind == 'name' then
  changed = redis.call('HSETNX', KEYS[4], id, value) == 1
else
  local old = redis.call('HGET', KEYS[5], id)
  if not old or tonumber(old) < tonumber(value) then
    redis.call('HSET', KEYS[5], id, value)
    changed = true
  end
end
if redis.call('EXISTS', KEYS[6]) == 0 then return 'ok' end
if changed then redis.call('XADD', KEYS[6], '*', 'kind', kind, 'id', id, 'value', value) end
return 'journal'
