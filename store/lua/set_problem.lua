-- Lists a problem. If it is listed already, the time at which it was first seen is kept.
--
-- KEYS  1 problems
-- ARGV  field, since in ms or "0", problem
-- Output "ok"

local old = redis.call('HGET', KEYS[1], ARGV[1])
local since = old and string.match(old, '^%-?%d+') or '0'
if since == '0' then since = ARGV[2] end
redis.call('HSET', KEYS[1], ARGV[1], since .. ' ' .. ARGV[3])
return 'ok'
