-- A row of the login limits: a hash, because its charges are reservations until the password is checked. (Follows gcra.lua.)
-- `tat`: all charges; `held`: the share of those without a verdict, which refuses no attempt; `held_until`: from then on they
-- count as failures, because the instance that was to give the verdict is gone.
local function read(key)
  local row = redis.call('HMGET', key, 'tat', 'held', 'held_until')
  local held_until = tonumber(row[3] or 0)
  return {tat = tonumber(row[1] or 0), held = held_until > now and tonumber(row[2]) or 0, held_until = held_until}
end

local function write(key, row)
  local till = row.held > 0 and math.max(row.tat, row.held_until) or row.tat
  if till <= now then redis.call('DEL', key) return end
  redis.call('HSET', key, 'tat', digits(row.tat), 'held', digits(row.held), 'held_until', digits(row.held_until))
  redis.call('PEXPIRE', key, math.ceil((till - now) / 1000))
end
