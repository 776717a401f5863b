-- Records the result of a delivery. If the claim has ended, another process may have repeated the delivery, and that
-- process decides what is due.
--
-- KEYS  1 deliveries  2 topic  3 failures  4 subscriptions
-- ARGV  now in ms or "" for the server's time, id, the end of the claim, number of the version, "1" if it was delivered,
--       ms until the next attempt or "" for none, failure or "" to keep the recorded one
-- Output "again" if a delivery to the same subscriber is due at once, else "ok"

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local id, version, delivered, delay, failure = ARGV[2], tonumber(ARGV[4]), ARGV[5] == '1', ARGV[6], ARGV[7]

if redis.call('HEXISTS', KEYS[4], id) == 0 then
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[3], id)
  return 'ok'
end
local claimed = tonumber(redis.call('ZSCORE', KEYS[1], id) or '0') == tonumber(ARGV[3])
local wanted = tonumber(redis.call('ZSCORE', KEYS[2], id) or '0')
local again = wanted < 0 or wanted > version
if delivered then
  redis.call('HDEL', KEYS[3], id)
  if wanted < 0 then
    redis.call('ZADD', KEYS[2], 0, id)
  elseif not again then
    redis.call('ZADD', KEYS[2], int(version), id)
  end
elseif failure ~= '' then
  redis.call('HSET', KEYS[3], id, failure)
  if wanted < 0 then redis.call('ZADD', KEYS[2], 0, id) end
end
if not claimed then return 'ok' end
if delay ~= '' then
  redis.call('ZADD', KEYS[1], int(now + tonumber(delay)), id)
elseif again then
  redis.call('ZADD', KEYS[1], int(now), id)
  return 'again'
else
  redis.call('ZREM', KEYS[1], id)
end
return 'ok'
