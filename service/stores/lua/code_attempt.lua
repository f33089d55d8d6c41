-- Count one wrong code before it is looked at.
-- KEYS[1] hash
-- Returns the mail's fields and values, none when there is no mail, or 0 when no try is left.
local left = tonumber(redis.call('HGET', KEYS[1], 'n'))
if not left then return {} end
if left < 1 then return 0 end
redis.call('HSET', KEYS[1], 'n', left - 1)
return redis.call('HGETALL', KEYS[1])
