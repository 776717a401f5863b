-- Makes all changes of an absorption atomically.
--
-- All checks come before the first write, because Redis does not roll back a script. If Redis is out of memory or
-- read-only, or its disk is full, it rejects the script at its first write.
--
-- KEYS  1 token  2 cursor  3 inbox  4 dirty  5 marks  6 problems  7 names  8 removals  9 due  10 journal  11 imported
--       12 quiet  13 outbox  14 notices  15 milestones  16 milestone order  17 unserved
--       then F index keys, then for each of C changes its item key and its record key
-- ARGV  token, cursor as read, cursor to write, now in ms, number of milestones to keep, F, C
--       then F feed names
--       then for each change: its sum (the first 20 bytes of the item as read, "" for none), and "1" to use the date of
--       the stored item, else "0"
--       then for each change: hash of the raw post or "", id, mode ("set", "drop" or "keep"), item, due in ms or "",
--         record or "", ms at which it was absorbed for the first time or "",
--         number of problem fields to clear and these fields,
--         problem field or "", problem's since in ms, problem,
--         number of notices to add if the problem is new or has changed, and for each its key and its value,
--         number of feeds left and their positions, number of feeds entered and their positions, number of feeds and
--         archives touched, which become dirty, and their positions
--       then number of names, and for each: feed, full name
--       then number of removals, and for each: feed, ms
-- Output "ok", or "journal" if the journal exists and the caller must wait for it;
--       "token N", "cursor C" or "item" and the position of a change if the stored value differs

local at = 0
local function arg()
  at = at + 1
  return ARGV[at]
end
local function num() return tonumber(arg()) end
local function int(n) return string.format('%.0f', n) end
local FIXED, HEADER, SUM = 17, 36, 20

local token, cursor, next_cursor, now, keep, feeds, changes = arg(), arg(), arg(), num(), num(), num(), num()

local stored = redis.call('GET', KEYS[1])
if stored and tonumber(stored) > tonumber(token) then return 'token ' .. stored end
local read = redis.call('GET', KEYS[2]) or ''
if read ~= cursor then return 'cursor ' .. read end

local names = {}
for i = 1, feeds do names[i] = arg() end
local function item_key(c) return KEYS[FIXED + feeds + 2 * c - 1] end
local function record_key(c) return KEYS[FIXED + feeds + 2 * c] end

for c = 1, changes do
  local sum = arg()
  local dated = arg() == '1'
  if redis.call('GETRANGE', item_key(c), 0, SUM - 1) ~= sum then return 'item ' .. c end
  if dated and not tonumber(redis.call('GETRANGE', item_key(c), SUM, HEADER - 1)) then return 'item ' .. c end
end

local journal = redis.call('EXISTS', KEYS[10]) == 1
local function note(kind, id, value)
  if journal then redis.call('XADD', KEYS[10], '*', 'kind', kind, 'id', id, 'value', value) end
end

redis.call('SET', KEYS[1], token)

