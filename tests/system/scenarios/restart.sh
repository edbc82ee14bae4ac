# bluetoothd dies in the middle and comes back: both sides register and connect again, the push goes on.
start_device
begin_push gesture_v1
stop_bluetoothd KILL
start_bluetoothd 1
end_push
expect_resumed
