-- Extends a lease that still has this owner. An expired lease must be acquired again, with a new token.
--
-- KEYS  1 lease
-- ARGV  owner, ttl in ms
-- Output {"ok", owner} or {"locked", holder, or "" if the lease has expired}

local holder = redis.call('GET', KEYS[1])
if holder ~= ARGV[1] then return { 'locked', holder or '' } end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return { 'ok', holder }
