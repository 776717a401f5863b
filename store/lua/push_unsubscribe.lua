-- Removes a subscription and its deliveries.
--
-- KEYS  1 subscriptions  2 topic  3 deliveries  4 expiries  5 hosts  6 topics  7 failures  8 requests  9 verifications
--       10 journal
-- ARGV  now in ms or "" for the server's time, id, a record that the subscription has ended, host, "FORMAT FEED" of
--       the topic, id of the verified request or "", the end of its claim, "1" to remove it only if its lease has ended
-- Output {"removed" | "absent" | "kept", "1" if the caller must wait for the journal, else "0"}

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now = tonumber(ARGV[1]) or server_ms()
local id, ended, host, topic, request, lease = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]

if request ~= '' then
  local score = redis.call('ZSCORE', KEYS[9], request)
  if not score then return { 'kept', '0' } end -- a later request has replaced it and has been handled
  if tonumber(score) == tonumber(lease) then
    redis.call('ZREM', KEYS[9], request)
    redis.call('HDEL', KEYS[8], request)
  end
end
if ARGV[8] == '1' and tonumber(redis.call('ZSCORE', KEYS[4], id) or '0') > now then return { 'kept', '0' } end
redis.call('ZREM', KEYS[2], id)
redis.call('ZREM', KEYS[3], id)
redis.call('ZREM', KEYS[4], id)
redis.call('HDEL', KEYS[7], id)
if redis.call('ZCARD', KEYS[2]) == 0 then redis.call('SREM', KEYS[6], topic) end
if redis.call('HDEL', KEYS[1], id) == 0 then return { 'absent', '0' } end
if redis.call('HINCRBY', KEYS[5], host, -1) <= 0 then redis.call('HDEL', KEYS[5], host) end
if redis.call('EXISTS', KEYS[10]) == 1 then
  redis.call('XADD', KEYS[10], '*', 'kind', 'subscription', 'id', id, 'value', ended)
  return { 'removed', '1' }
end
return { 'removed', '0' }
