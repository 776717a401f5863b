-- Makes feeds dirty.
--
-- KEYS  1 dirty  2 marks  3 quiet
-- ARGV  now in ms, then feed names
-- Output "ok"

local mark = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, tonumber(ARGV[1])))
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1], mark, ARGV[i])
  redis.call('SREM', KEYS[3], ARGV[i])
end
redis.call('SET', KEYS[2], mark)
return 'ok'
