-- Use a refresh token: restart the session's idle time, never beyond its absolute end.
-- KEYS[1] session hash   ARGV[1] digest of the token   ARGV[2] now in ms
-- ARGV[3] the refresh lifetime in ms   ARGV[4] the idle lifetime in ms   ARGV[5] the longest life of a token in ms
-- ARGV[6] the client that shows it
-- Returns the session's fields and values, or false when there is nothing to refresh.
local held = redis.call('HMGET', KEYS[1], 's', 'l', 'e', 'd', 'c')
if held[4] ~= ARGV[1] or (held[5] or '') ~= ARGV[6] or tonumber(ARGV[2]) >= over_at(held, ARGV[3], ARGV[4]) then return false end
redis.call('HSET', KEYS[1], 'l', ARGV[2])
held[2] = ARGV[2]
keep(KEYS[1], over_at(held, ARGV[3], ARGV[4]) - ARGV[2] + ARGV[5])
return redis.call('HGETALL', KEYS[1])
