# A second central looks in and tries to push during a transfer: it is told so, and the transfer is not disturbed.
start_device
begin_push gesture_v1
(ours roost push /opt/models/gesture_v2.tflite --to "ble:hci2/$device" --reconnect 3 --json) >second.json 2>second.log && status=0 || status=$?
end_push
say "the second central: exit $status, $(grep -o '"message":"[^"]*"' second.json || tail -n1 second.log)"
[ "$status" -ne 0 ] || [ -n "$(sed -n 's/.*"reconnects":[1-9].*/&/p' second.json)" ] || say "it waited for its turn"
expect push.json '"rewinds":0'
(ours roost info --to "$to" --json) >info.json || fail "the device does not answer any more"
