-- Writes a head that was committed earlier, if there is no stored head or the stored head is older.
--
-- KEYS  1 token  2 head  3 heads  4 version  5 changes  6 journal  7 dirty  8 marks
--       then D doc keys of the head, then doc keys of the head as read
-- ARGV  token, now in ms, feed, number of entries to keep in the changes stream, "1" to make the feed dirty or "0",
--       ms to keep replaced documents, token of the head as read or "-1", D, then fields and values of the head
-- Output "ok", "kept" if the stored head is not older, or "absent" if a document has not been uploaded

local token, now, feed, docs = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[8])
local FIXED, FIELDS = 8, 9
local function int(n) return string.format('%.0f', n) end
-- Returns the latest Last-Modified of the documents in a list of fields and values of a head.
local function modified(list, from)
  local latest = 0
  for i = from, #list, 2 do
    if string.sub(list[i], 1, 4) == 'doc:' then
      latest = math.max(latest, tonumber(string.match(list[i + 1], '^%S+ (%-?%d+) ')) or 0)
    end
  end
  return latest
end

local stored = tonumber(redis.call('HGET', KEYS[2], 'token') or '-1')
if stored > token then return 'kept' end
-- A builder commits a feed many times with one token.
if stored == token and modified(redis.call('HGETALL', KEYS[2]), 1) >= modified(ARGV, FIELDS) then return 'kept' end
for d = 1, docs do
  if redis.call('EXISTS', KEYS[FIXED + d]) == 0 then return 'absent' end
end

-- The next token must be greater than the token of the builder that committed this head.
if tonumber(redis.call('GET', KEYS[1]) or '0') < token then redis.call('SET', KEYS[1], ARGV[1]) end
redis.call('DEL', KEYS[2])
for i = FIELDS, #ARGV, 2 do redis.call('HSET', KEYS[2], ARGV[i], ARGV[i + 1]) end
if stored == tonumber(ARGV[7]) then
  for d = FIXED + docs + 1, #KEYS do redis.call('PEXPIRE', KEYS[d], ARGV[6]) end
end
for d = 1, docs do redis.call('PERSIST', KEYS[FIXED + d]) end
local version = int(math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, now))
redis.call('SET', KEYS[4], version)
redis.call('ZADD', KEYS[3], version, feed)
redis.call('XADD', KEYS[5], 'MAXLEN', '~', ARGV[4], '*', 'feed', feed, 'version', version)
if ARGV[5] == '1' then
  local mark = int(math.max(tonumber(redis.call('GET', KEYS[8]) or '0') + 1, now))
  redis.call('ZADD', KEYS[7], mark, feed)
  redis.call('SET', KEYS[8], mark)
end
if redis.call('EXISTS', KEYS[6]) == 1 then
  redis.call('XADD', KEYS[6], '*', 'kind', 'head', 'id', feed, 'value', '')
end
return 'ok'
