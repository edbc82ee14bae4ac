# A user whom the bus policy keeps away from bluetoothd is told so.
chmod -R a+rX /opt
policy=/etc/dbus-1/system.d/zz-keep-away.conf
reload() { dbus-send --system --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.ReloadConfig >/dev/null; }
echo '<busconfig><policy user="nobody"><deny send_destination="org.bluez"/></policy></busconfig>' >$policy
reload
(su -s /bin/sh nobody -c '/opt/lib/ld-linux-x86-64.so.2 --library-path /opt/lib /opt/bin/roost info --to ble:x') \
  >policy.log 2>&1 && fail "let in"
rm $policy
reload
say "$(tail -n1 policy.log)"
grep -q 'policy' policy.log || fail "no sentence"
