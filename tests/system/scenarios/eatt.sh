# With several EATT channels writes may arrive in another order than they were sent in.
restart_bluetoothd 3
board=linux start_device
push gesture_v1
say "fragments resent: $(sed -n 's/.*"fragments_resent":\([0-9]*\).*/\1/p' push.json)"
