-- Enter a session into its user's index; forget those that must be over, and name the oldest ones beyond the cap.
-- KEYS[1] sorted set of session ids by start
-- ARGV[1] session id   ARGV[2] its start in ms   ARGV[3] the longest a session lives, in ms   ARGV[4] the cap
-- Returns the ids over the cap, the oldest first. They stay in the index until they are ended.
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (ARGV[2] - ARGV[3]))
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local over = redis.call('ZCARD', KEYS[1]) - ARGV[4]
if over <= 0 then return {} end
return redis.call('ZRANGE', KEYS[1], 0, over - 1)
