-- Records the result of the delivery of a notice. If a commit has renewed the notice in the meantime, it stays due.
--
-- KEYS  1 outbox  2 notices  3 journal
-- ARGV  now in ms or "" for the server's time, notice, the end of the claim, ms until the next attempt or "" for none,
--       value or ""
-- Output "ok"

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local notice = ARGV[2]
if tonumber(redis.call('ZSCORE', KEYS[1], notice) or '0') ~= tonumber(ARGV[3]) then return 'ok' end
if ARGV[4] ~= '' then
  redis.call('ZADD', KEYS[1], int(now + tonumber(ARGV[4])), notice)
  redis.call('HSET', KEYS[2], notice, ARGV[5])
  return 'ok'
end
redis.call('ZREM', KEYS[1], notice)
redis.call('HDEL', KEYS[2], notice)
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('XADD', KEYS[3], '*', 'kind', 'notice', 'id', notice, 'value', '')
end
return 'ok'
