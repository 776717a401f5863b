-- Returns the earliest time at which something is due.
--
-- KEYS  sorted sets whose scores are times in Unix milliseconds
-- ARGV  now in ms or "" for the server's time
-- Output {now, the earliest time, or "" if there is none}

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local first
for _, key in ipairs(KEYS) do
  local found = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if found[2] and (not first or tonumber(found[2]) < first) then first = tonumber(found[2]) end
end
return { int(now), first and int(first) or '' }
