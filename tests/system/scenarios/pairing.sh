# Encryption required: refused with a sentence while not paired; Just Works and passkey let one in, a wrong passkey
# does not; unpaired, it is refused again.
start_device --encrypted --pairing passkey
(ours roost info --to "$to") >unpaired.log 2>&1 && fail "not paired, and let in: $(cat unpaired.log)"
say "not paired: $(tail -n1 unpaired.log)"

mkfifo answers
(ours roost pair --to "$to" <answers) >wrong.log 2>&1 &
pairing=$!
exec 3>answers
wait_for 60 grep -q 'passkey for' device.log || fail "the device shows no passkey"
echo 000001 >&3
wait $pairing && fail "a wrong passkey was taken"
exec 3>&-
say "wrong passkey: $(tail -n1 wrong.log)"

: >device.log
(ours roost pair --to "$to" <answers) >pair.log 2>&1 &
pairing=$!
exec 3>answers
wait_for 60 grep -q 'passkey for' device.log || fail "the device shows no passkey"
sed -n 's/.*passkey for .*: \([0-9]*\).*/\1/p' device.log | tail -n1 >&3
wait $pairing || fail "pairing by passkey: $(cat pair.log)"
exec 3>&-
say "$(tail -n1 pair.log)"
push gesture_v1 --confirm
(ours roost unpair --to "$to") >unpair.log 2>&1 || fail "unpair"
stop_device
# The device's side forgets as well: a key made with a passkey does not give way to one made without.
for path in $(objects hci1); do
  dbus-send --system --print-reply --dest=org.bluez /org/bluez/hci1 org.bluez.Adapter1.RemoveDevice "objpath:$path" >/dev/null
done

start_device --encrypted --pairing just-works
(ours roost pair --to "$to" </dev/null) >pair.log 2>&1 || fail "pairing by Just Works: $(cat pair.log)"
push gesture_v2
