#!/bin/bash
# A rack of virtual servers on this host, from powered off to installed: brought up, discovered over IPMI and PXE,
# installed, and listed with their hardware. Run again, it goes on from where it was.
#   scripts/machines.sh       MACHINES=3 KIND=vm|container FIRMWARE=bios|uefi TIMEOUT=seconds of each wait
set -euo pipefail
cd "$(dirname "$0")/.."

crowbar=$PWD/.venv/bin/crowbar
python=$PWD/.venv/bin/python
machines=${MACHINES:-3}
kind=${KIND:-vm}
firmware=${FIRMWARE:-bios}
timeout=${TIMEOUT:-1800}
group=rack # its machines, and none that somebody else brought in
log=${CROWBAR_STATE_DIR:-/var/lib/crowbar}/serve.log
serve=
begun=$SECONDS

say() { printf '%4d s  %s\n' $((SECONDS - begun)) "$*"; }

fail() {
    say "$*" >&2
    exit 1
}

stop() {
    [ -n "$serve" ] || return 0
    kill "$serve" 2>/dev/null || true
    wait "$serve" || true
    serve=
}

start_serving() {
    mkdir -p "$(dirname "$log")"
    : >"$log"
    "$crowbar" serve >"$log" 2>&1 &
    serve=$!
    local until=$((SECONDS + timeout)) told=0
    until grep -q '^Serving ' "$log"; do
        kill -0 "$serve" 2>/dev/null || { cat "$log" >&2; fail "crowbar serve ended."; }
        [ $SECONDS -lt $until ] || fail "crowbar serve does not get ready: see $log"
        if [ $told -eq 0 ] && grep -q '^building' "$log"; then
            say "building the discovery system, once"
            told=1
        fi
        sleep 0.5
    done
    say "$(grep -m1 '^Serving ' "$log")"
}

# Prints a line for each of our machines: its name, state, health and what is wrong.
standing() {
    "$crowbar" machines list --group $group --output json | "$python" -c '
import json, sys
for one in json.load(sys.stdin)["machines"]:
    print(one["machine"]["name"], one["state"], one["health"], *one["last_error"].split())'
}

# Waits until all of our machines are in one of these states, and says what changes meanwhile.
await() {
    local until=$((SECONDS + timeout)) wanted=" $* " before='' now line state waiting
    while true; do
        kill -0 "$serve" 2>/dev/null || fail "crowbar serve ended: see $log"
        now=$(standing)
        waiting=0
        while read -r line; do
            state=$(cut -d' ' -f2 <<<"$line")
            [[ $wanted == *" $state "* ]] || waiting=$((waiting + 1))
            grep -qxF -- "$line" <<<"$before" || say "$line"
        done <<<"$now"
        [ $waiting -gt 0 ] || return 0
        [ $SECONDS -lt $until ] || fail "$waiting machines are not there yet. See: crowbar machines show NAME --timeline"
        before=$now
        sleep 3
    done
}

[ "$(id -u)" -eq 0 ] || { echo "A rack needs network namespaces and DHCP: run this as root." >&2; exit 2; }
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

"$crowbar" rack up --machines "$machines" --kind "$kind" --firmware "$firmware"
start_serving
say "discovering: BMCs are asked, and machines boot from the network"
"$crowbar" machines discover --rack
mapfile -t names < <("$crowbar" rack status --output json | "$python" -c '
import json, sys
print(*(one["name"] for one in json.load(sys.stdin)["machines"]), sep="\n")')
"$crowbar" machines group $group "${names[@]}" >/dev/null
await discovered hardware-installing hardware-installed installing installed readying ready
say "installing; the node image is built first if it is not there"
"$crowbar" machines install --group $group
await installed readying ready
say "all machines are installed"
echo
"$crowbar" machines list --group $group
cat <<END

The machines run on. What happened to one:  crowbar machines show ${names[0]} --timeline
A shell on it:                              crowbar shell --node ${names[0]}
To go on with them:                         crowbar serve
To take everything away:                    crowbar rack down
END
