-- Adds a name to the site's table of publications, unless the table already contains it.
--
-- KEYS  1 publications  2 journal
-- ARGV  1 field  2 value
-- Output "ok", or "journal" if the journal exists and the caller must wait for it

if redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2]) == 0 then return 'ok' end
if redis.call('EXISTS', KEYS[2]) == 0 then return 'ok' end
redis.call('XADD', KEYS[2], '*', 'kind', 'publication', 'id', ARGV[1], 'value', ARGV[2])
return 'journal'
