-- Returns the heads of feeds with the documents that the caller does not have. The keys of documents are in the heads, so
-- they cannot be listed in KEYS. They have the site's hash tag, so they are in the same slot.
--
-- KEYS  the heads
-- ARGV  prefix of the keys of documents, then the hashes of the documents that the caller has
-- Output for each head, two elements: its hash as a list of fields and values, empty if there is no head, and a list of
--       hashes of documents and their bytes; a document that does not exist is left out

local known = {}
for i = 2, #ARGV do known[ARGV[i]] = true end
local reply = {}
for _, key in ipairs(KEYS) do
  local head, documents = redis.call('HGETALL', key), {}
  for i = 1, #head, 2 do
    local hash = string.sub(head[i], 1, 4) == 'doc:' and string.match(head[i + 1], '^(%x+) ')
    if hash and not known[hash] then
      local bytes = redis.call('GET', ARGV[1] .. hash)
      if bytes then
        documents[#documents + 1] = hash
        documents[#documents + 1] = bytes
      end
    end
  end
  reply[#reply + 1] = head
  reply[#reply + 1] = documents
end
return reply
