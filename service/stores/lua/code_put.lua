-- Remember a mail whose code is good, in place of an older one; the same mail again changes nothing.
-- KEYS[1] hash   ARGV[1] the mail's id   ARGV[2] its time in microseconds   ARGV[3] state   ARGV[4] subject
-- ARGV[5] tries   ARGV[6] time to live in ms   ARGV[7] the life of the code in microseconds, or empty
-- Returns 0 when a newer mail is there.
local held = redis.call('HMGET', KEYS[1], 'm', 'c')
if held[1] == ARGV[1] then return 1 end
if held[2] and tonumber(held[2]) > tonumber(ARGV[2]) then return 0 end
redis.call('HSET', KEYS[1], 'm', ARGV[1], 'c', ARGV[2], 's', ARGV[3], 'x', ARGV[4], 'n', ARGV[5], 'l', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
return 1
