# An ordinary user whom the bus policy keeps away from bluetoothd is told so.
chmod -R a+rX /opt
(su -s /bin/sh nobody -c '/opt/lib/ld-linux-x86-64.so.2 --library-path /opt/lib /opt/bin/roost info --to ble:x') \
  >policy.log 2>&1 && fail "let in"
say "$(tail -n1 policy.log)"
grep -q 'policy' policy.log || fail "no sentence"
