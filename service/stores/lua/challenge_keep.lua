-- Keep the sealed secret of an authenticator app with the challenge that it is set up under.
-- KEYS[1] challenge hash   ARGV[1] the sealed secret
-- Returns 1, or 0 when there is no such challenge any more: none is made, as it would never expire.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 's', ARGV[1])
return 1
