# The link ends in the middle, from the device's side: the push reconnects by itself and goes on where it was.
start_device
begin_push gesture_v1
drop_link
end_push
expect_resumed
