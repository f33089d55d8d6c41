-- The start of every limit script: the clock of Redis, and the arithmetic of one row (GCRA, a leaky bucket stored as one
-- point in time). `tat` is when all charges will have drained; each charge moves it by one step = window / quota. All times are
-- whole microseconds, so that no precision is lost to rounding before the caller gets them.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])

local function step_of(quota, window) return math.ceil(window / quota) end

-- Never further ahead than a full row: charges counted by another clock or an earlier window drain within this one.
local function within(tat, quota, window) return math.min(tat, now + step_of(quota, window) * quota) end

-- How long until one more charge fits; 0 when it fits now.
local function wait_for(tat, quota, window)
  local step = step_of(quota, window)
  return math.max(0, tat + step - (now + step * quota))
end

-- How many more charges fit now, and how long until one more than that fits.
local function standing(tat, quota, window)
  local step = step_of(quota, window)
  local used = math.max(tat - now, 0)
  local left = math.max(0, quota - math.ceil(used / step))
  if used == 0 then return left, 0 end
  return left, used - (quota - left - 1) * step
end

local function digits(number) return string.format('%.0f', number) end
