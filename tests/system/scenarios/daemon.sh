# roostd on the system bus, under its own policy, with the real bluetoothd: a job goes on although the daemon is killed
# in the middle of it, and a push of `roost` goes through the daemon by itself.
mkdir -p /usr/share/dbus-1/system.d
cp /opt/guest/org.roost1.conf /usr/share/dbus-1/system.d/
dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ReloadConfig >/dev/null
start_daemon() {
  background roostd.log roostd --state "$PWD/state" --backoff-max 5000
  wait_for 60 daemon_ready || fail "roostd does not start: $(cat roostd.log)"
}
daemon_ready() { (ours roost devices); }
open_jobs() { (ours roost jobs --json) >jobs.json && [ -s jobs.json ]; }
none_open() { (ours roost jobs --json) >jobs.json && ! [ -s jobs.json ]; }
sending() { open_jobs && grep -q '"phase":"send","bytes":[1-9]' jobs.json; }

start_device
start_daemon
(ours roost deploy /opt/models/gesture_v1.tflite --to "$to" --confirm $(filler)) || fail "deploy"
wait_for 120 sending || fail "no transfer: $(cat jobs.json roostd.log)"
kill -9 "$started"
start_daemon
wait_for 180 none_open || fail "the job does not end: $(cat jobs.json roostd.log)"
(ours roost history --json) >history.json
expect history.json '"job":1,.*"state":"done"'
grep -q '"chunks_resumed":[1-9]' history.json || fail "it did not resume: $(cat history.json)"
push gesture_v2 --confirm --reconnect 120
(ours roost history --json) >history.json
expect history.json '"job":2,.*"state":"done"'
say "$(wc -l <history.json) jobs done"
