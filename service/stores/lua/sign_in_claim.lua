-- Use up a sign-in session.
-- KEYS[1] hash   ARGV[1] time to live in ms
-- Returns 1 for one of all callers, and 0 for the others.
if redis.call('HSETNX', KEYS[1], 'u', 1) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
