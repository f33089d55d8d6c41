-- Count one more try of a challenge, before its code is looked at. One that is too many leaves the challenge as it is: an
-- earlier try may be about to succeed.
-- KEYS[1] challenge hash   ARGV[1] how many tries it has
-- Returns 1 when the try may go on, 0 when there were as many, or there is no such challenge any more.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HINCRBY', KEYS[1], 'n', 1) <= tonumber(ARGV[1]) then return 1 end
return 0
