# The device's process is killed in the middle, and started again on the same flash: the push goes on.
start_device
begin_push gesture_v1
kill -9 "$device_pid"
sleep 1
start_device
end_push
expect_resumed
