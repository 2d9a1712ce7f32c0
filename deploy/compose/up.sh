#!/usr/bin/env bash
# Brings up a federation of three provinces with three nodes each in containers, issues a credential in one province and
# has it judged in all of them; or takes it down again.
#
#   deploy/compose/up.sh [DIR]        makes DIR (default: hutong-compose in the folder for temporary files) and starts
#   deploy/compose/up.sh down [DIR]   removes containers, volumes, networks and image of that federation, and DIR
#
# Needs a Docker engine on this machine with Compose (docker compose or docker-compose), and Go, or a static Linux binary
# named by HUTONG_BINARY. Whatever it makes lies in DIR or bears the name of its project, which is new each time. It
# listens on loopback ports alone.
set -euo pipefail
umask 077
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)

say() { printf '%s\n' "$*"; }
die() { printf 'up.sh: %s\n' "$*" >&2; exit 1; }

# The provinces: name, code, third byte of the own network, tens of the last byte in the common network.
provinces=("shanghai 310000 31 1" "zhejiang 330000 33 2" "guangdong 440000 44 3")
authority=11310000002420084Y
licence=11100000000013338W011

compose() {
  if docker compose version >/dev/null 2>&1; then
    docker compose -p "$HUTONG_PROJECT" -f "$here/compose.yaml" "$@"
  elif command -v docker-compose >/dev/null 2>&1; then
    docker-compose -p "$HUTONG_PROJECT" -f "$here/compose.yaml" "$@"
  else
    die "no Compose: install the plugin \`docker compose\` or the program \`docker-compose\`"
  fi
}

hutong() { "$dir/image/hutong" "$@"; }

# down is given a DIR that this script made, and touches nothing that its compose.env does not name.
down() {
  [ -f "$dir/compose.env" ] || die "$dir has no compose.env: nothing was started from there"
  [ -O "$dir/compose.env" ] || die "$dir is another user's"
  load
  compose down --volumes --remove-orphans --timeout "${HUTONG_STOP_SECONDS:-45}"
  if docker image inspect "$HUTONG_IMAGE" >/dev/null 2>&1; then
    docker image rm "$HUTONG_IMAGE" >/dev/null
  fi
  rm -rf "$dir"
}

load() {
  set -a
  . "$dir/compose.env"
  set +a
}

# settle chooses names and addresses, and writes them down before anything is made, so that down finds all of it.
settle() {
  [ ! -e "$dir" ] || [ -z "$(ls -A "$dir")" ] || die "$dir is not empty; \`up.sh down $dir\` removes a federation"
  mkdir -p "$dir"
  [ -O "$dir" ] || die "$dir is another user's"
  dir=$(cd "$dir" && pwd)
  local project user net
  project="hutong-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')"
  user="$(id -u):$(id -g)"
  # Key files belong to their reader. Only root can give them to another user, and a node need not be root.
  [ "$(id -u)" -ne 0 ] || user=65532:65532
  net=$(freeNet)
  {
    printf 'HUTONG_PROJECT=%q\nHUTONG_IMAGE=%q\n' "$project" "$project:local"
    printf 'HUTONG_FOLDER=%q\nHUTONG_NET=%q\nHUTONG_USER=%q\n' "$dir/nodes" "$net" "$user"
  } >"$dir/compose.env"
  load
}

# freeNet prints two bytes, 10.N, that neither a network of the engine nor a route of this machine has.
freeNet() {
  local taken n
  taken=$(docker network ls -q | xargs -r docker network inspect -f '{{range .IPAM.Config}}{{.Subnet}} {{end}}')
  if command -v ip >/dev/null 2>&1; then
    taken+=" $(ip -4 route | cut -d' ' -f1)"
  fi
  for n in $(seq $((200 + RANDOM % 20)) 249); do
    case " $(printf '%s' "$taken" | tr '\n' ' ')" in
      *" 10.$n."*) ;;
      *) printf '10.%d' "$n"; return ;;
    esac
  done
  die "no free network from 10.200 to 10.249"
}

