-- Records a run.
--
-- Runs that repeat an earlier one, such as those with nothing to do, are counted with it, so that they do not replace
-- runs that matter.
--
-- KEYS  1 runs or failed runs  2 repeated runs  3 last runs  4 journal
-- ARGV  the run, its start in ms, its cause, key of runs that repeat each other or "", "1" if it had nothing to do,
--       number of runs to keep, age in ms to keep, number of causes and repeated runs to keep, time in ms for which a
--       failure counts as repeated, start of the first run that it counts, number of runs that it counts
-- Output "ok", or "journal" if the journal exists and the caller must wait for it

local run, started, cause, repeats, idle = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4], ARGV[5] == '1'
local keep, age, keep_causes, window = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local since, times = ARGV[10], tonumber(ARGV[11])
local function int(n) return string.format('%.0f', n) end

-- Sets a field whose value begins with a time, and removes the fields with the earliest times if there are now too
-- many.
local function set(key, field, value)
  redis.call('HSET', key, field, value)
  while redis.call('HLEN', key) > keep_causes do
    local all, oldest, at = redis.call('HGETALL', key), nil, nil
    for i = 1, #all, 2 do
      local t = tonumber(string.match(all[i + 1], '^%-?%d+')) or 0
      if not at or t < at then oldest, at = all[i], t end
    end
    redis.call('HDEL', key, oldest)
  end
end

set(KEYS[3], cause, int(started))
local listed = repeats == '' or not idle and times == 1
if repeats ~= '' then
  local last, first, count = string.match(redis.call('HGET', KEYS[2], repeats) or '', '^(%-?%d+) (%-?%d+) (%d+) ')
  -- A record that represents several runs includes the earlier ones.
  if last and times == 1 and (idle or started - tonumber(last) <= window) then
    since, times, listed = first, 1 + tonumber(count), false
  end
  set(KEYS[2], repeats, int(started) .. ' ' .. since .. ' ' .. int(times) .. ' ' .. run)
end
if listed then
  local entry = redis.call('XADD', KEYS[1], 'MAXLEN', keep, '*', 'run', run)
  local ms = tonumber(string.match(entry, '^%d+'))
  if ms > age then redis.call('XTRIM', KEYS[1], 'MINID', int(ms - age)) end
end
if redis.call('EXISTS', KEYS[4]) == 0 then return 'ok' end
redis.call('XADD', KEYS[4], '*', 'kind', 'run', 'id', '', 'value', run)
return 'journal'
