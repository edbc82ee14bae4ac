# The device's adapter is power-cycled in the middle: the advertisement is registered again, the push goes on.
start_device
begin_push gesture_v1
power hci1 off
sleep 1
power hci1 on
end_push
expect_resumed
