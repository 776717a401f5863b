-- Releases a lease if it still has this owner.
--
-- KEYS  1 lease
-- ARGV  owner
-- Output 1 if the lease was released, else 0

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
