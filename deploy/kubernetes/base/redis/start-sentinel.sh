#!/bin/sh
# Starts this pod's Sentinel. It knows pods by their names, and has the same identity whenever it starts again: others
# would count each former one as a Sentinel that is down, until no majority is left.
set -eu
umask 077
. "$(dirname "$0")/find-master.sh"

config=$DATA/sentinel.conf
cat >"$config" <<END
bind $POD_IP
port $SENTINEL_PORT
dir $DATA
user default off
user sentinel on >$SENTINEL_PASSWORD allchannels +@all
user meercat on >$SENTINEL_CLIENT_PASSWORD resetchannels &+switch-master +info +ping +subscribe +sentinel|get-master-addr-by-name +sentinel|sentinels
sentinel sentinel-user sentinel
sentinel sentinel-pass $SENTINEL_PASSWORD
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $SELF
sentinel announce-port $SENTINEL_PORT
sentinel myid $(printf %s "$SELF" | sha1sum | cut -c 1-40)
sentinel monitor meercat $master $REDIS_PORT 2
sentinel auth-user meercat meercat-sentinel
sentinel auth-pass meercat $SENTINEL_PASSWORD
sentinel down-after-milliseconds meercat 3000
sentinel failover-timeout meercat 4000
sentinel parallel-syncs meercat 2
END
echo "$SELF watches; the master is $master"
exec redis-server "$config" --sentinel
