# The bare link: our peripheral on hci1, our BluezLink on hci0, through one bluetoothd. Every byte arrives, by
# descriptor and by calls; a device that is not there, or an adapter that is off, is told in a sentence.
background device.log link_probe device hci1 probe
wait_for 60 grep -q 'advertising on hci1' device.log || fail "the device does not advertise"
device=$(address_of hci1)

(ours link_probe central hci0 "$device" 1000 495) >fast.log 2>&1 || fail "by descriptor"
say "$(grep probe: fast.log)"
wait_for 90 heard "$device"
(ours link_probe central hci0 "$device" 96 244 calls) >calls.log 2>&1 || fail "by calls"
say "$(grep probe: calls.log)"

power hci0 off
(ours link_probe central hci0 "$device" 1 1) >off.log 2>&1 && fail "an adapter that is off went unnoticed"
grep -q 'powered off' off.log || fail "no sentence for an adapter that is off"
power hci0 on