image() {
  mkdir -p "$dir/image/data"
  if [ -n "${HUTONG_BINARY:-}" ]; then
    cp "$HUTONG_BINARY" "$dir/image/hutong"
  else
    (cd "$root" && CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o "$dir/image/hutong" ./cmd/hutong)
  fi
  chmod 755 "$dir/image/hutong"
  docker build -q --build-arg "UID=${HUTONG_USER%:*}" -t "$HUTONG_IMAGE" -f "$here/../Dockerfile" "$dir/image" >/dev/null
}

# found makes keys, the national list, the trust lists and an authority of the first province. In earnest each of these
# folders belongs to other people on other machines.
found() {
  HUTONG_PASSPHRASE=$(od -An -N16 -tx4 /dev/urandom | tr -d ' ')
  export HUTONG_PASSPHRASE
  printf '%s\n' "$HUTONG_PASSPHRASE" >"$dir/passphrase"
  hutong national init --dir "$dir/national" --operator 国家政务服务平台
  local name code net tens
  for province in "${provinces[@]}"; do
    read -r name code net tens <<<"$province"
    hutong province init --dir "$dir/$name" --code "$code" --base-port 7100 \
      --host "$HUTONG_NET.0.${tens}1,$HUTONG_NET.0.${tens}2,$HUTONG_NET.0.${tens}3"
    hutong national admit --dir "$dir/national" "$dir/$name/request.json"
  done
  hutong national sign --dir "$dir/national" --key "$dir/national/keys/national-1.pem" --yes
  hutong national sign --dir "$dir/national" --key "$dir/national/keys/national-2.pem" --yes
  for province in "${provinces[@]}"; do
    read -r name code net tens <<<"$province"
    hutong province nodes --dir "$dir/$name" --national "$dir/national/national.json" --ca "$dir/national/certificates/$code-ca.pem"
  done
  hutong issuer init --dir "$dir/police" --province 310000 --id 310000-police --authority "$authority" --name 上海市公安局
  hutong province anchor add --dir "$dir/shanghai" "$dir/police/issuer.json" --type "$licence"
  hutong province token add --dir "$dir/shanghai" --authority "$authority" --name police >"$dir/token"
  for province in "${provinces[@]}"; do
    read -r name code net tens <<<"$province"
    hutong province list sign --dir "$dir/$name" --key "$dir/$name/keys/list-1.pem" --yes
    for i in 1 2 3; do node "$name" "$net" "$tens" "$i"; done
  done
  if [ "$(id -u)" -eq 0 ]; then
    chown -R "$HUTONG_USER" "$dir/nodes"
  fi
}

# node fills the folder of one node with its configuration and the keys that it holds; keys of lists and of the CA are
# not among them. `province init` gave one address for everything, that in the network between the provinces. Raft
# moves to the province's own network, HTTP listens on all addresses of the container and answers the container itself
# and this machine.
node() {
  local name=$1 net=$2 tens=$3 i=$4
  local from="$dir/$name" to="$dir/nodes/$name-$i"
  mkdir -p "$to/keys" "$to/node-$i"
  cp "$from/keys/head.pem" "$from/keys/operator.pem" "$to/keys/"
  cp "$from/node-$i/peer.pem" "$to/keys/"
  cp "$from/node-$i/cluster.pem" "$from/node-$i/cluster-key.pem" "$to/node-$i/"
  cp "$from/cluster-ca.pem" "$to/"
  cp "$from/access.yaml" "$dir/passphrase" "$to/"
  sed -e 's|^dataDir: .*|dataDir: /var/lib/hutong/data|' \
    -e "s|^\( *\)address: $HUTONG_NET\.0\.$tens\([123]\):|\1address: $HUTONG_NET.$net.1\2:|" \
    -e 's|^\( *\)identity: .*|\1identity: keys/peer.pem|' \
    -e 's|^\( *\)listen: .*:|\1listen: 0.0.0.0:|' \
    -e "s|^\( *\)- ::1/128|\1- $HUTONG_NET.0.1/32|" \
    -e 's|^\( *\)passphraseFile: .*|\1passphraseFile: passphrase|' \
    "$from/node-$i.yaml" >"$to/node.yaml"
  # Six kinds of lines were to change, Raft addresses three times.
  local changed
  changed=$(grep -c -e '^dataDir: /var/lib/hutong/data$' -e "address: $HUTONG_NET\.$net\.1[123]:710[123]$" -e 'identity: keys/peer.pem$' \
    -e "listen: 0\.0\.0\.0:810$i$" -e "- $HUTONG_NET\.0\.1/32$" -e 'passphraseFile: passphrase$' "$to/node.yaml") || true
  [ "$changed" -eq 8 ] || die "$to/node.yaml: $changed lines are as a container needs them, want 8"
  hutong node --config "$to/node.yaml" --check
}

