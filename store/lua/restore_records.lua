-- Restores primary records from an export and merges them with those of the site.
--
-- KEYS  1 inbox  2 names  3 removals  4 journal  5 archives  6 imported, then for each of the lines that are records its
--       record key and its post key
-- ARGV  for each line: kind ("record", "name", "removal", "archive" or "imported"), id of the post or name of the feed,
--       and three values: first seen, removed and changed in Unix ms or "-"; or full name, "" and ""; or ms, "" and "";
--       or position, "" and ""; or hash of the raw post, "" and ""
-- Output "ok", or "journal" if the journal exists and the caller must wait for it

local journal = redis.call('EXISTS', KEYS[4]) == 1
local function note(kind, id, value)
  if journal then redis.call('XADD', KEYS[4], '*', 'kind', kind, 'id', id, 'value', value) end
end

local key = 7
for i = 1, #ARGV, 5 do
  local kind, id, first, second, third = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4]
  if kind == 'record' then
    local record, post = KEYS[key], KEYS[key + 1]
    key = key + 2
    local old = redis.call('GET', record)
    if old then
      -- Keep the earlier "first seen" and the later "changed". Keep the stored removal, which is newer than the
      -- exported one.
      local seen, removed, changed = string.match(old, '^(%S+) (%S+) ?(%S*)$')
      if seen and seen ~= '-' and (first == '-' or tonumber(seen) < tonumber(first)) then first = seen end
      second = removed or second
      if changed and tonumber(changed) and (third == '-' or tonumber(third) < tonumber(changed)) then third = changed end
    end
    local value = first .. ' ' .. second
    if third ~= '-' then value = value .. ' ' .. third end
    if old ~= value then
      redis.call('SET', record, value)
      note(kind, id, value)
      -- The times are used as the dates of a post without dates, so the post must be absorbed again.
      if redis.call('EXISTS', post) == 1 then redis.call('XADD', KEYS[1], '*', 'id', id) end
    end
  elseif kind == 'name' then
    if redis.call('HSETNX', KEYS[2], id, first) == 1 then note(kind, id, first) end
  elseif kind == 'imported' then
    redis.call('HSET', KEYS[6], id, first)
  elseif kind == 'archive' then
    if redis.call('HSETNX', KEYS[5], id, first) == 1 then note(kind, id, first) end
  else
    local old = redis.call('HGET', KEYS[3], id)
    if not old or tonumber(old) < tonumber(first) then
      redis.call('HSET', KEYS[3], id, first)
      note(kind, id, first)
    end
  end
end
if journal then return 'journal' end
return 'ok'
