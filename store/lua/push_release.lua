-- Records what a claimant knows about hosts that are reserved for it, and releases those for which it has no more work.
-- A host whose last claim has a greater serial number is not released: the claimant has not processed that claim yet.
--
-- KEYS  1 states of hosts
-- ARGV  now in ms or "" for the server's time, claimant, then for each host: host, serial number of the last claim,
--       consecutive failures, ms for which the host gets no requests or "" for none, "1" to release it, else "0"
-- Output "ok"

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now, claimant = tonumber(ARGV[1]) or server_ms(), ARGV[2]
for i = 3, #ARGV, 5 do
  local host, failures, pause = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 3])
  local ends, serial, _, closed, owner =
    string.match(redis.call('HGET', KEYS[1], host) or '', '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  if owner == claimant then
    if pause then
      closed = int(now + pause)
    elseif failures == '0' then
      closed = '0'
    end
    if ARGV[i + 4] == '1' and serial == ARGV[i + 1] then ends = '0' end
    if ends == '0' and failures == '0' and closed == '0' then
      redis.call('HDEL', KEYS[1], host)
    else
      redis.call('HSET', KEYS[1], host, table.concat({ ends, serial, failures, closed, owner }, ' '))
    end
  end
end
return 'ok'
