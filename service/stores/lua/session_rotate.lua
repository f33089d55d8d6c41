-- Use a refresh token and replace it with its successor.
-- KEYS[1] session hash
-- ARGV[1] digest of the token shown   ARGV[2] now in ms
-- ARGV[3] the refresh lifetime in ms   ARGV[4] the idle lifetime in ms   ARGV[5] the longest life of a token in ms
-- ARGV[6] the client that shows it   ARGV[7] digest of the successor   ARGV[8] the grace in ms
-- Returns the outcome, then the session's fields and values (none when there is nothing to refresh).
local held = redis.call('HMGET', KEYS[1], 's', 'l', 'e', 'd', 'p', 'g', 'c')
if not held[4] or (held[7] or '') ~= ARGV[6] or tonumber(ARGV[2]) >= over_at(held, ARGV[3], ARGV[4]) then return {'nothing'} end
local clock = redis.call('TIME')  -- one clock for the grace: a retry may reach an instance with another one
local here = clock[1] * 1000 + math.floor(clock[2] / 1000)
local state = 'unknown'
if held[4] == ARGV[1] then
  state = 'renewed'
  redis.call('HSET', KEYS[1], 'd', ARGV[7], 'p', ARGV[1], 'g', string.format('%.0f', here + ARGV[8]), 'l', ARGV[2])
  redis.call('HINCRBY', KEYS[1], 'n', 1)
  held[2] = ARGV[2]
  keep(KEYS[1], over_at(held, ARGV[3], ARGV[4]) - ARGV[2] + ARGV[5])
elseif held[5] == ARGV[1] then
  state = here < tonumber(held[6]) and 'again' or 'spent'
end
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, state)
return answer
