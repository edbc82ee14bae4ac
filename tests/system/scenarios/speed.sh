# What a push costs against the same bytes by one D-Bus call a value: without response (what update tools do), in
# values as long as ours, as a packet on the air, and as the least MTU leaves; and with response. What bluetoothd's
# descriptor carries when nobody checks or keeps anything bounds them all. Figures and ratios are shown; under software
# emulation times say nothing else. What is asserted is the number of D-Bus calls, the same for a package of four times
# the size. A question about a fragment that was lost is a call more, on top: bluetoothd's peripheral side spoils, at
# times, what comes while it asks for the descriptor.
board=linux start_device
calls() {
  sed -n 's/.*"dbus_calls":{\([^}]*\)}.*/\1/p' push.json | tr ',' '\n' |
    awk -F: -v queries="$(report queries)" '$1 == "\"WriteValue\"" { $2 -= queries } { print $1, $2 }' | tr '\n' ' '
}
push gesture_v1 --no-activate $(noise 16)
small=$(calls)
stop_device
rm flash.bin
board=linux start_device
push gesture_v1 --no-activate $(noise 64)
bytes=$(report payload_bytes)
[ "$(calls)" = "$small" ] || fail "the calls grow with the file: $small, then $(calls)"
rate=$(echo "$bytes $(report send_seconds)" | awk '{printf "%.1f", $1 / $2 / 1000}')
stop_device

background probe.log link_probe device hci1 probe
wait_for 60 grep -q 'advertising on hci1' probe.log || fail "the device does not advertise"
wait_for 90 heard "$device" || fail "the device is not heard"
values=$((bytes / 495 + 1))
# measure WAY BYTES VALUES: adds its kB/s to `rates`
measure() {
  (ours link_probe central hci0 "$device" "$3" "$2" "$1") >way.log 2>&1 || fail "by $1: $(cat way.log)"
  sed -n 's|.* = \([0-9.]*\) kB/s.*|\1|p' way.log >>rates
}
echo "$rate" >rates
measure descriptor 495 $((values * 4))
measure calls 495 $values
measure calls 244 $((values * 2))
measure calls 20 200
measure requests 495 $values
say "$bytes bytes, kB/s: $(tr '\n' ' ' <rates | awk '{
  printf "roost push %s, the descriptor alone %s (push is %.0f %% of it); ", $1, $2, 100 * $1 / $2
  printf "one WriteValue a value of 495 bytes %s (push is %.1f times that), ", $3, $1 / $3
  printf "of 244, a packet on the air, %s (%.1f times), of 20 %s (%.1f times); ", $4, $1 / $4, $5, $1 / $5
  printf "with response %s (%.1f times)", $6, $1 / $6 }')"
