-- Selects the newest posts of feeds and returns what identifies their items. The keys of items contain the ids of the
-- posts, so they cannot be listed in KEYS. They have the site's hash tag, so they are in the same slot.
--
-- KEYS  1 removals, then the indexes of the feeds
-- ARGV  prefix of the keys of items, number of bytes that identify an item, then for each feed: name, limit
-- Output for each feed, three elements: the ids of its newest posts, newest first; the first bytes of their items, "" for
--       an item that does not exist; and the time of the last removal or ""

local prefix, last, sums, reply = ARGV[1], tonumber(ARGV[2]) - 1, {}, {}
for i = 2, #KEYS do
  local feed, limit = ARGV[2 * i - 1], tonumber(ARGV[2 * i])
  local ids, found = redis.call('ZREVRANGE', KEYS[i], 0, limit - 1), {}
  for n, id in ipairs(ids) do
    sums[id] = sums[id] or redis.call('GETRANGE', prefix .. id, 0, last)
    found[n] = sums[id]
  end
  reply[#reply + 1] = ids
  reply[#reply + 1] = found
  reply[#reply + 1] = redis.call('HGET', KEYS[1], feed) or ''
end
return reply
