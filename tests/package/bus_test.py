#!/usr/bin/env python3
"""roostd behind a real dbus-daemon with our own bus policy, as a machine that has it installed.

Proves:
- the introspection XML that is installed is what the running daemon says of its objects;
- somebody outside of the group may look at everything and change nothing: AccessDenied, and the daemon never hears it;
- a member of the group may do everything, and nobody but root and the daemon's user may take its name.

    bus_test.py ROOST ROOSTD REPOSITORY            needs root, to be several people; else it ends with 77 (skipped)
    bus_test.py ROOST ROOSTD REPOSITORY --write    writes the XML anew
"""
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as ElementTree

ROOST, ROOSTD, REPOSITORY = (os.path.abspath(path) for path in sys.argv[1:4])
WRITE = "--write" in sys.argv[4:]
SYSTEM = os.path.join(REPOSITORY, "host/daemon/system")
MODEL = os.path.join(REPOSITORY, "tests/models/gesture_v1.tflite")
HEADER = ('<!DOCTYPE node PUBLIC "-//freedesktop//DTD D-BUS Object Introspection 1.0//EN"\n'
          '  "http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd">\n')
# Stand-ins for the group roost, which need not exist here.
MEMBER, OUTSIDER = "games", "nobody"

# What the system bus says before any service has its say: no names, no calls, signals and answers.
CONFIG = """<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{folder}/org.roost1.conf</include>
</busconfig>
"""


def wait_for(what, ready):
    for _ in range(200):
        if ready():
            return
        time.sleep(0.05)
    raise AssertionError("in vain: " + what)


