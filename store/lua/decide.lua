-- Replaces the decisions about the credits of a post if they have not changed since they were read, and submits the
-- post, so that it is absorbed again.
--
-- KEYS  1 credits  2 inbox  3 post  4 journal
-- ARGV  1 id of the post  2 the stored value that was read, or ""  3 the new value, or "" to delete it
-- Output "ok", "journal" if the journal exists and the caller must wait for it, or "stale"

local id, read, value = ARGV[1], ARGV[2], ARGV[3]
if (redis.call('HGET', KEYS[1], id) or '') ~= read then return 'stale' end
if value == read then return 'ok' end
if value == '' then
  redis.call('HDEL', KEYS[1], id)
else
  redis.call('HSET', KEYS[1], id, value)
end
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('XADD', KEYS[2], '*', 'id', id) end
if redis.call('EXISTS', KEYS[4]) == 0 then return 'ok' end
redis.call('XADD', KEYS[4], '*', 'kind', 'credits', 'id', id, 'value', value)
return 'journal'
