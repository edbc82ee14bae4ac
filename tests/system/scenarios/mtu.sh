# A small MTU: smaller values, and Info in several pieces.
restart_bluetoothd 1 'ExchangeMTU=64' || fail "bluetoothd does not start"
board=linux start_device
push gesture_v1
expect push.json '"att_mtu":64,'
