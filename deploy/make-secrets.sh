#!/bin/sh
# Makes the passwords and the keys of a new fleet and writes them where deploy/compose or deploy/kubernetes looks for
# them:
#   sh make-secrets.sh compose FOLDER
#   sh make-secrets.sh kubernetes FOLDER [NAMESPACE]
# Each role has a password of its own (redis/meercat.acl says what it may do); Redis gets their SHA-256 only. What is
# said in Redis is signed (docs/fleet-key.md): balancers have the fleet key, agents and operators keys derived from it.
# Never overwrites: a folder that holds one of these files already is left as it is, and so is one that others may
# read. Needs openssl.
set -euC
umask 077
LC_ALL=C
export LC_ALL

usage() {
  echo "usage: sh make-secrets.sh compose FOLDER | kubernetes FOLDER [NAMESPACE]" >&2
  exit 2
}
kind=${1:-}
folder=${2:-}
namespace=${3:-meercat}
[ -n "$folder" ] || usage
case $kind in
  compose) [ $# -eq 2 ] || usage ;;
  kubernetes) [ $# -le 3 ] || usage ;;
  *) usage ;;
esac
fail() {
  echo "make-secrets.sh: $1" >&2
  exit "${2:-1}"
}
# It becomes a part of the Sentinels' names.
case $namespace in
  *[!a-z0-9-]* | -* | *-) fail "$namespace is no name of a namespace: lower-case letters, digits and -" 2 ;;
esac
[ ${#namespace} -le 63 ] || fail "the name of the namespace is longer than 63 characters" 2
case $folder in -*) folder=./$folder ;; esac

users=$(dirname "$0")/redis/meercat.acl
[ -r "$users" ] || fail "$users is missing: run it from a whole deploy/ folder"
command -v openssl >/dev/null || fail "openssl is missing"
for file in redis.acl redis.env balancer.env agent.env operator.env reader.env admin-password fleet.key operator.key agent.key agent-host1.key \
  agent-host2.key agent-host3.key console-token grafana-password; do
  if [ -e "$folder/$file" ] || [ -L "$folder/$file" ]; then
    fail "$folder has secrets already ($file); remove it to make new ones"
  fi
done
mkdir -p "$folder"
case $(ls -ld "$folder/") in
  d???------*) ;;
  *) fail "others may read $folder: chmod 700 it, or name a folder that does not exist" ;;
esac

password() { openssl rand -hex 24; }
hash_of() { printf %s "$1" | openssl dgst -sha256 -r | cut -d ' ' -f 1; }

admin=$(password) balancer=$(password) agent=$(password) operator=$(password) reader=$(password)
replica=$(password) sentinel=$(password)
acl=$(sed \
  -e "s/ADMIN_SHA256/$(hash_of "$admin")/" -e "s/BALANCER_SHA256/$(hash_of "$balancer")/" \
  -e "s/AGENT_SHA256/$(hash_of "$agent")/" -e "s/OPERATOR_SHA256/$(hash_of "$operator")/" \
  -e "s/READER_SHA256/$(hash_of "$reader")/" -e "s/REPLICA_SHA256/$(hash_of "$replica")/" \
  -e "s/SENTINEL_SHA256/$(hash_of "$sentinel")/" "$users")
case $acl in *_SHA256*) fail "$users has a user that this script does not know" ;; esac

# HMAC-SHA256 as hex (RFC 2104): KEY as hex, at most 64 bytes, and a message as printf's %b takes it. By hand, since
# openssl takes keys as arguments, which every user of the machine can read.
hmac() {
  key=$1 inner='' outer='' length=0
  while [ $length -lt 64 ]; do
    byte=${key%"${key#??}"} key=${key#??}
    v=$((0x${byte:-00} ^ 0x36)) w=$((0x${byte:-00} ^ 0x5c))
    inner="$inner\\0$((v / 64))$((v / 8 % 8))$((v % 8))" outer="$outer\\0$((w / 64))$((w / 8 % 8))$((w % 8))"
    length=$((length + 1))
  done
  {
    printf %b "$outer"
    printf %b "$inner$2" | openssl dgst -sha256 -binary
  } | openssl dgst -sha256 -r | cut -d ' ' -f 1
}
# Bytes in hex as printf's %b takes them.
escaped() {
  hex=$1
  while [ -n "$hex" ]; do
    v=$((0x${hex%"${hex#??}"}))
    hex=${hex#??}
    printf %s "\\0$((v / 64))$((v / 8 % 8))$((v % 8))"
  done
}
fleet_key=$(openssl rand -hex 32)
# HKDF-SHA256 (RFC 5869) with the salt `meercat`, of one block, as lib/redis/fleet-key.ts derives.
extracted=$(hmac 6d656572636174 "$(escaped "$fleet_key")")
derived() { hmac "$extracted" "$1\\0001"; }
id=$(derived id | cut -c 1-8)
# HOSTS FILE: the key of the agents of these hosts.
write_agent_key() { echo "agent:$1:$id:$(derived "agent $1")" >"$folder/$2"; }

# A role's variables, for `env_file` and secretGenerator: ROLE PASSWORD.
write_role() {
  if [ "$kind" = compose ]; then
    echo "MEERCAT_REDIS=redis://meercat-$1:$2@redis:6379" >"$folder/$1.env"
    return
  fi
  sentinels=''
  for pod in redis-0 redis-1 redis-2; do sentinels="$sentinels,$pod.redis.$namespace.svc:26379"; done
  cat >"$folder/$1.env" <<END
MEERCAT_REDIS=redis+sentinel://meercat-$1:$2@${sentinels#,}/meercat
MEERCAT_SENTINEL_USERNAME=meercat
MEERCAT_SENTINEL_PASSWORD=$clients
END
}

if [ "$kind" = kubernetes ]; then
  # What clients log in with to the Sentinels.
  clients=$(password)
  cat >"$folder/redis.env" <<END
REPLICA_PASSWORD=$replica
SENTINEL_PASSWORD=$sentinel
SENTINEL_CLIENT_PASSWORD=$clients
END
fi
write_role balancer "$balancer"
write_role agent "$agent"
write_role operator "$operator"
write_role reader "$reader"
echo "$admin" >"$folder/admin-password"
printf '%s\n' "$acl" >"$folder/redis.acl"
# Compose mounts the file as it is, and Redis does not run as you; only hashes stand in it, in a folder that is yours alone.
chmod 644 "$folder/redis.acl"
echo "$fleet_key" >"$folder/fleet.key"
echo "operator:$id:$(derived operator)" >"$folder/operator.key"
if [ "$kind" = compose ]; then
  for host in host1 host2 host3; do write_agent_key "$host" "agent-$host.key"; done
  # Prometheus reads the consoles with the one, you log in to Grafana with the other.
  password >"$folder/console-token"
  password >"$folder/grafana-password"
  # The users of the containers read them as they are.
  chmod 644 "$folder"/*.key "$folder/console-token" "$folder/grafana-password"
else
  # For the pods of example/: README.md says how to make one for those of yours.
  write_agent_key 'example-*' agent.key
fi
echo "made $folder"
