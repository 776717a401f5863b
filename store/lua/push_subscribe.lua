-- Adds or renews a subscription and schedules a delivery of the current version. A renewal with the same secret
-- schedules nothing if the subscriber has the current version or a delivery of it is in progress: some subscribers
-- renew after every delivery, so deliveries would never end. A verified request does nothing if a later one has been
-- handled.
--
-- KEYS  1 subscriptions  2 topic  3 deliveries  4 expiries  5 hosts  6 topics  7 failures  8 requests  9 verifications
--       10 journal
-- ARGV  now in ms or "" for the server's time, id, subscription, its expiry in ms, host, "FORMAT FEED" of the topic,
--       id of the verified request or "", the end of its claim, "1" to keep a subscription that exists, else "0"
-- Output "ok", or "journal" if the journal exists and the caller must wait for it

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local id, value, expires, host, topic, request, lease = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]

if request ~= '' then
  local score = redis.call('ZSCORE', KEYS[9], request)
  if not score then return 'ok' end -- a later request has replaced it and has been handled
  if tonumber(score) == tonumber(lease) then -- otherwise, a later request has replaced it and will be verified as well
    redis.call('ZREM', KEYS[9], request)
    redis.call('HDEL', KEYS[8], request)
  end
end
local old = redis.call('HGET', KEYS[1], id)
if old and ARGV[9] == '1' then return 'ok' end
if not old then redis.call('HINCRBY', KEYS[5], host, 1) end
redis.call('HSET', KEYS[1], id, value)
redis.call('ZADD', KEYS[4], expires, id)
redis.call('SADD', KEYS[6], topic)
local renewed = old and cjson.decode(old).secret == cjson.decode(value).secret
local failing = redis.call('HDEL', KEYS[7], id) == 1
local delivered = tonumber(redis.call('ZSCORE', KEYS[2], id) or '0') > 0
local due = tonumber(redis.call('ZSCORE', KEYS[3], id) or '0')
local delivering = due % 1 ~= 0 and due > now
if renewed and (delivered or delivering) and not failing then
  -- A delivery that is due remains due.
elseif delivering then
  redis.call('ZADD', KEYS[2], -1, id) -- a delivery to the same subscriber is in progress; the next one follows it
else
  redis.call('ZADD', KEYS[2], 0, id)
  redis.call('ZADD', KEYS[3], int(now), id)
end
if redis.call('EXISTS', KEYS[10]) == 1 then
  redis.call('XADD', KEYS[10], '*', 'kind', 'subscription', 'id', id, 'value', value)
  return 'journal'
end
return 'ok'
