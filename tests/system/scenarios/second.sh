# Others interfere with a transfer: one pushes to the same device, and is told that it is in use; one writes what nobody
# understands, to Control, where it reaches the device, and to Data. The transfer is not disturbed.
#
# They are on the central's own computer. A second central needs a second connection to hci1, and there the emulation
# ends: btvirt 5.66 tells the peripheral the central's handle in place of its own and carries data by it, and even
# with handles that happen to agree (a central that has a connection already) Debian's kernel 6.1 stops in
# hci_chan_del, "list_del corruption", when one of two such connections closes. tests/world and tests/device have
# several centrals; tests/bluez that the peripheral withdraws its data descriptor for two.
start_device
fill=65 begin_push gesture_v1
(ours roost push /opt/models/gesture_v2.tflite --to "$to" --reconnect 1 --json) >second.json 2>second.log &
second_pid=$!
(ours link_probe meddler hci0) >meddler.log 2>&1 || fail "the meddler: $(cat meddler.log)"
kill -0 $push_pid || fail "the transfer ended before anybody interfered"
say "$(tail -n 1 meddler.log)"
expect meddler.log 'Control ok'
end_push
expect push.json '"reconnects":0'
expect push.json '"rewinds":0'
wait $second_pid && fail "two pushes at once"
say "the second: $(tail -n 1 second.log)"
# Not at all, if it gave up meanwhile; else because what was delivered before it is on trial.
grep -q 'another program on this computer is using the device\|busy\|trial_open' second.log || fail "not told why"
