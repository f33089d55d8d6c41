-- Charge every row once, or none when one of them is full. (Begins with gcra.lua.)
-- KEYS[i] a row: string, its tat   ARGV[2i-1] quota  ARGV[2i] window in microseconds
-- Returns {how long to wait (0: charged), what is left of row 1, how long until one more is}, in microseconds.
local wait, tats = 0, {}
for i, key in ipairs(KEYS) do
  local quota, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local tat = tonumber(redis.call('GET', key) or 0)
  tats[i] = within(tat, quota, window)
  if tats[i] < tat then redis.call('SET', key, digits(tats[i]), 'PX', math.ceil((tats[i] - now) / 1000)) end
  wait = math.max(wait, wait_for(tats[i], quota, window))
end
if wait > 0 then
  local left, more = standing(tats[1], tonumber(ARGV[1]), tonumber(ARGV[2]))
  return {digits(wait), left, digits(more)}
end
for i, key in ipairs(KEYS) do
  local tat = math.max(tats[i], now) + step_of(tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i]))
  redis.call('SET', key, digits(tat), 'PX', math.ceil((tat - now) / 1000))
end
return {'0', 0, '0'}
