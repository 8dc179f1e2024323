# Sets `master` to the name of the Redis that is master now; read in by the two start scripts.
# The Sentinels know. When none answers, the fleet of Redis is new, or was stopped as a whole: its first pod begins.
master=''
for peer in $PEERS; do
  answer=$(REDISCLI_AUTH=$SENTINEL_PASSWORD timeout 2 redis-cli -h "$peer" -p "$SENTINEL_PORT" --user sentinel \
    sentinel get-master-addr-by-name meercat 2>/dev/null | head -n 1) || answer=''
  for known in $PEERS; do
    if [ "$answer" = "$known" ]; then master=$known; fi
  done
  [ -z "$master" ] || break
done
[ -n "$master" ] || master=${PEERS%% *}
