-- Count one wrong code before it is looked at.
-- KEYS[1] hash
-- Returns the mail's fields and values, or nothing when there is no mail or no try is left.
local left = tonumber(redis.call('HGET', KEYS[1], 'n') or 0)
if left < 1 then return {} end
redis.call('HSET', KEYS[1], 'n', left - 1)
return redis.call('HGETALL', KEYS[1])
