-- Adds a notice to the outbox.
--
-- KEYS  1 outbox  2 notices  3 journal
-- ARGV  now in ms or "" for the server's time, notice, value or "", "1" to keep a notice that exists, else "0"
-- Output "ok", or "journal" if the journal exists and the caller must wait for it

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
if ARGV[4] == '1' and redis.call('ZSCORE', KEYS[1], ARGV[2]) then return 'ok' end
redis.call('ZADD', KEYS[1], int(now), ARGV[2])
redis.call('HDEL', KEYS[2], ARGV[2])
if ARGV[3] ~= '' then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
if redis.call('EXISTS', KEYS[3]) == 1 then
  redis.call('XADD', KEYS[3], '*', 'kind', 'notice', 'id', ARGV[2], 'value', int(now) .. ' ' .. ARGV[3])
  return 'journal'
end
return 'ok'
