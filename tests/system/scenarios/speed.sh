# What a push costs against the same bytes by one D-Bus call a value: without response (what update tools do), and
# with response. Figures, and how they compare; under software emulation times say nothing else.
background device.log link_probe device hci1 probe
wait_for 20 grep -q 'advertising on hci1' device.log || fail "the device does not advertise"
target=$(address_of hci1)
rate() { sed -n 's|.* = \([0-9]*\)\.[0-9]* kB/s.*|\1|p' "$1"; }
(ours link_probe central hci0 "$target" 4000 495) >descriptor.log 2>&1 || fail "by descriptor: $(cat descriptor.log)"
(ours link_probe central hci0 "$target" 400 495 calls) >calls.log 2>&1 || fail "by calls: $(cat calls.log)"
(ours link_probe central hci0 "$target" 400 495 requests) >requests.log 2>&1 || fail "by requests: $(cat requests.log)"
say "kB/s: descriptor $(rate descriptor.log), one call each $(rate calls.log), with response $(rate requests.log)"
