-- Removes the state of a host that has not been reserved for a while.
--
-- KEYS  1 states of hosts
-- ARGV  host, the state that was read
-- Output "ok"

if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 'ok'
