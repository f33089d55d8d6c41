-- Store the challenge of a login that waits for a second factor.
-- KEYS[1] challenge hash   ARGV[1] its time to live in ms  ARGV[2] the user's id  ARGV[3] time of the password
redis.call('HSET', KEYS[1], 'u', ARGV[2], 'v', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return 1
