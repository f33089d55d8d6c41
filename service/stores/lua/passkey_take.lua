-- Gives a value and deletes it: of all callers one gets it. (GETDEL is of Redis 6.2.)
local held = redis.call('GET', KEYS[1])
if held then
  redis.call('DEL', KEYS[1])
end
return held
