-- A code was right: give its try back.
-- KEYS[1] hash   ARGV[1] the mail's id   ARGV[2] the tries of a new mail
if redis.call('HGET', KEYS[1], 'm') ~= ARGV[1] then return 0 end
local left = tonumber(redis.call('HGET', KEYS[1], 'n'))
redis.call('HSET', KEYS[1], 'n', math.min(left + 1, tonumber(ARGV[2])))
return 1
