# The whole way over Bluetooth: push, activate, infer on the new model, push the next one, scan. The number of D-Bus
# calls of a push does not grow with the file.
board=linux start_device
push gesture_v1 --name gesture --model-version 1.0 --confirm-after 5
expect push.json '"result":"ok"'
# The device itself confirms it, after five inferences on the new model.
confirmed() {
  (ours roost info --to "$to" --json) >info.json && grep -q '"running":{"name":"gesture 1.0","state":"confirmed"' info.json
}
wait_for 60 confirmed || fail "version 1.0 does not get confirmed: $(cat info.json)"
push gesture_v2 --name gesture --model-version 2.0 --confirm --self-test /opt/models/gesture_v2.selftest.json
(ours roost info --to "$to" --json) >info.json || fail "info"
grep -q '"running":{"name":"gesture 2.0","state":"confirmed"' info.json || fail "version 2.0 is not confirmed"
push gesture_v2 --name gesture --model-version 2.0 --confirm --self-test /opt/models/gesture_v2.selftest.json
expect push.json '"already_there":true'
