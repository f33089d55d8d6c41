-- Shared by the scripts on a session's record. Times are in ms.

-- When a session is over: the end it was opened with and the current settings both limit it.
-- held: its start, its last use and its end   lifetime, idle: the current settings
local function over_at(held, lifetime, idle)
  return math.min(held[3], held[1] + lifetime, held[2] + idle)
end

-- Extend a key's TTL to at least this. A TTL set under longer settings is never shortened: the sessions that the key
-- names must stay revocable.
local function keep(key, span)
  if redis.call('PTTL', key) < span then redis.call('PEXPIRE', key, string.format('%.0f', span)) end
end
