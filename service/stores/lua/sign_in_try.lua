-- Count one more answer to a sign-in session, before it is looked at.
-- KEYS[1] hash   ARGV[1] time to live in ms
-- Returns how many there were, this one included; false when the session was used.
if redis.call('HGET', KEYS[1], 'u') then return false end
local tries = redis.call('HINCRBY', KEYS[1], 'n', 1)
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return tries
