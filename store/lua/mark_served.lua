-- Records when the posts that a process is ready to serve were first served.
--
-- KEYS  1 unserved  2 milestones  3 journal
-- ARGV  versions of the store whose documents the process is ready to serve, in ascending order, each followed by how
--       long the process has been ready to serve them, in ms
-- Output "ok", or "journal" if the journal exists and the caller must wait for it

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local journal = redis.call('EXISTS', KEYS[3]) == 1

local reply = 'ok'
for i = 1, #ARGV, 2 do
  local served = string.format('%.0f', now - tonumber(ARGV[i + 1]))
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(0', ARGV[i])) do
    local before = string.match(redis.call('HGET', KEYS[2], id) or '', '^(%S+ %S+) %-$')
    if before then
      local value = before .. ' ' .. served
      redis.call('HSET', KEYS[2], id, value)
      if journal then
        redis.call('XADD', KEYS[3], '*', 'kind', 'milestones', 'id', id, 'value', value)
        reply = 'journal'
      end
    end
    redis.call('ZREM', KEYS[1], id)
  end
end
return reply
