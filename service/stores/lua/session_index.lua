-- Add a session to its user's index.
-- KEYS[1] sorted set of session ids by start
-- ARGV[1] session id   ARGV[2] its start in ms   ARGV[3] how long its tokens may live, in ms   ARGV[4] the cap
-- Returns every id in the index, the oldest first, when there are more than the cap; else none.
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
keep(KEYS[1], tonumber(ARGV[3]))
if redis.call('ZCARD', KEYS[1]) <= tonumber(ARGV[4]) then return {} end
return redis.call('ZRANGE', KEYS[1], 0, -1)
