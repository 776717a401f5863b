-- Schedules deliveries to subscribers that do not have the current version of a topic, and removes the notice when no
-- such subscriber is left. Deliveries that are waiting or in progress are left unchanged: a waiting one will send the
-- current version, and one in progress is repeated when it ends.
--
-- KEYS  1 head  2 topic  3 deliveries  4 outbox  5 journal
-- ARGV  now in ms or "" for the server's time, format, maximum number, notice, the end of its claim
-- Output the number of deliveries

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local count, most = 0, tonumber(ARGV[3])
local version = string.match(redis.call('HGET', KEYS[1], 'doc:' .. ARGV[2]) or '', '^%S+ (%S+)')
if version then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], 0, '(' .. version, 'LIMIT', 0, most)) do
    redis.call('ZADD', KEYS[2], version, id)
    redis.call('ZADD', KEYS[3], 'NX', int(now), id)
    count = count + 1
  end
end
if count < most and tonumber(redis.call('ZSCORE', KEYS[4], ARGV[4]) or '0') == tonumber(ARGV[5]) then
  redis.call('ZREM', KEYS[4], ARGV[4])
  if redis.call('EXISTS', KEYS[5]) == 1 then
    redis.call('XADD', KEYS[5], '*', 'kind', 'notice', 'id', ARGV[4], 'value', '')
  end
end
return count