# start brings the containers up and writes the loopback address of each node into DIR/addresses.
start() {
  compose up -d
  local name i
  for province in "${provinces[@]}"; do
    read -r name _ <<<"$province"
    for i in 1 2 3; do
      printf '%s-%s http://%s\n' "$name" "$i" "$(compose port "$name-$i" "810$i")" >>"$dir/addresses"
    done
  done
}

# address prints the address of one node; nodes prints --node and the address of all.
address() { sed -n "s/^$1 //p" "$dir/addresses"; }
nodes() { sed 's/^[^ ]* /--node\n/' "$dir/addresses"; }

# again repeats a command for half a minute: a cluster may be between two leaders.
again() {
  local until=$((SECONDS + 30))
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || die "no success within half a minute: $*"
    sleep 0.5
  done
}

publish() {
  local all name
  mapfile -t all < <(nodes)
  hutong status "${all[@]}" --wait 60s >/dev/null
  for province in "${provinces[@]}"; do
    read -r name _ <<<"$province"
    again hutong national publish --dir "$dir/national" --node "$(address "$name-1")"
    again hutong province list publish --dir "$dir/$name" --node "$(address "$name-1")"
  done
  hutong status --ready "${all[@]}" --wait 60s >/dev/null
}

# judge issues a credential in the first province and waits until each province finds it valid.
judge() {
  hutong issuer issue --dir "$dir/police" --type "$licence" --claim 姓名=张三 --claim 准驾车型=C1 >"$dir/licence.txt"
  local name answer until
  for province in "${provinces[@]}"; do
    read -r name _ <<<"$province"
    until=$((SECONDS + 60))
    until answer=$(hutong verify "$dir/licence.txt" --node "$(address "$name-1")"); do
      if [ "$SECONDS" -ge "$until" ]; then
        say "$answer"
        die "$name does not find the credential valid"
      fi
      sleep 0.5
    done
    say "issued in shanghai, judged in $name: $(head -n 1 <<<"$answer")"
  done
}

case "${1:-}" in
  down) command=down; shift ;;
  -h | --help | help) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit ;;
  *) command=up ;;
esac
dir=${1:-${TMPDIR:-/tmp}/hutong-compose}
if [ "$command" = down ]; then
  down
  exit
fi
docker version >/dev/null 2>&1 || die "no Docker engine answers"
settle
trap '[ $? -eq 0 ] || say "not all of it came up; remove what did with: $here/up.sh down $dir" >&2' EXIT
say "building the image"
image
say "making keys, lists and configurations in $dir"
found >"$dir/founding.log"
say "starting nine nodes as project $HUTONG_PROJECT"
start
publish
judge
say
cat "$dir/addresses"
say
say "  $dir/image/hutong verify $dir/licence.txt --node $(address guangdong-1)"
say "  $here/up.sh down $dir"
