#!/bin/sh
# Starts this pod's Redis, as a replica unless it is the master. exec: signals go to Redis itself.
set -eu
umask 077
. "$(dirname "$0")/find-master.sh"

config=$DATA/redis.conf
cat >"$config" <<END
bind $POD_IP
port $REDIS_PORT
dir $DATA
aclfile $USERS_FILE
save ""
appendonly no
maxmemory 128mb
maxmemory-policy noeviction
masteruser meercat-replica
masterauth $REPLICA_PASSWORD
replica-announce-ip $SELF
replica-announce-port $REDIS_PORT
repl-diskless-sync-delay 0
END
[ "$master" = "$SELF" ] || echo "replicaof $master $REDIS_PORT" >>"$config"
echo "$SELF starts; the master is $master"
exec redis-server "$config"
