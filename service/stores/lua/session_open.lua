-- Store a new session.
-- KEYS[1] session hash   ARGV[1] its time to live in ms   ARGV[2...] field, value, field, value, ...
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
