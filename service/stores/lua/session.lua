-- What the scripts on a session's record share. Times are in ms.

-- When a session is over: what it was opened with and the settings of today both bind it.
-- held: its start, its last use and its end   lifetime, idle: the settings of today
local function over_at(held, lifetime, idle)
  return math.min(held[3], held[1] + lifetime, held[2] + idle)
end

-- Let a key live for at least this long. A life that was granted under longer settings is never cut: what the key
-- names must stay within reach of those who end sessions.
local function keep(key, span)
  if redis.call('PTTL', key) < span then redis.call('PEXPIRE', key, string.format('%.0f', span)) end
end
