#!/bin/bash
# Proves that the whole program works over BlueZ's interface: `roost push` through the double of org.bluez to a
# simulated device, undisturbed; with the link ended in the middle; with bluetoothd restarted in the middle.
#
#   push_over_double.sh ROOST BLUEZ_DOUBLE MODEL
set -euo pipefail
roost=$1 double=$2 model=$3
work=$(mktemp -d)
device=
finish() {
  [ -z "$device" ] || kill "$device" 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

fail() {
  echo "FAIL: $*"
  tail -n 5 "$work"/*.log "$work"/*.json 2>/dev/null
  exit 1
}

start_device() {
  "$roost" device --listen "$work/left.sock" --board nano33ble --flash "$work/flash$1.bin" >"$work/device$1.log" 2>&1 &
  device=$!
  for _ in $(seq 100); do
    [ -S "$work/left.sock" ] && return
    sleep 0.05
  done
  fail "the device does not listen"
}
stop_device() {
  kill "$device"
  wait "$device" 2>/dev/null || true
  rm -f "$work/left.sock"
}

# push NAME [SIGNAL [OPTION...]]: the signal goes to the double when the first page is durable
push() {
  start_device "$1"
  "$double" --device "C0:FF:EE:00:00:01=left=$work/left.sock" -- \
    "$roost" push "$model" --to ble:left --json "${@:3}" >"$work/$1.json" 2>"$work/$1.log" &
  local pushing=$!
  if [ -n "${2:-}" ]; then
    for _ in $(seq 200); do
      grep -q '"phase":"send","bytes":[1-9]' "$work/$1.json" && break
      sleep 0.02
    done
    kill "-$2" "$pushing"
  fi
  wait "$pushing" || fail "$1: exit $?"
  grep -q '"result":"ok"' "$work/$1.json" || fail "$1: no result"
  stop_device
}

push undisturbed
grep -q '"dbus_calls":{"AcquireNotify":1,"AcquireWrite":1,"Connect":1,' "$work/undisturbed.json" || fail "D-Bus calls"
grep -q '"binding_limit":"\(flash\|radio\|host\)","air":{"bytes_per_second":[0-9.]*,.*"eta":null}' "$work/undisturbed.json" ||
  fail "what the radio carries is not told"
push dropped USR2 --interval 30 --phy 2
grep -q '"limit_bytes_per_second":[0-9.]*,"eta":0\.[0-9]*}' "$work/dropped.json" || fail "no eta at a known interval"
grep -q '"reconnects":[1-9]' "$work/dropped.json" || fail "the link was not lost"
push restarted USR1
grep -q '"reconnects":[1-9]' "$work/restarted.json" || fail "the link was not lost"
echo "PASS"
