-- Acquires the lease of a job and issues a fencing token. The present holder may acquire the lease again. If the owner
-- in ARGV[5] holds the lease, it is replaced.
--
-- KEYS  1 lease  2 token
-- ARGV  owner, ttl in ms, now in ms, the greatest token known to replicas, an owner that may be replaced, or ""
-- Output {"ok", token} or {"locked", holder}

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] and holder ~= ARGV[5] then return { 'locked', holder } end
local stored = tonumber(redis.call('GET', KEYS[2]) or '0')
-- The counter alone is not enough: a flushed or rolled-back server would issue tokens older than those known to
-- replicas.
local token = string.format('%.0f', math.max(stored + 1, tonumber(ARGV[3]), tonumber(ARGV[4]) + 1))
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.call('SET', KEYS[2], token)
return { 'ok', token }
