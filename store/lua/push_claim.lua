-- Claims the work that is due, the longest overdue first. No other process gets it until the claim ends. The score of
-- claimed work has a fraction, which is derived from the serial number. The fraction distinguishes claimed work from
-- waiting work, and from work of a later claim that ends in the same millisecond.
--
-- Claiming work for a host reserves the host for the claimant until the claim ends, so that the limits that one process
-- applies to its requests to a host apply to all requests of the site. Work for a host that is reserved for a different
-- claimant, or that gets no requests because it is failing, is postponed.
--
-- KEYS  1 sorted set of the work  2 hash of its values  3 hash of other values  4 states of hosts
-- ARGV  now in ms or "" for the server's time, duration of the claim in ms, maximum number,
--       "1" if work without a value is dropped, else "0", claimant, serial number,
--       "1" if the callback in the value determines the host, else "0", then pairs of a queue and the host of its notices
-- Output now, the end of the claim, then for each: key, when it was due, value or "", other value or "", host or "",
--       consecutive failures of the host

local function int(n) return string.format('%.0f', n) end
local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local now, duration, most = tonumber(ARGV[1]) or server_ms(), tonumber(ARGV[2]), tonumber(ARGV[3])
local claimant, serial = ARGV[5], ARGV[6]
local lease = int(now + duration) .. string.format('.%03d', tonumber(serial) % 999 + 1)
local host_of_queue = {}
for i = 8, #ARGV, 2 do host_of_queue[ARGV[i]] = ARGV[i + 1] end

-- host_of returns the host to which the request for some work is sent, as feed.Subscription.Host does.
local function host_of(key, value)
  local queue = string.match(key, '^%S+')
  if ARGV[7] ~= '1' and queue ~= 'denial' then return host_of_queue[queue] or '' end
  local ok, decoded = pcall(cjson.decode, value or '')
  if not ok or type(decoded) ~= 'table' or type(decoded.callback) ~= 'string' then return '' end
  local authority = string.match(decoded.callback, '^%w+://([^/?#]*)') or ''
  authority = string.match(authority, '[^@]*$')
  local host = string.match(authority, '^%[(.*)%]') or string.match(authority, '^[^:]*')
  return (string.gsub(string.lower(host), '%.$', ''))
end

-- admit returns the state of a host after reserving the host, or a state with the time until which the host's work is
-- postponed.
local states = {}
local function admit(host)
  if states[host] then return states[host] end
  local state = { failures = '0' }
  states[host] = state
  local ends, _, failures, closed, owner =
    string.match(redis.call('HGET', KEYS[4], host) or '', '^(%S+) (%S+) (%S+) (%S+) (%S+)$')
  if owner and tonumber(closed) > now then
    state.postponed = tonumber(closed)
  elseif owner and owner ~= claimant and tonumber(ends) > now then
    -- If the owner made its last claim long ago, it may have died.
    local age = now - (tonumber(ends) - duration)
    state.postponed = now + math.min(math.max(age, 50), 1000)
  else
    state.failures = failures or '0'
    redis.call('HSET', KEYS[4], host, table.concat({ lease, serial, state.failures, '0', claimant }, ' '))
  end
  return state
end

local out = { int(now), lease }
local claimed, scanned = 0, math.max(most, 100)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', int(now), 'WITHSCORES', 'LIMIT', 0, scanned)
for i = 1, #due, 2 do
  if claimed == most then break end
  local key = due[i]
  local value = redis.call('HGET', KEYS[2], key)
  if not value and ARGV[4] == '1' then
    redis.call('ZREM', KEYS[1], key)
  else
    local host = host_of(key, value)
    local state = host == '' and { failures = '0' } or admit(host)
    if state.postponed then
      redis.call('ZADD', KEYS[1], int(state.postponed), key)
    else
      claimed = claimed + 1
      redis.call('ZADD', KEYS[1], lease, key)
      out[#out + 1] = key
      out[#out + 1] = int(tonumber(due[i + 1]))
      out[#out + 1] = value or ''
      out[#out + 1] = redis.call('HGET', KEYS[3], key) or ''
      out[#out + 1] = host
      out[#out + 1] = state.failures
    end
  end
end
return out
