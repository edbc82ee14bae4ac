# The smallest MTU that bluetoothd can be told (it listens on BR/EDR too, where 48 is the least), an odd one, and the
# largest: values fit each, and Info comes in as many pieces as it takes. A device that admits to 23 gets values of 20.
for mtu in 48 65 517; do
  restart_bluetoothd 1 "ExchangeMTU=$mtu" || fail "bluetoothd does not start"
  rm -f flash.bin
  board=linux start_device
  push gesture_v1
  expect push.json "\"att_mtu\":$mtu,"
  stop_device
done
rm -f flash.bin
board=linux start_device --mtu 23
push gesture_v1
expect push.json '"value_bytes":20,'
