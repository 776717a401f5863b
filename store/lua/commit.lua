-- Replaces the documents of a feed in one step. The bytes have been uploaded; the arguments contain only hashes.
--
-- KEYS  1 token  2 head  3 heads  4 version  5 changes  6 dirty  7 journal  8 outbox
--       9 quiet  10 unannounced  11 milestones  12 unserved
--       then D doc keys of the new documents, then P doc and brotli keys of the current ones, then the brotli keys of
--       the new ones
-- ARGV  token, now in ms or "" for the server's time, dirty mark or "0", feed, config, ids, entries of the changes
--       stream to keep, ms to keep replaced documents, documents as read, D, P,
--       queues of notices about topics, queues of notices about feeds, each a list separated by spaces,
--       number of posts that the documents as read did not contain, and their ids;
--       then for each new document: format, hash, reference, "1" if it is a topic
--       The documents as read are "FORMAT=HASH@SECONDS," each, with Last-Modified in Unix seconds. Last-Modified is
--       compared too, so that a delayed request is refused even if the bytes that it read are current again.
-- Output {"committed" | "touched" | "unchanged", journal "1" or "0", then Last-Modified of each document in Unix
--       seconds}: touched means that the head changed but no bytes did. Or, without any change,
--       {"token", N}, {"changed"} if the current documents are not those that were read, {"absent", HASH}

local at = 0
local function arg()
  at = at + 1
  return ARGV[at]
end
local function num() return tonumber(arg()) end
local function int(n) return string.format('%.0f', n) end
local FIXED = 12

local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local token, now, mark, feed, config, ids = arg(), num() or server_ms(), num(), arg(), arg(), arg()
local keep_changes, keep_docs, read, docs, previous = arg(), arg(), arg(), num(), num()
local topic_queues, feed_queues = arg(), arg()
local entered = {}
for i = 1, num() do entered[i] = arg() end

for _, stored in ipairs({ redis.call('GET', KEYS[1]) or '0', redis.call('HGET', KEYS[2], 'token') or '0' }) do
  if tonumber(stored) > tonumber(token) then return { 'token', stored } end
end
-- Store the token even if this call fails below: older builders must no longer write.
redis.call('SET', KEYS[1], token)

local current, old_formats, seen = {}, redis.call('HGET', KEYS[2], 'formats') or '', ''
for format in string.gmatch(old_formats, '[^,]+') do
  local hash, modified, ref = string.match(redis.call('HGET', KEYS[2], 'doc:' .. format), '^(%S+) (%S+) (.*)$')
  current[format] = { hash = hash, modified = tonumber(modified), ref = ref }
  seen = seen .. format .. '=' .. hash .. '@' .. modified .. ','
end
if seen ~= read then return { 'changed' } end

local outcome, formats, fields, modified, notices = 'unchanged', '', {}, {}, {}
-- A change that comes only from imports is not announced to hubs.
local quiet = redis.call('SISMEMBER', KEYS[9], feed) == 1
local function notify(queues, topic)
  for queue in string.gmatch(queues, '%S+') do notices[#notices + 1] = queue .. ' ' .. topic .. ' ' .. feed end
end
for d = 1, docs do
  local format, hash, ref, is_topic = arg(), arg(), arg(), arg() == '1'
  if redis.call('EXISTS', KEYS[FIXED + d]) == 0 then return { 'absent', hash } end
  local old = current[format]
  local seconds = math.floor(now / 1000)
  if not old or old.hash ~= hash then
    -- Clients compare Last-Modified, so it must increase even within one second and if the clock was set back.
    if old then seconds = math.max(seconds, old.modified + 1) end
    -- Nobody can have subscribed to a document that did not exist.
    if old and is_topic then
      if quiet then
        redis.call('SADD', KEYS[10], format .. ' ' .. feed)
      else
        redis.call('SREM', KEYS[10], format .. ' ' .. feed)
        notify(topic_queues, format)
      end
    end
    outcome = 'committed'
  else
    seconds = old.modified
    if old.ref ~= ref and outcome == 'unchanged' then outcome = 'touched' end
  end
  formats = formats .. format .. ','
  fields[#fields + 1] = { 'doc:' .. format, hash .. ' ' .. int(seconds) .. ' ' .. ref }
  modified[d] = int(seconds)
end
if formats ~= old_formats then outcome = 'committed' end
if outcome == 'committed' then notify(feed_queues, '-') end

local same = outcome == 'unchanged' and redis.call('HGET', KEYS[2], 'config') == config
  and redis.call('HGET', KEYS[2], 'ids') == ids

if outcome ~= 'unchanged' then
  redis.call('DEL', KEYS[2]) -- removes formats that are no longer rendered
  for _, f in ipairs(fields) do redis.call('HSET', KEYS[2], f[1], f[2]) end
  -- The version is at least the current time, so that it increases even after the counter was lost.
  local version = int(math.max(tonumber(redis.call('GET', KEYS[4]) or '0') + 1, now))
  redis.call('SET', KEYS[4], version)
  redis.call('ZADD', KEYS[3], version, feed)
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', keep_changes, '*', 'feed', feed, 'version', version)
  for _, id in ipairs(entered) do
    local absorbed = string.match(redis.call('HGET', KEYS[11], id) or '', '^(%S+) %- %-$')
    if absorbed then
      local value = absorbed .. ' ' .. int(now) .. ' -'
      redis.call('HSET', KEYS[11], id, value)
      redis.call('ZADD', KEYS[12], version, id)
      if redis.call('EXISTS', KEYS[7]) == 1 then
        redis.call('XADD', KEYS[7], '*', 'kind', 'milestones', 'id', id, 'value', value)
      end
    end
  end
end
redis.call('HSET', KEYS[2], 'token', token, 'config', config, 'ids', ids, 'formats', formats)

-- Set the expiry of replaced documents first: a document that is current again, or shared by two formats, is persisted
-- below.
for p = 1, previous do redis.call('PEXPIRE', KEYS[FIXED + docs + p], keep_docs) end
for d = 1, docs do redis.call('PERSIST', KEYS[FIXED + d]) end
for b = FIXED + docs + previous + 1, #KEYS do redis.call('PERSIST', KEYS[b]) end

local score = redis.call('ZSCORE', KEYS[6], feed)
if score and tonumber(score) == mark then
  redis.call('ZREM', KEYS[6], feed)
  redis.call('SREM', KEYS[9], feed)
end

local journal = '0'
if not same and redis.call('EXISTS', KEYS[7]) == 1 then
  redis.call('XADD', KEYS[7], '*', 'kind', 'head', 'id', feed, 'value', '')
  journal = '1'
end
for _, notice in ipairs(notices) do
  redis.call('ZADD', KEYS[8], now, notice)
  if journal == '1' then redis.call('XADD', KEYS[7], '*', 'kind', 'notice', 'id', notice, 'value', int(now)) end
end
local reply = { outcome, journal }
for d = 1, docs do reply[#reply + 1] = modified[d] end
return reply
