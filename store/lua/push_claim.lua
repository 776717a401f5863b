-- Claims the work that is due, the longest overdue first. No other process gets it until the claim ends. The score of
-- claimed work ends in half a millisecond, which distinguishes it from waiting work.
--
-- KEYS  1 sorted set of the work  2 hash of its values  3 hash of other values
-- ARGV  now in ms or "" for the server's time, duration of the claim in ms, maximum number,
--       "1" if work without a value is dropped, else "0"
-- Output now, the end of the claim, then for each: key, when it was due, value or "", other value or ""

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local lease = int(now + tonumber(ARGV[2])) .. '.5'
local out = { int(now), lease }
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[3]))
for i = 1, #due, 2 do
  local key = due[i]
  local value = redis.call('HGET', KEYS[2], key)
  if value or ARGV[4] == '0' then
    redis.call('ZADD', KEYS[1], lease, key)
    out[#out + 1] = key
    out[#out + 1] = int(tonumber(due[i + 1]))
    out[#out + 1] = value or ''
    out[#out + 1] = redis.call('HGET', KEYS[3], key) or ''
  else
    redis.call('ZREM', KEYS[1], key)
  end
end
return out
