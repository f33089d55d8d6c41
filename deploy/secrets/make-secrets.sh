#!/bin/sh
# Makes the secrets of docker-compose.yml, each once, and lays out for every container just those it needs.
# /secrets/vault keeps the originals for this script alone; all else is written anew from them at each start.
set -eu
umask 077

# keep NAME: makes the secret unless it is there. 256 bits as hex, which is safe in a URL and in Redis' ACL file.
keep() {
    [ -s "/secrets/vault/$1" ] || head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' | whole "/secrets/vault/$1" 0400 0:0
}

# whole FILE MODE OWNER: writes its input to FILE, all of it or nothing, however this script ends.
whole() {
    rm -f "$1.new"
    cat >"$1.new"
    [ -s "$1.new" ]
    chmod "$2" "$1.new"
    chown "$3" "$1.new"
    mv "$1.new" "$1"
}

# the NAME: the secret itself.
the() { cat "/secrets/vault/$1"; }

for name in secret_key postgres_superuser postgres_owner postgres_app redis grafana; do keep "$name"; done
chmod 0755 /secrets/api /secrets/migrate /secrets/postgres /secrets/redis /secrets/grafana

# The service's user. File names are the names of settings.
service=10001:10001
the secret_key | whole /secrets/api/tokenhouse_secret_key 0400 $service
printf 'postgresql://tokenhouse_app:%s@postgres:5432/tokenhouse' "$(the postgres_app)" |
    whole /secrets/api/tokenhouse_database__url 0400 $service
printf 'redis://tokenhouse:%s@redis:6379/0' "$(the redis)" |
    whole /secrets/api/tokenhouse_redis__url 0400 $service
printf 'postgresql://tokenhouse_owner:%s@postgres:5432/tokenhouse' "$(the postgres_owner)" |
    whole /secrets/migrate/tokenhouse_database__url 0400 $service

# Images of Postgres and Redis differ in the number of their user, so these files are readable by all in their volume;
# no other container has it.
for name in superuser owner app; do the "postgres_$name" | whole "/secrets/postgres/$name" 0444 0:0; done
digest=$(the redis | sha256sum | cut -d ' ' -f 1)
sed "s/REDIS_PASSWORD_SHA256/$digest/" /users.acl | whole /secrets/redis/users.acl 0444 0:0

# The password of Grafana's `admin`, which the number of its image's user may read.
the grafana | whole /secrets/grafana/admin 0400 472:0
echo "the secrets are in place"
