-- Records a request to the hub, unless it exceeds a limit. Every request counts toward the rate limits.
--
-- KEYS  1 requests  2 verifications  3 rate of this minute  4 hosts  5 subscriptions  6 topic
-- ARGV  now in ms or "" for the server's time, id of the request, request, host, client or "" for one without a limit,
--       id of the subscription or "" if it is not a new one, then the limits: pending, per host, per client,
--       subscriptions, subscriptions of the host, subscriptions of the topic
-- Output "ok", or the limit: "pending", "host rate", "client rate", "subscriptions", "host" or "topic"

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local id, request, host, client, subscription = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local pending, per_host, per_client = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local all, of_host, of_topic = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])

local hosts = redis.call('HINCRBY', KEYS[3], 'h:' .. host, 1)
local clients = 0
if client ~= '' then clients = redis.call('HINCRBY', KEYS[3], 'c:' .. client, 1) end
redis.call('EXPIRE', KEYS[3], 120)
if clients > per_client then return 'client rate' end
if hosts > per_host then return 'host rate' end
if redis.call('HEXISTS', KEYS[1], id) == 0 and redis.call('HLEN', KEYS[1]) >= pending then return 'pending' end
if subscription ~= '' and redis.call('HEXISTS', KEYS[5], subscription) == 0 then
  if redis.call('HLEN', KEYS[5]) >= all then return 'subscriptions' end
  if tonumber(redis.call('HGET', KEYS[4], host) or '0') >= of_host then return 'host' end
  if redis.call('ZCARD', KEYS[6]) >= of_topic then return 'topic' end
end
redis.call('HSET', KEYS[1], id, request)
redis.call('ZADD', KEYS[2], int(now), id)
return 'ok'