-- Calls a command with a key and a list of arguments, at most CHUNK at a time. A call costs much more than an argument,
-- especially in an in-process server, so the changes below are collected.
local CHUNK = 1000
local function call_with(command, key, list)
  for from = 1, #list, CHUNK do
    redis.call(command, key, unpack(list, from, math.min(from + CHUNK - 1, #list)))
  end
end
-- Returns the values of the fields of a hash, in order; false for a field that does not exist.
local function fields_of(key, fields)
  local values = {}
  for from = 1, #fields, CHUNK do
    local some = redis.call('HMGET', key, unpack(fields, from, math.min(from + CHUNK - 1, #fields)))
    for i = 1, #some do values[from + i - 1] = some[i] end
  end
  return values
end
local function add(list, ...)
  for _, value in ipairs({ ... }) do list[#list + 1] = value end
end

local first_absorbed, absorbed_at = {}, {} -- posts that are absorbed for the first time, and the times
-- Adds milestones for these posts, unless they already have some.
local function add_milestones()
  if #first_absorbed == 0 then return end
  local values, order, unserved = {}, {}, {}
  local known = fields_of(KEYS[15], first_absorbed)
  for i, id in ipairs(first_absorbed) do
    if not known[i] then
      local value = absorbed_at[i] .. ' - -'
      add(values, id, value)
      add(order, absorbed_at[i], id)
      add(unserved, 0, id)
      note('milestones', id, value)
    end
  end
  call_with('HSET', KEYS[15], values)
  call_with('ZADD', KEYS[16], order)
  call_with('ZADD', KEYS[17], unserved)
end

-- Removes the oldest milestones if their number exceeds the number to keep by SLACK.
local SLACK = 100
local function trim_milestones()
  local excess = redis.call('ZCARD', KEYS[16]) - keep
  if excess < SLACK then return end
  local oldest = redis.call('ZRANGE', KEYS[16], 0, math.min(excess, 1000) - 1)
  redis.call('HDEL', KEYS[15], unpack(oldest))
  redis.call('ZREM', KEYS[16], unpack(oldest))
  redis.call('ZREM', KEYS[17], unpack(oldest))
end

local dirty, announced = {}, {} -- by position
local left, entered = {}, {} -- by position: posts that leave the index; times and posts that enter it
for f = 1, feeds do left[f], entered[f] = {}, {} end
local not_due = {}
local has_imported = redis.call('EXISTS', KEYS[11]) == 1
for c = 1, changes do
  local raw = arg()
  local id, mode, item, due, record, absorbed = arg(), arg(), arg(), arg(), arg(), arg()
  local published = ''
  if mode == 'set' then
    redis.call('SET', item_key(c), item)
    published = string.sub(item, SUM + 1, HEADER)
  elseif mode == 'drop' then
    redis.call('DEL', item_key(c))
  else
    published = redis.call('GETRANGE', item_key(c), SUM, HEADER - 1)
  end
  if due == '' then
    add(not_due, id)
  else
    redis.call('ZADD', KEYS[9], due, id)
  end
  if record ~= '' and redis.call('GET', record_key(c)) ~= record then
    redis.call('SET', record_key(c), record)
    note('record', id, record)
  end
  if absorbed ~= '' then
    add(first_absorbed, id)
    add(absorbed_at, absorbed)
  end

  local kept = {} -- the stored problems, for the times at which they were first seen
  local cleared = {}
  for f = 1, num() do cleared[f] = arg() end
  for f, stored_problem in ipairs(redis.call('HMGET', KEYS[6], unpack(cleared))) do
    if stored_problem then
      kept[cleared[f]] = stored_problem
      redis.call('HDEL', KEYS[6], cleared[f])
    end
  end
  local field, since, problem = arg(), arg(), arg()
  local listed = false
  if field ~= '' then
    local old, text = string.match(kept[field] or '', '^(%-?%d+) (.*)$')
    if old and old ~= '0' then since = old end
    listed = text == problem
    redis.call('HSET', KEYS[6], field, since .. ' ' .. problem)
  end
  for _ = 1, num() do
    local notice, value = arg(), arg()
    if not listed then
      redis.call('ZADD', KEYS[13], int(now), notice)
      redis.call('HSET', KEYS[14], notice, value)
      note('notice', notice, int(now) .. ' ' .. value)
    end
  end

  for _ = 1, num() do add(left[num()], id) end
  for _ = 1, num() do add(entered[num()], int(tonumber(published)), id) end
  -- If a post is unchanged since an import stored it, its feeds are rebuilt without announcing the change.
  local quiet = has_imported and raw ~= '' and redis.call('HGET', KEYS[11], id) == raw
  if quiet then redis.call('HDEL', KEYS[11], id) end
  for _ = 1, num() do
    local f = num()
    dirty[f] = true
    if not quiet then announced[f] = true end
  end
end
call_with('ZREM', KEYS[9], not_due)
for f = 1, feeds do
  call_with('ZREM', KEYS[FIXED + f], left[f])
  call_with('ZADD', KEYS[FIXED + f], entered[f])
end
add_milestones()

for _ = 1, num() do
  local feed, full = arg(), arg()
  if redis.call('HSETNX', KEYS[7], feed, full) == 1 then note('name', feed, full) end
end
for _ = 1, num() do
  local feed, ms = arg(), arg()
  local old = redis.call('HGET', KEYS[8], feed)
  if not old or tonumber(old) < tonumber(ms) then
    redis.call('HSET', KEYS[8], feed, ms)
    note('removal', feed, ms)
  end
end

trim_milestones()

-- A mark is at least the current time, so that marks increase even after the counter was lost.
local mark = int(math.max(tonumber(redis.call('GET', KEYS[5]) or '0') + 1, now))
local marks, loud = {}, {}
for f = 1, feeds do
  if dirty[f] then
    if announced[f] then
      add(loud, names[f])
    elseif not redis.call('ZSCORE', KEYS[4], names[f]) then
      redis.call('SADD', KEYS[12], names[f])
    end
    add(marks, mark, names[f])
  end
end
call_with('SREM', KEYS[12], loud)
call_with('ZADD', KEYS[4], marks)
if #marks > 0 then redis.call('SET', KEYS[5], mark) end

if next_cursor ~= '' and next_cursor ~= cursor then
  redis.call('SET', KEYS[2], next_cursor)
  if journal then
    -- An in-process server reads a stream from its beginning, so it keeps no absorbed entries. With MINID, it would
    -- move all remaining entries for each removed one.
    local absorbed = #redis.call('XRANGE', KEYS[3], '-', next_cursor)
    redis.call('XTRIM', KEYS[3], 'MAXLEN', redis.call('XLEN', KEYS[3]) - absorbed)
    return 'journal'
  end
  -- Keep absorbed entries for an hour, for inspection.
  local ms = tonumber(string.match(next_cursor, '^%d+') or '0') - 3600000
  if ms > 0 then redis.call('XTRIM', KEYS[3], 'MINID', '~', int(ms)) end
end

if journal then return 'journal' end
return 'ok'
