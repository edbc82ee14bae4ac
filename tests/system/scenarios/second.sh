# Somebody else pushes to the device during a transfer: they wait for their turn, or are told so; the transfer is not
# disturbed. Both are on one adapter, since btvirt gives every connection the same handle, which crashes the guest's
# kernel with a second one.
start_device
begin_push gesture_v1
(ours roost push /opt/models/gesture_v2.tflite --to "$to" --reconnect 1 --json) >second.json 2>second.log && status=0 || status=$?
say "the second: exit $status, $(tail -n1 second.log)"
[ "$status" -ne 0 ] || fail "two pushes at once"
end_push
expect push.json '"reconnects":0'
expect push.json '"rewinds":0'