def normal(interface):
    """An interface, with nothing left of how it was laid out."""
    for element in interface.iter():
        element.text = element.tail = None
    return ElementTree.tostring(interface, encoding="unicode")


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="roost-")
        os.chmod(cls.folder, 0o755)
        with open(os.path.join(SYSTEM, "org.roost1.conf")) as file:
            policy = file.read()
        assert 'group="roost"' in policy and 'user="roost"' in policy
        with open(os.path.join(cls.folder, "org.roost1.conf"), "w") as file:
            file.write(policy.replace('group="roost"', f'group="{MEMBER}"').replace('user="roost"', 'user="root"'))
        with open(os.path.join(cls.folder, "bus.conf"), "w") as file:
            file.write(CONFIG.format(folder=cls.folder))
        cls.environment = dict(os.environ, ROOST_BUS=f"unix:path={cls.folder}/bus",
                               DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={cls.folder}/bus",
                               ROOST_SIM_DIR=os.path.join(cls.folder, "sim"))
        cls.processes = []
        # Where other people can run it and read it.
        cls.roost = shutil.copy(ROOST, os.path.join(cls.folder, "roost"))
        cls.model = shutil.copy(MODEL, os.path.join(cls.folder, "model.tflite"))
        os.chmod(cls.model, 0o644)
        cls.start("dbus-daemon", "--nofork", "--config-file", os.path.join(cls.folder, "bus.conf"))
        wait_for("the bus", lambda: os.path.exists(os.path.join(cls.folder, "bus")))
        cls.start(ROOSTD, "--state", os.path.join(cls.folder, "state"))
        wait_for("roostd", lambda: cls.client("root", "jobs").returncode == 0)
        # A device that is not there: the job stays open.
        cls.address = "sim:" + os.path.join(cls.folder, "nowhere")
        assert cls.client("root", "deploy", cls.model, "--to", cls.address).returncode == 0

    @classmethod
    def tearDownClass(cls):
        for process in reversed(cls.processes):
            process.terminate()
            process.wait(20)
        shutil.rmtree(cls.folder)

    @classmethod
    def start(cls, *command):
        with open(os.path.join(cls.folder, "log"), "a") as log:
            cls.processes.append(subprocess.Popen(command, env=cls.environment, stderr=log))

    @classmethod
    def run_as(cls, user, *command):
        who = pwd.getpwnam(user)
        as_user = [] if user == "root" else ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--init-groups"]
        return subprocess.run([*as_user, *command], env=cls.environment, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @classmethod
    def client(cls, user, *arguments):
        return cls.run_as(user, cls.roost, *arguments)

    @classmethod
    def call(cls, user, path, method, *arguments):
        return cls.run_as(user, "dbus-send", "--system", "--print-reply=literal", "--dest=org.roost1", path, method,
                          *arguments)

    def test_introspection_is_what_is_installed(self):
        for name, path in [("Manager", "/org/roost1"), ("Device", "/org/roost1/device/1"), ("Job", "/org/roost1/job/1")]:
            live = self.call(OUTSIDER, path, "org.freedesktop.DBus.Introspectable.Introspect")
            self.assertEqual(live.returncode, 0, live.stderr)
            interface = ElementTree.fromstring(live.stdout.strip()).find(f"interface[@name='org.roost1.{name}']")
            file = os.path.join(SYSTEM, f"org.roost1.{name}.xml")
            if WRITE:
                node = ElementTree.Element("node")
                node.append(interface)
                ElementTree.indent(node)
                with open(file, "w") as output:
                    output.write(HEADER + ElementTree.tostring(node, encoding="unicode") + "\n")
            installed = ElementTree.parse(file).getroot()
            self.assertEqual(normal(installed.find("interface")), normal(interface), file)

    # Every method of our interfaces: those that change nothing are listed by name.
    HARMLESS = {"ListModels", "ListJobs", "History", "FindDevice"}

    def methods(self):
        for name, path in [("Manager", "/org/roost1"), ("Device", "/org/roost1/device/1"), ("Job", "/org/roost1/job/1")]:
            tree = ElementTree.parse(os.path.join(SYSTEM, f"org.roost1.{name}.xml"))
            for method in tree.iter("method"):
                yield path, f"org.roost1.{name}", method.get("name")

    def test_outsiders_change_nothing(self):
        seen = 0
        for path, interface, method in self.methods():
            # An argument that no method takes: whoever gets through hears of that, and nothing happens.
            answer = self.call(OUTSIDER, path, f"{interface}.{method}", "double:1")
            denied = "org.freedesktop.DBus.Error.AccessDenied" in answer.stderr
            self.assertEqual(denied, method not in self.HARMLESS, f"{interface}.{method}: {answer.stderr}")
            seen += 1
        self.assertGreater(seen, 15)
        answer = self.call(OUTSIDER, "/org/roost1/job/1", "org.freedesktop.DBus.Properties.Set",
                           "string:org.roost1.Job", "string:State", "variant:string:done")
        self.assertIn("AccessDenied", answer.stderr)
        # Without an interface the policy's exceptions do not apply.
        self.assertEqual(self.client(OUTSIDER, "jobs").returncode, 0)

    def test_outsiders_see_everything(self):
        for arguments in (["jobs"], ["jobs", "--all", "--json"], ["devices"], ["history"]):
            answer = self.client(OUTSIDER, *arguments)
            self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn('"job":1,', self.client(OUTSIDER, "jobs", "--json").stdout.replace(" ", ""))
        self.assertIn(self.address, self.client(OUTSIDER, "devices").stdout)

    def test_looking_for_a_device_adds_none(self):
        for command in ("jobs", "history"):
            answer = self.client(OUTSIDER, command, "--device", "sim:/unheard/of")
            self.assertEqual(answer.returncode, 2, answer.stderr)
        self.assertNotIn("unheard", self.client(OUTSIDER, "devices").stdout)

    def test_outsiders_are_told_whom_to_ask(self):
        for arguments in (["deploy", self.model, "--to", self.address], ["cancel", "1"],
                          ["--daemon", "push", self.model, "--to", self.address]):
            answer = self.client(OUTSIDER, *arguments)
            self.assertEqual(answer.returncode, 5, answer.stderr)
            self.assertIn("group roost", answer.stderr)
        self.assertIn('"job":1,', self.client("root", "jobs", "--json").stdout.replace(" ", ""))

    def test_members_do_everything(self):
        for path, interface, method in self.methods():
            if method in ("Cancel", "Forget", "Activate", "Confirm", "RollBack", "Abort", "EraseModels", "ReadInfo"):
                continue
            answer = self.call(MEMBER, path, f"{interface}.{method}", "double:1")
            self.assertNotIn("AccessDenied", answer.stderr)
        filed = self.client(MEMBER, "deploy", self.model, "--to", self.address + "-too")
        self.assertEqual(filed.returncode, 0, filed.stderr)
        jobs = self.client(MEMBER, "jobs", "--json").stdout.splitlines()
        self.assertEqual(len(jobs), 2)
        cancelled = self.client(MEMBER, "cancel", "2")
        self.assertEqual(cancelled.returncode, 0, cancelled.stderr)
        self.assertEqual(len(self.client(MEMBER, "jobs", "--json").stdout.splitlines()), 1)

    def test_nobody_else_takes_the_name(self):
        for user in (OUTSIDER, MEMBER):
            answer = self.run_as(user, "dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus",
                                 "/org/freedesktop/DBus", "org.freedesktop.DBus.RequestName", "string:org.roost1",
                                 "uint32:6")
            self.assertIn("AccessDenied", answer.stderr)


if __name__ == "__main__":
    if os.geteuid() != 0 or not shutil.which("setpriv") or not shutil.which("dbus-send"):
        print("SKIPPED: needs root, setpriv and dbus-send")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
