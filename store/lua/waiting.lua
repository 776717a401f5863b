-- Returns what a builder may have to absorb.
--
-- KEYS  1 index of the main feed  2 due  3 cursor  4 inbox  5 costly
-- ARGV  maximum number of due posts and of inbox entries
-- Output {Unix seconds, microseconds, posts of the main feed that are dated after this time and their dates in ms, posts
--       that are due, cursor, entries after it as XRANGE returns them, costly versions}

local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local cursor = redis.call('GET', KEYS[3]) or ''
local start = '-'
if cursor ~= '' then start = '(' .. cursor end
return {
  time[1], time[2], redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf', 'WITHSCORES'),
  redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1]),
  cursor, redis.call('XRANGE', KEYS[4], start, '+', 'COUNT', ARGV[1]), redis.call('HVALS', KEYS[5]),
}
