-- Record the verdict on a reserved login attempt. (Follows login_row.lua.)
-- KEYS as in reserve.lua   ARGV[1] failed, succeeded or unjudged   ARGV[2..5] the charges that reserve.lua returned
-- ARGV[6] how long a source stays known  ARGV[7] how long failures in a row are kept, both in milliseconds
local verdict = ARGV[1]
for i = 1, 4 do
  local charge, row = tonumber(ARGV[i + 1]), read(KEYS[i])
  row.held = math.max(0, row.held - charge)
  if verdict ~= 'failed' then row.tat = row.tat - charge end
  -- A right password clears the failures of its own account, never of the source: that one is shared with other accounts.
  if verdict == 'succeeded' and i >= 3 then row.tat = now + row.held end
  write(KEYS[i], row)
end
local stranger = tonumber(ARGV[5]) > 0
if verdict == 'failed' and stranger then
  redis.call('INCR', KEYS[6])
  redis.call('PEXPIRE', KEYS[6], ARGV[7])
elseif verdict == 'succeeded' then
  redis.call('DEL', KEYS[6])
  redis.call('SET', KEYS[5], 1, 'PX', ARGV[6])
end
