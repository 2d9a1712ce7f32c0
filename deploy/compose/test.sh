#!/usr/bin/env bash
# Tries the Compose federation with real containers: a credential issued in one province is valid in the others, invalid
# once revoked, and both verdicts are still served, and news still taken, after the leader's container was stopped.
# Takes at most four minutes, and takes everything down whether it passed or not. Where no Docker engine answers it says
# so and ends with 0.
#
# HUTONG_BINARY names a static Linux binary; else it is built, which does not count in the four minutes.
set -euo pipefail
umask 077
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

if ! timeout 15 docker version >/dev/null 2>&1; then
  printf '\n*** NO DOCKER ENGINE: the Compose federation was not tried ***\n\n'
  exit 0
fi
if ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null 2>&1; then
  printf '\n*** NO DOCKER COMPOSE: the Compose federation was not tried ***\n\n'
  exit 0
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/hutong-compose-XXXXXX")
dir=$work/federation
export HUTONG_STOP_SECONDS=5 # nobody waits for an orderly stop at the end

cleanup() {
  local code=$?
  trap - EXIT INT TERM
  if [ "$code" -ne 0 ] && [ -f "$dir/compose.env" ]; then
    logs
  fi
  if [ -f "$dir/compose.env" ]; then
    local mine left
    mine=label=com.docker.compose.project=$(project)
    timeout -k 5 50 "$here/up.sh" down "$dir" >"$work/down.log" 2>&1 || code=1
    left=$(docker ps -aq --filter "$mine"; docker volume ls -q --filter "$mine"; docker network ls -q --filter "$mine")
    if [ -n "$left" ] || [ "$code" -ne 0 ]; then
      cat "$work/down.log"
    fi
    if [ -n "$left" ]; then # such as a container that the engine was about to make when the time was up
      say "left behind, removing it: $left"
      docker ps -aq --filter "$mine" | xargs -r docker rm -f -v >/dev/null
      docker volume ls -q --filter "$mine" | xargs -r docker volume rm >/dev/null
      docker network ls -q --filter "$mine" | xargs -r docker network rm >/dev/null
      code=1
    fi
  fi
  rm -rf "$work"
  if [ "$code" -eq 0 ]; then
    say "passed and taken down after ${SECONDS}s"
  else
    say "FAILED after ${SECONDS}s"
  fi
  exit "$code"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '%s\n' "$*"; }
die() { say "test.sh: $*" >&2; exit 1; }

logs() {
  local container
  for container in $(containers -a); do
    printf -- '--- the end of the log of %s\n' "$(docker inspect -f '{{.Name}} {{.State.Status}}' "$container")"
    docker logs --tail 5 "$container" 2>&1 | cut -c 1-400
  done
}

# containers prints the containers of this federation alone; container prints that of one node.
containers() { docker ps "$@" -q --no-trunc --filter "label=com.docker.compose.project=$(project)"; }
container() { containers -a --filter "label=com.docker.compose.service=$1"; }
project() { sed -n 's/^HUTONG_PROJECT=//p' "$dir/compose.env"; }

# bounded runs a command with what is left of the time.
bounded() {
  local left=$((deadline - SECONDS))
  if [ "$left" -le 0 ]; then
    say "out of time before: $*" >&2
    return 124
  fi
  timeout -k 5 "$left" "$@"
}

hutong() { bounded "$dir/image/hutong" "$@"; }
address() { sed -n "s/^$1 //p" "$dir/addresses"; }

# eventually WANT COMMAND…: repeats it until its exit code is WANT.
eventually() {
  local want=$1 got
  shift
  while :; do
    got=0
    "$@" >"$work/said" 2>&1 || got=$?
    [ "$got" -ne "$want" ] || return 0
    if [ "$SECONDS" -ge "$deadline" ]; then
      cat "$work/said"
      die "exit code $got, want $want, out of time: $*"
    fi
    sleep 0.3
  done
}

# judged WANT FILE NODE: the node judges the credential so, with the exit code of `hutong verify` (0 valid, 1 invalid).
# Invalid has to be for the revocation.
judged() {
  eventually "$1" hutong verify "$2" --node "$(address "$3")"
  [ "$1" -ne 1 ] || grep -q credential-revoked "$work/said" || die "$3: invalid for another reason: $(cat "$work/said")"
  say "$3: $(head -n 1 "$work/said")"
}

leads() { hutong status --node "$(address "$1")" -o json | grep -Eq '"leading": ?true'; }

# leaderOf prints which of some nodes leads.
leaderOf() {
  local node
  while [ "$SECONDS" -lt "$deadline" ]; do
    for node in "$@"; do
      if leads "$node"; then
        say "$node"
        return
      fi
    done
    sleep 0.3
  done
  die "none of $* leads"
}

healthy() {
  local states
  states=$(containers -a | xargs docker inspect -f '{{.State.Health.Status}}' | sort | uniq -c | tr -s ' ')
  printf '%s\n' "$states"
  [ "$states" = " 9 healthy" ]
}

if [ -z "${HUTONG_BINARY:-}" ]; then
  export HUTONG_BINARY=$work/hutong
  (cd "$root" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$HUTONG_BINARY" ./cmd/hutong)
fi
SECONDS=0
deadline=${HUTONG_TEST_SECONDS:-180} # the rest of the four minutes is for taking down

bounded "$here/up.sh" "$dir" >"$work/up.log" 2>&1 || { cat "$work/up.log"; die "the federation did not come up"; }
grep '^issued in' "$work/up.log"
say "up after ${SECONDS}s"

HUTONG_PASSPHRASE=$(cat "$dir/passphrase")
HUTONG_TOKEN=$(cat "$dir/token")
export HUTONG_PASSPHRASE HUTONG_TOKEN
issue() { hutong issuer issue --dir "$dir/police" --type 11100000000013338W011; }
issue >"$work/kept.txt"
issue >"$work/later.txt"
for node in zhejiang-1 guangdong-1; do
  judged 0 "$dir/licence.txt" "$node"
done

say "revoking it in shanghai"
hutong issuer revoke --dir "$dir/police" --node "$(address shanghai-1)" --code "$dir/licence.txt" --reason 违法
for node in shanghai-2 zhejiang-1 zhejiang-2 zhejiang-3 guangdong-1; do
  judged 1 "$dir/licence.txt" "$node"
done
judged 0 "$work/kept.txt" zhejiang-1

leader=$(leaderOf zhejiang-1 zhejiang-2 zhejiang-3)
say "stopping $leader, which leads zhejiang"
bounded docker stop -t 45 "$(container "$leader")" >/dev/null
code=$(docker inspect -f '{{.State.ExitCode}}' "$(container "$leader")")
[ "$code" -eq 0 ] || die "$leader ended with exit code $code, want 0"
others=()
for node in zhejiang-1 zhejiang-2 zhejiang-3; do
  [ "$node" = "$leader" ] || others+=("$node")
done
for node in "${others[@]}"; do
  judged 1 "$dir/licence.txt" "$node"
  judged 0 "$work/kept.txt" "$node"
done
say "zhejiang is led by $(leaderOf "${others[@]}")"
say "revoking another one in shanghai"
hutong issuer revoke --dir "$dir/police" --node "$(address shanghai-1)" --code "$work/later.txt" --reason 违法
for node in "${others[@]}"; do
  judged 1 "$work/later.txt" "$node"
done

say "starting $leader again"
bounded docker start "$(container "$leader")" >/dev/null
eventually 0 healthy
say "all nine are healthy"
