-- Sets the schema of a site unless it has changed since it was read, and fences builders with earlier tokens, so that
-- none commits documents of the previous rendering version.
--
-- KEYS  1 schema  2 token
-- ARGV  since of the schema as read or "0", minimum for the new since, version, reader, writer, renderer
-- Output {"ok", since} or {"changed", since of the stored schema}

local stored = redis.call('HGET', KEYS[1], 'since') or '0'
if stored ~= ARGV[1] then return { 'changed', stored } end
local token = tonumber(redis.call('GET', KEYS[2]) or '0')
local since = string.format('%.0f', math.max(token + 1, tonumber(stored) + 1, tonumber(ARGV[2])))
redis.call('HSET', KEYS[1], 'version', ARGV[3], 'reader', ARGV[4], 'writer', ARGV[5], 'renderer', ARGV[6],
  'since', since)
redis.call('SET', KEYS[2], since)
return { 'ok', since }
