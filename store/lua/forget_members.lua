-- Removes from the fleet the members that have no current report. It checks for a report again, since a member may
-- have reported in the meantime.
--
-- KEYS  1 fleet, then the member keys
-- ARGV  the members' ids, in the order of their keys
-- Output the number of removed members

local gone = 0
for i = 1, #ARGV do
  if redis.call('EXISTS', KEYS[i + 1]) == 0 then gone = gone + redis.call('SREM', KEYS[1], ARGV[i]) end
end
return gone
