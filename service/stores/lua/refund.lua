-- Give one charge back to a row. (Begins with gcra.lua.)
-- KEYS[1] the row   ARGV[1] quota  ARGV[2] window in microseconds
local tat = tonumber(redis.call('GET', KEYS[1]) or 0) - step_of(tonumber(ARGV[1]), tonumber(ARGV[2]))
if tat <= now then redis.call('DEL', KEYS[1]) return end
redis.call('SET', KEYS[1], digits(tat), 'PX', math.ceil((tat - now) / 1000))
