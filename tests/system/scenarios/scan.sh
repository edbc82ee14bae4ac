# A scan tells what a device runs without connecting, and hears when that changes.
board=linux start_device
scanned() { (ours roost scan --adapter hci0 --seconds 3 --json) >scan.json && grep -q "$1" scan.json; }
wait_for 90 scanned '"name":"probe"' || fail "not found: $(cat scan.json)"
wait_for 60 scanned '"state":"empty"' || fail "what it runs is not told: $(cat scan.json)"
push gesture_v1 --model-version 1.0 --confirm
wait_for 90 scanned '"state":"confirmed","version":"1.0"' || fail "the new state is not told: $(cat scan.json)"
expect scan.json '"name":"probe"'
say "$(cat scan.json)"
