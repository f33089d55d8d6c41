-- Use a refresh token: begin the session's idle time anew, never beyond its absolute end.
-- KEYS[1] session hash   ARGV[1] digest of the token   ARGV[2] now in ms   ARGV[3] the idle lifetime in ms
-- Returns the session's fields and values, or false when there is nothing to refresh.
if redis.call('HGET', KEYS[1], 'd') ~= ARGV[1] then return false end
local left = redis.call('HGET', KEYS[1], 'e') - ARGV[2]
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return false
end
redis.call('HSET', KEYS[1], 'l', ARGV[2])
redis.call('PEXPIRE', KEYS[1], math.min(left, ARGV[3]))
return redis.call('HGETALL', KEYS[1])
