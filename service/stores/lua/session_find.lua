-- Read a session, and the clock by which the grace of its previous token is measured.
-- KEYS[1] session hash
-- Returns the time in ms, and the session's fields and values.
local clock = redis.call('TIME')
return {clock[1] * 1000 + math.floor(clock[2] / 1000), redis.call('HGETALL', KEYS[1])}
