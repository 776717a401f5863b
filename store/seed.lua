-- Writes a head that was committed earlier, unless the store has one that is as new.
--
-- KEYS  1 token  2 head  3 heads  4 version  5 changes  6 journal, then the doc keys
-- ARGV  token, now in ms, feed, entries of the changes stream to keep, then fields and values of the head
-- Output "ok", "kept" if the store's head is as new, or "absent" if a document's bytes are not there

local token, now, feed = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local function int(n) return string.format('%.0f', n) end
if tonumber(redis.call('HGET', KEYS[2], 'token') or '-1') >= token then return 'kept' end
for d = 7, #KEYS do
  if redis.call('EXISTS', KEYS[d]) == 0 then return 'absent' end
end

-- The next builder must count as later than the one that committed this.
if tonumber(redis.call('GET', KEYS[1]) or '0') < token then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('DEL', KEYS[2])
for i = 5, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
for d = 7, #KEYS do redis.call('PERSIST', KEYS[d]) end
local version = int(math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, now))
redis.call('SET', KEYS[4], version)
redis.call('ZADD', KEYS[3], version, feed)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[4], '*', 'feed', feed, 'version', version)
if redis.call('EXISTS', KEYS[6]) == 1 then
  redis.call('XADD', KEYS[6], '*', 'kind', 'head', 'id', feed, 'value', '')
end
return 'ok'
