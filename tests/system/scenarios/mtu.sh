# The smallest MTU there is: everything fits 20-byte values, only slower.
restart_bluetoothd 1 'ExchangeMTU=23'
board=linux start_device
push gesture_v1
expect push.json '"att_mtu":23,'
