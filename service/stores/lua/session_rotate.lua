-- Use a refresh token and put its successor in its place.
-- KEYS[1] session hash
-- ARGV[1] digest of the token shown   ARGV[2] digest of its successor
-- ARGV[3] now in ms   ARGV[4] the idle lifetime in ms   ARGV[5] the grace in ms
-- Returns what became of it, then the session's fields and values (none when there is nothing to refresh).
local held = redis.call('HMGET', KEYS[1], 'd', 'p', 'g', 'e')
if not held[1] then return {'nothing'} end
local now, left = tonumber(ARGV[3]), held[4] - ARGV[3]
if left <= 0 then
  redis.call('DEL', KEYS[1])
  return {'nothing'}
end
local state = 'unknown'
if held[1] == ARGV[1] then
  state = 'renewed'
  redis.call('HSET', KEYS[1], 'd', ARGV[2], 'p', ARGV[1], 'g', string.format('%.0f', now + ARGV[5]), 'l', ARGV[3])
  redis.call('HINCRBY', KEYS[1], 'n', 1)
  redis.call('PEXPIRE', KEYS[1], math.min(left, ARGV[4]))
elseif held[2] == ARGV[1] then
  state = now < tonumber(held[3]) and 'again' or 'spent'
end
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, state)
return answer
