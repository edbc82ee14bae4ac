# What a push costs against the same bytes by one D-Bus call a value: without response (what update tools do), and
# with response. Figures and ratios are shown; under software emulation times say nothing else. What is asserted is
# the number of D-Bus calls, the same for a package of four times the size. A question about a fragment that was lost
# is a call more, on top: bluetoothd's peripheral side spoils, at times, what comes while it asks for the descriptor.
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
for way in calls requests; do
  (ours link_probe central hci0 "$device" $values 495 $way) >$way.log 2>&1 || fail "by $way: $(cat $way.log)"
done
say "$bytes bytes, kB/s: $(for way in calls requests; do
  sed -n 's|.* = \([0-9.]*\) kB/s.*|\1|p' $way.log
done | tr '\n' ' ' | awk -v push="$rate" '{
  printf "roost push %s; one call a value %s, push is %.1f times that; with response %s, push is %.1f times that",
    push, $1, push / $1, $2, push / $2 }')"
