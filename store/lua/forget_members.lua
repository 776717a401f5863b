-- Takes processes off the list that have not reported: in one step with the look, for one may report just now.
--
-- KEYS  1 fleet, then the member keys
-- ARGV  the members' ids, in the order of their keys
-- Output how many were taken off

local gone = 0
for i = 1, #ARGV do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then gone = gone + redis.call('SREM', KEYS[1], ARGV[i]) end
end
return gone
