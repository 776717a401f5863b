-- Gives up a lease, if it is still the owner's.
--
-- KEYS  1 lease
-- ARGV  owner
-- Output 1 if it was given up, else 0

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
