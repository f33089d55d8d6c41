-- Reserve a login attempt in every row that applies to it, or in none when failures fill one of them. (Follows login_row.lua.)
-- KEYS global, source, account from this source, account: rows; known source: marker; failures in a row: counter
-- ARGV[1] how long a reservation is held, microseconds  ARGV[2] failures in a row that lock the account for unknown sources
-- ARGV[3..12] quota and window in microseconds: global, source, account from this source, account, account from a known source
-- Returns {how long to wait (0: reserved), 1 for a known source, 1 for "warn: global limit", what is left of the source's row,
-- how long until one more is, the charges of the four rows}; times and charges in microseconds.
local known = redis.call('EXISTS', KEYS[5])
local strained = false
local rows, charges, wait, warn, left, more = {}, {}, 0, 0, 0, 0
for i = 1, 4 do
  local at = (i == 3 and known == 1) and 11 or 2 * i + 1
  local quota, window = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  -- Under a global flood the other quotas are halved, except for known sources: an unknown one takes nothing from an owner.
  if strained and at < 11 then quota = math.max(1, math.floor(quota / 2)) end
  rows[i] = read(KEYS[i])
  charges[i] = step_of(quota, window)
  rows[i].held_until = math.min(rows[i].held_until, now + tonumber(ARGV[1]))
  local failures = within(rows[i].tat - rows[i].held, quota, window)
  if failures + rows[i].held < rows[i].tat then
    rows[i].tat = failures + rows[i].held
    write(KEYS[i], rows[i])
  end
  local full_for = wait_for(failures, quota, window)
  if i == 1 then
    strained = full_for > 0
    if strained then charges[i] = 0 end  -- it refuses no attempt, so it must not grow without limit either
  elseif i == 4 and known == 1 then
    charges[i] = 0
  else
    wait = math.max(wait, full_for)
    if i == 2 then left, more = standing(failures, quota, window) end
  end
end
if known == 0 and tonumber(redis.call('GET', KEYS[6]) or 0) >= tonumber(ARGV[2]) then
  wait = math.max(wait, redis.call('PTTL', KEYS[6]) * 1000)
end
if strained then warn = redis.call('HSETNX', KEYS[1], 'warned', 1) end
if wait > 0 then return {digits(wait), known, warn, left, digits(more)} end
for i = 1, 4 do
  if charges[i] > 0 then
    local row = rows[i]
    row.tat = math.max(row.tat, now) + charges[i]
    row.held = row.held + charges[i]
    row.held_until = now + tonumber(ARGV[1])
    write(KEYS[i], row)
  end
end
return {'0', known, warn, left, digits(more), digits(charges[1]), digits(charges[2]), digits(charges[3]), digits(charges[4])}
