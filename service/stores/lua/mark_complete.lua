-- Declare that the denylist holds every entry, unless the store was emptied since the restore began.
-- KEYS[1] epoch marker   ARGV[1] the value that the restore set   ARGV[2] the server's identity   ARGV[3] its TTL in ms
-- Returns 1, or 0 when the marker has another value.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
