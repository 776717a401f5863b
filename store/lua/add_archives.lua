-- Records archives and marks feeds as dirty, atomically.
--
-- KEYS  1 token  2 archives  3 dirty  4 marks  5 journal
-- ARGV  token, now in ms, A, then for each of A archives its name and its position, then the names of feeds to rebuild
-- Output "ok", or "journal" if the journal exists and the caller must wait for it;
--       "token N", or "exists NAME" if an archive with that name has a different end

local stored = redis.call('GET', KEYS[1])
if stored and tonumber(stored) > tonumber(ARGV[1]) then return 'token ' .. stored end
local last = 3 + 2 * tonumber(ARGV[3])
for i = 4, last, 2 do
  local old = redis.call('HGET', KEYS[2], ARGV[i])
  if old and old ~= ARGV[i + 1] then return 'exists ' .. ARGV[i] end
end

redis.call('SET', KEYS[1], ARGV[1])
local journal = redis.call('EXISTS', KEYS[5]) == 1
for i = 4, last, 2 do
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 and journal then
    redis.call('XADD', KEYS[5], '*', 'kind', 'archive', 'id', ARGV[i], 'value', ARGV[i + 1])
  end
end
local mark = string.format('%.0f', math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, tonumber(ARGV[2])))
for i = last + 1, #ARGV do redis.call('ZADD', KEYS[3], mark, ARGV[i]) end
redis.call('SET', KEYS[4], mark)
if journal then return 'journal' end
return 'ok'
