# Run by install_deb inside the fresh machine: inside.sh boot|chroot
set -euo pipefail
way=$1
say() { echo "$SECONDS s: $*"; }
fail() {
  echo "FAIL: $*"
  [ "$way" != boot ] || journalctl --no-pager -n 40 -u roostd || true
  exit 1
}
trap 'fail "line $LINENO"' ERR
export DEBIAN_FRONTEND=noninteractive
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 "$@" >/opt/try/apt.log 2>&1 || { cat /opt/try/apt.log; fail "apt-get $*"; }; }
wait_for() {
  for _ in $(seq 600); do
    if "${@:2}" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "in vain: $1"
}
as() { runuser -u "$1" -- "${@:2}"; }
bus() {
  dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus /org/freedesktop/DBus "org.freedesktop.DBus.$1" \
    "${@:2}"
}
owned() { grep -q true <<<"$(bus NameHasOwner string:org.roost1)"; }
not_owned() { ! owned; }
pid_of_daemon() { bus GetConnectionUnixProcessID string:org.roost1 | awk '{print $2}'; }

# --- install

apt install --no-install-recommends /opt/try/roost_*.deb
say "installed: $(dpkg-query -W -f '${Package} ${Version}, depends on ${Depends}' roost)"
dpkg -L roost >/opt/try/files
for file in /usr/bin/roost /usr/sbin/roostd /usr/lib/systemd/system/roostd.service \
  /usr/share/dbus-1/system.d/org.roost1.conf /usr/share/dbus-1/system-services/org.roost1.service \
  /usr/share/dbus-1/interfaces/org.roost1.Manager.xml /usr/share/bash-completion/completions/roost; do
  [ -f "$file" ] || fail "$file is not there"
done
# Manual pages are left out by some machines' dpkg, by choice; the package has them.
grep -qx /usr/share/man/man8/roostd.8.gz <<<"$(dpkg -L roost)" || fail "no manual page"
[ -z "$(dpkg-query -W -f '${Conffiles}' roost)" ] || fail "configuration files that are none"
[ "$(stat -c %U:%G:%a /var/lib/roost)" = roost:roost:750 ] || fail "state: $(stat -c %U:%G:%a /var/lib/roost)"
roost --version
adduser --quiet --disabled-password --gecos '' alice 2>/dev/null || useradd alice
usermod -aG roost alice

if [ "$way" = boot ]; then
  [ "$(systemctl is-active roostd)" = active ] || fail "not started"
  [ "$(systemctl is-enabled roostd)" = enabled ] || fail "not enabled"
  systemd-analyze verify --man=no roostd.service || fail "the unit"
  say "$(systemd-analyze --no-pager security roostd.service | tail -n 1)"
else
  mkdir -p /run/dbus /run/roost
  chown roost:roost /run/roost
  dbus-uuidgen --ensure
  dbus-daemon --system --fork --print-pid=3 3>/opt/try/dbus.pid
  trap 'kill "$(cat /opt/try/dbus.pid)" 2>/dev/null || true; kill $(jobs -p) 2>/dev/null || true' EXIT
  bus StartServiceByName string:org.roost1 uint32:0 >/dev/null
fi
owned || fail "nobody serves org.roost1"
[ "$(ps -o user= -p "$(pid_of_daemon)" 2>/dev/null || stat -c %U "/proc/$(pid_of_daemon)")" = roost ] ||
  fail "roostd runs as somebody else"

# --- deliver

runuser -u roost -- env ROOST_SIM_DIR=/run/roost roost device --name wand --board nano33ble --flash /run/roost/wand.flash \
  --no-flash-time >/opt/try/device.log 2>&1 &
wait_for "the device" test -S /run/roost/wand.sock
to=sim:/run/roost/wand.sock
as alice timeout 60 roost deploy /opt/try/gesture_v1.tflite --to $to --confirm --wait || fail "alice's deploy: $?"
grep -q 'runs gesture_v1 .*confirmed' <<<"$(as nobody roost devices)" || fail "devices: $(roost devices)"
grep -q '"result":"ok"' <<<"$(as nobody roost history --json)" || fail "history"
code=0
as nobody roost deploy /opt/try/gesture_v2.tflite --to $to || code=$?
[ $code = 5 ] || fail "nobody may deploy: exit $code"
say "delivered, by a member of the group only"

# --- killed, hanging, installed again

if [ "$way" = boot ]; then
  grep -q 'job 1: done' <<<"$(journalctl --no-pager -o cat ROOST_JOB=1)" || fail "no field ROOST_JOB"
  device=$(roost devices --json | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
  [ -n "$(journalctl --no-pager -o cat "ROOST_DEVICE=$device")" ] || fail "no field ROOST_DEVICE"
  restarts() { systemctl show -P NRestarts roostd; }
  kill -KILL "$(pid_of_daemon)"
  restarted() { [ "$(restarts)" = 1 ]; }
  wait_for "its restart" restarted
  wait_for "the name after its restart" owned
  as alice timeout 60 roost deploy /opt/try/gesture_v2.tflite --to $to --confirm --wait || fail "deploy after kill -9"
  say "killed: started again, and knows what it knew"
  mkdir -p /run/systemd/system/roostd.service.d
  printf '[Service]\nWatchdogSec=4\n' >/run/systemd/system/roostd.service.d/try.conf
  systemctl daemon-reload
  systemctl restart roostd
  before=$(restarts)
  sleep 9
  [ "$(restarts)" = "$before" ] || fail "the watchdog bites a daemon that lives"
  kill -STOP "$(pid_of_daemon)"
  bitten() { [ "$(restarts)" -gt "$before" ] && owned; }
  wait_for "the watchdog" bitten
  rm -r /run/systemd/system/roostd.service.d
  systemctl daemon-reload
  say "hung: started again by the watchdog"
  systemctl stop roostd
  not_owned || fail "it does not stop"
  as nobody dbus-send --system --print-reply --dest=org.roost1 /org/roost1 org.freedesktop.DBus.Peer.Ping >/dev/null ||
    fail "the bus does not start it"
  apt install --reinstall --no-install-recommends /opt/try/roost_*.deb
  [ "$(systemctl is-active roostd)" = active ] || fail "not started after installing again"
  grep -q gesture_v2 <<<"$(roost devices)" || fail "installing again lost the devices"
fi

# --- remove

daemon=$(pid_of_daemon)
apt remove roost
if [ "$way" = boot ]; then
  not_owned || fail "it still runs after it was removed"
  [ "$(systemctl is-active roostd || true)" = inactive ] || fail "is-active: $(systemctl is-active roostd)"
else
  kill "$daemon"
fi
apt purge roost
[ -f /var/lib/roost/roost.db ] || fail "the state is gone"
left=$(while read -r file; do [ -d "$file" ] || [ ! -e "$file" ] || echo "$file"; done </opt/try/files)
left+=$(find / -xdev \( -path /proc -o -path /opt/try -o -path /run -o -path /tmp -o -path /var/lib/roost \
  -o -path /var/log -o -path /var/cache/apt \) -prune -o -iname '*roost*' -print)
[ -z "$left" ] || fail "left behind: $left"
say "removed: only /var/lib/roost is left ($(ls /var/lib/roost | tr '\n' ' '))"
echo PASS
