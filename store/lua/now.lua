-- Returns the server's time.
--
-- KEYS  1 any key of the site, which selects the server
-- ARGV  none
-- Output {Unix seconds, microseconds}

return redis.call('TIME')
