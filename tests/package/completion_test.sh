#!/bin/bash
# What bash offers after TAB, asked of the completion as bash asks it: commands, options, devices that are there and
# devices and jobs that roostd knows, and nothing of a device whose name is a trap.
#
#   completion_test.sh ROOST ROOSTD REPOSITORY
set -euo pipefail
roost=$(realpath "$1") roostd=$(realpath "$2") repository=$(realpath "$3")
work=$(mktemp -d)
processes=()
finish() {
  for process in "${processes[@]}"; do kill "$process" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT
fail() { echo "FAIL: $*"; exit 1; }

export ROOST_SIM_DIR=$work/sim ROOST_BUS=unix:path=$work/bus
mkdir "$ROOST_SIM_DIR"
ln -s "$roost" "$work/roost"
PATH=$work:$PATH
cd "$work"

# complete LINE: what may follow, one a line; cut into words as bash does.
. "$repository/host/completion/roost"
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
complete_line() {
  COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=()
  local rest=$1
  while [[ $rest =~ ^[[:space:]]*(:+|[^[:space:]:]+)(.*)$ ]]; do
    COMP_WORDS+=("${BASH_REMATCH[1]}")
    rest=${BASH_REMATCH[2]}
  done
  [[ $1 != *[[:space:]] ]] || COMP_WORDS+=("")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  local current=${COMP_WORDS[COMP_CWORD]}
  [[ $current != : ]] || current=
  _roost roost "$current" "${COMP_WORDS[COMP_CWORD - 1]}"
  printf '%s\n' "${COMPREPLY[@]}"
}
# expect LINE WORD...: exactly these, in any order
expect() {
  local got want
  got=$(complete_line "$1" | sort | tr '\n' ' ')
  want=$(printf '%s\n' "${@:2}" | sort | tr '\n' ' ')
  [ "$got" = "$want" ] || fail "after '$1': '$got', not '$want'"
}

expect "roost pu" push
expect "roost --quiet dep" deploy
expect "roost w" watch
expect "roost push --conf" --confirm --confirm-after
expect "roost push --no-a" --no-activate
expect "roost deploy m.tflite --retry" --retry-for
expect "roost device --board nano" nano33ble
expect "roost convert --style t" tflm tflite
expect "roost push model" ""  # bash's own: files

"$roost" device --name wand --flash "$work/wand.flash" --board nano33ble --no-flash-time >"$work/log" 2>&1 &
processes+=($!)
for _ in $(seq 100); do [ -S "$ROOST_SIM_DIR/wand.sock" ] && break; sleep 0.05; done
expect "roost push m.tflite --to " sim:wand
expect "roost push m.tflite --to si" sim:wand
expect "roost push m.tflite --to sim:wa" wand
expect "roost cancel " ""

printf '%s' "<busconfig><type>session</type><listen>unix:path=$work/bus</listen><policy context=\"default\"><allow \
send_destination=\"*\"/><allow own=\"*\"/><allow eavesdrop=\"false\"/></policy></busconfig>" >"$work/bus.conf"
dbus-daemon --nofork --config-file "$work/bus.conf" 2>>"$work/log" &
processes+=($!)
for _ in $(seq 100); do [ -S "$work/bus" ] && break; sleep 0.05; done
"$roostd" --state "$work/state" 2>>"$work/log" &
processes+=($!)
for _ in $(seq 100); do "$roost" jobs >/dev/null 2>&1 && break; sleep 0.05; done
trap_name='ble:$(touch trapped)'
"$roost" deploy "$repository/tests/models/gesture_v1.tflite" --to ble:hat --to "$trap_name" --to sim:wand \
  >/dev/null 2>>"$work/log" || fail "deploy: $(tail -n 3 "$work/log")"
expect "roost deploy m.tflite --to ble:" hat
expect "roost jobs --device ble:h" hat
complete_line "roost deploy --to " >/dev/null
[ ! -e trapped ] || fail "a device's name was run"
offered=$(complete_line "roost cancel ") # all of it: grep -q would leave bash writing to nobody
grep -qx 1 <<<"$offered" || fail "job 1 is not offered: $offered"
echo "PASS"
