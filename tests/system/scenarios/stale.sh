# Other firmware on the same device: its services lie elsewhere than bluetoothd remembers. The push gets through, and
# as many calls are made as ever: nobody writes to what is not there any more.
board=linux start_device
push gesture_v1 --confirm
stop_device
background stranger.log link_probe stranger hci1
wait_for 60 grep -q 'probe: registered' stranger.log || fail "no other service: $(cat stranger.log)"
board=linux start_device
push gesture_v2 --confirm
(ours roost info --to "$to" --json) >info.json || fail "info: $(cat info.json)"
expect info.json '"running":{"name":"gesture_v2'
