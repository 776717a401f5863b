-- Extends the leases that still have these owners. An expired lease must be acquired again, with a new token.
--
-- KEYS  leases
-- ARGV  owner and ttl in ms of each lease
-- Output the holder of each lease, or "" if the lease has expired

local holders = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  holders[i] = holders[i] or ''
  if holders[i] == ARGV[2 * i - 1] then redis.call('PEXPIRE', key, ARGV[2 * i]) end
end
return holders
