#!/usr/bin/env python3
"""roostd as its users have it: the program on a bus of its own, its client `roost`, and simulated devices, some of them
behind the double of org.bluez; asked with busctl and gdbus, which nobody here wrote.

Proves:
- jobs end as a direct push would, with the same exit codes, and each exactly once;
- SIGKILL of roostd, of the devices and of bluetoothd at any moment loses no job and repeats none, and in the end each
  device runs the model that its last job named;
- a device that comes back under another address is the same device, and another one in its place is told nothing;
- whatever arguments a method gets, a wrong one gives a typed error.

    daemon.py ROOST ROOSTD BLUEZ_DOUBLE MODELS_FOLDER [unittest arguments]
    ROOST_SEED=n repeats the kills; ROOST_NIGHTLY=1 goes on for minutes.
"""
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOST, ROOSTD, DOUBLE, MODELS = sys.argv[1:5]
SEED = int(os.environ.get("ROOST_SEED", "1"))
NIGHTLY = os.environ.get("ROOST_NIGHTLY") == "1"
V1, V2 = (os.path.join(MODELS, name) for name in ("gesture_v1.tflite", "gesture_v2.tflite"))
OK, USAGE, BAD_MODEL, REFUSED, LINK_LOST, INTERRUPTED = 0, 2, 3, 5, 6, 130
MANAGER = ("/org/roost1", "org.roost1.Manager")
# 17 refills of the ring at 200 ms each: seconds under way, for what must come in the middle on a busy machine too.
SLOW = ("--board", "nano33ble", "--ring", "2048", "--latency", "100")


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


class World(unittest.TestCase):
    """A bus with a bluetoothd, a daemon and devices."""

    ble = {}  # name -> address, of the devices behind the double

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="roost-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.processes = {}
        sim = os.path.join(self.folder, "sim")
        os.mkdir(sim)
        self.environment = dict(os.environ, ROOST_SIM_DIR=sim)
        self.environment.pop("DBUS_STARTER_ADDRESS", None)
        devices = []
        for name, address in self.ble.items():
            devices += ["--device", f"{address}={name}={self.socket(name)}"]
        double = subprocess.Popen([DOUBLE, *devices, "--", "sh", "-c", 'echo "$$ $ROOST_BUS"; exec sleep 100000'],
                                  env=self.environment, stdout=subprocess.PIPE, text=True)
        child, self.environment["ROOST_BUS"] = double.stdout.readline().split()
        double.stdout.close()
        self.addCleanup(double.wait)
        self.addCleanup(os.kill, int(child), signal.SIGKILL)  # the double ends with it, and its bus
        self.bluetoothd = double
        self.addCleanup(self.kill_all)
        self.start_daemon()

    def kill_all(self):
        for name in sorted(self.processes, reverse=True):
            process = self.processes[name]
            process.kill()
            process.wait()

    def socket(self, name):
        return os.path.join(self.folder, "sim", name + ".sock")

    def spawn(self, name, *command):
        with open(os.path.join(self.folder, name + ".log"), "a", encoding="utf8") as log:
            self.processes[name] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def start_daemon(self):
        self.spawn("roostd", ROOSTD, "--state", os.path.join(self.folder, "state"), "--backoff-max", "500")
        self.assertTrue(wait_for(lambda: self.roost("devices").returncode == OK, 20), self.log("roostd"))

    def start_device(self, name, *options, address=None, flash=None):
        self.spawn(name, ROOST, "device", "--name", name, "--listen", address or self.socket(name), "--flash",
                   os.path.join(self.folder, (flash or name) + ".flash"), *options)

    def kill(self, name, number=signal.SIGKILL):
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def log(self, name):
        with open(os.path.join(self.folder, name + ".log"), encoding="utf8") as file:
            return file.read()

    def roost(self, *arguments, timeout=120):
        return subprocess.run([ROOST, *arguments], env=self.environment, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def expect(self, code, *arguments):
        done = self.roost(*arguments)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}\n{self.log('roostd')}")
        return done

    def lines(self, *arguments):
        return [json.loads(line) for line in self.expect(OK, *arguments).stdout.splitlines()]

    def busctl(self, *arguments):
        return subprocess.run(["busctl", "--address=" + self.environment["ROOST_BUS"], *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

    def gdbus(self, path, method, *arguments):
        return subprocess.run(["gdbus", "call", "--address", self.environment["ROOST_BUS"], "--dest", "org.roost1",
                               "--object-path", path, "--method", method, *arguments], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)

    def runs(self, to):
        """Digest of what a device itself says it runs."""
        done = self.roost("status", "--to", to, "--direct", "--json")
        return json.loads(done.stdout)["running"]["model_sha256"] if done.returncode == OK else None


class Jobs(World):
    def test_a_push_goes_through_the_daemon_as_it_would_alone(self):
        self.start_device("left")
        to = "sim:" + self.socket("left")
        self.assertTrue(wait_for(lambda: os.path.exists(self.socket("left"))))
        self.expect(OK, "push", V1, "--to", to, "--confirm", "--daemon")
        done = self.expect(OK, "push", V2, "--to", to, "--json")  # by itself now: the daemon knows the device
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(lines[-1]["result"], "ok")
        self.assertEqual(lines[-2]["event"], "report")
        self.assertEqual(lines[-2]["model_sha256"], sha256(V2))
        self.expect(OK, "confirm", "--to", to)
        self.expect(OK, "rollback", "--to", to)
        self.assertEqual(self.runs(to), sha256(V1))
        self.expect(REFUSED, "rollback", "--to", to)
        self.assertEqual([job["kind"] for job in self.lines("history", "--json")],
                         ["rollback", "rollback", "confirm", "deploy", "deploy"])

    def test_a_push_through_the_daemon_shows_every_phase(self):
        self.start_device("slow", *SLOW)
        to = "sim:" + self.socket("slow")
        done = self.expect(OK, "push", V1, "--to", to, "--confirm", "--daemon", "--json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        phases = [line["phase"] for line in lines if line["event"] == "progress"]
        # `connect` may be over before the client asks.
        self.assertEqual([phase for phase in dict.fromkeys(phases) if phase != "connect"],
                         ["offer", "erase", "send", "verify", "activate", "confirm"])
        self.assertGreater(phases.count("send"), 5)

    def test_a_file_that_is_no_model_gets_no_job(self):
        path = os.path.join(self.folder, "no.tflite")
        with open(path, "wb") as file:
            file.write(b"not a model")
        self.expect(BAD_MODEL, "push", path, "--to", "sim:/nowhere.sock", "--daemon")
        with open(path, "rb") as file:
            done = subprocess.run(["gdbus", "call", "--address", self.environment["ROOST_BUS"], "--dest", "org.roost1",
                                   "--object-path", MANAGER[0], "--method", MANAGER[1] + ".AddModel",
                                   str(file.fileno()), "no"], pass_fds=[file.fileno()], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.assertIn("org.roost1.Error.BadModel", done.stderr)
        self.assertEqual(self.lines("jobs", "--all", "--json"), [])

    def test_a_device_that_is_not_there_is_waited_for(self):
        to = "sim:" + self.socket("late")
        self.expect(OK, "deploy", V1, "--to", to, "--confirm")
        self.assertTrue(wait_for(lambda: self.lines("jobs", "--json")[0]["state"] == "waiting"))
        self.start_device("late")
        self.assertTrue(wait_for(lambda: not self.lines("jobs", "--json")), self.log("roostd"))
        self.assertEqual(self.runs(to), sha256(V1))

    def test_a_job_that_waited_too_long_fails_and_one_that_is_cancelled_ends(self):
        to = "sim:" + self.socket("never")
        self.expect(LINK_LOST, "deploy", V1, "--to", to, "--retry-for", "1", "--wait")
        self.expect(OK, "deploy", V1, "--to", to)
        number = self.lines("jobs", "--json")[0]["job"]
        self.expect(OK, "cancel", str(number))
        self.expect(INTERRUPTED, "watch", str(number))
        self.assertEqual([job["state"] for job in self.lines("history", "--json")], ["cancelled", "failed"])
        self.assertNotEqual(self.roost("cancel", str(number)).returncode, OK)

    def test_a_cancelled_delivery_stops_and_the_next_one_resumes_it(self):
        self.start_device("slow", *SLOW)
        to = "sim:" + self.socket("slow")
        self.expect(OK, "deploy", V1, "--to", to)

        def under_way():
            jobs = self.lines("jobs", "--json")
            return jobs and jobs[0]["bytes"] > 8192
        self.assertTrue(wait_for(under_way), self.log("roostd"))
        self.expect(OK, "cancel", "1")
        self.expect(INTERRUPTED, "watch", "1")
        self.expect(OK, "deploy", V1, "--to", to, "--wait")
        report = self.lines("history", "--json")[0]["report"]
        self.assertGreater(report["chunks_resumed"], 0)
        self.assertEqual(report["chunks_sent"], report["chunks"] - report["chunks_resumed"])

    def test_a_trial_that_is_open_is_waited_for(self):
        self.start_device("left")
        to = "sim:" + self.socket("left")
        self.expect(OK, "deploy", V1, "--to", to, "--wait")  # on trial
        self.expect(OK, "deploy", V2, "--to", to, "--confirm")
        self.assertTrue(wait_for(lambda: "trial_open" in self.lines("jobs", "--json")[0]["message"]))
        self.expect(OK, "confirm", "--to", to, "--direct")
        self.assertTrue(wait_for(lambda: not self.lines("jobs", "--json")), self.log("roostd"))
        self.assertEqual(self.runs(to), sha256(V2))

    def test_a_device_is_known_by_its_id_wherever_it_is(self):
        first, second = "sim:" + self.socket("one"), "sim:" + self.socket("two")
        self.start_device("one", flash="a")
        self.expect(OK, "deploy", V1, "--to", first, "--confirm", "--wait")
        device_id = self.lines("devices", "--json")[0]["id"]
        self.kill("one")
        # Another board takes its place: it is told nothing.
        self.start_device("one", flash="b")
        self.expect(OK, "deploy", V2, "--to", device_id, "--confirm")
        self.assertTrue(wait_for(lambda: "another device" in self.lines("jobs", "--json")[0]["message"]))
        self.assertNotEqual(self.runs(first), sha256(V2))
        # It comes back elsewhere; asked for by that address, it is the same device, with its job.
        self.start_device("two", flash="a")
        self.assertTrue(wait_for(lambda: os.path.exists(self.socket("two"))))
        self.expect(OK, "info", "--to", second, "--daemon")
        self.assertTrue(wait_for(lambda: not self.lines("jobs", "--json")), self.log("roostd"))
        self.assertEqual(self.runs(second), sha256(V2))
        self.assertEqual([device["id"] for device in self.lines("devices", "--json")], [device_id])

    def test_what_was_under_way_when_the_daemon_was_killed_goes_on(self):
        self.start_device("slow", *SLOW)
        to = "sim:" + self.socket("slow")
        self.expect(OK, "deploy", V1, "--to", to, "--confirm")
        self.assertTrue(wait_for(lambda: (self.lines("jobs", "--json") or [{"bytes": 0}])[0]["bytes"] > 8192))
        self.kill("roostd")
        self.start_daemon()
        self.assertTrue(wait_for(lambda: not self.lines("jobs", "--json")), self.log("roostd"))
        job = self.lines("history", "--json")[0]
        self.assertEqual((job["job"], job["state"]), (1, "done"))
        self.assertGreater(job["report"]["chunks_resumed"], 0)

    def test_a_rollback_that_was_done_is_not_done_again(self):
        self.start_device("left")
        to = "sim:" + self.socket("left")
        for model in (V1, V2):
            self.expect(OK, "deploy", model, "--to", to, "--confirm", "--wait")
        for _ in range(6):
            # Killed before, in or after it; V1 is what it leads to, and V1 has nothing to return to.
            self.expect(OK, "deploy", V2, "--to", to, "--confirm", "--force", "--wait")
            self.gdbus("/org/roost1/device/1", "org.roost1.Device.RollBack")
            time.sleep(random.Random(SEED).random() * 0.05)
            self.kill("roostd")
            self.start_daemon()
            self.assertTrue(wait_for(lambda: not self.lines("jobs", "--json")), self.log("roostd"))
            self.assertEqual(self.runs(to), sha256(V1))


class Kills(World):
    ble = {"left": "C0:FF:EE:00:00:01", "right": "C0:FF:EE:00:00:02"}

    def test_every_job_ends_once_and_every_device_runs_its_last_model(self):
        seed = SEED
        generator = random.Random(seed)
        print(f"seed {seed}", file=sys.stderr)
        targets = {"left": "ble:left", "right": "ble:C0:FF:EE:00:00:02"}
        for name in ("one", "two", "three"):
            targets[name] = "sim:" + self.socket(name)
        options = SLOW if NIGHTLY else ()  # so that there is something to kill for minutes
        for name in targets:
            self.start_device(name, *options)
        last = {}
        jobs = []
        for k in range(20):
            name = list(targets)[k % len(targets)]
            last[name] = generator.choice([V1, V2])
            filed = self.lines("deploy", last[name], "--to", targets[name], "--confirm", "--json")
            jobs += [line["job"] for line in filed if line["event"] == "filed"]
        self.assertEqual(jobs, list(range(1, 21)))
        end = time.monotonic() + (180 if NIGHTLY else 12)
        kills = {"roostd": 0, "bluetoothd": 0, "devices": 0}
        while time.monotonic() < end:
            time.sleep(generator.random() * 1.2)
            victim = generator.choice(["roostd", "bluetoothd", generator.choice(list(targets))])
            if victim == "bluetoothd":
                self.bluetoothd.send_signal(signal.SIGUSR1)
                kills["bluetoothd"] += 1
            elif victim == "roostd":
                self.kill("roostd")
                self.start_daemon()
                kills["roostd"] += 1
            else:
                self.kill(victim)
                time.sleep(generator.random() * 0.2)
                self.start_device(victim, *options)
                kills["devices"] += 1
        print(f"killed {kills}", file=sys.stderr)
        print(f"{len(self.lines('jobs', '--json'))} jobs still open", file=sys.stderr)
        self.assertTrue(wait_for(lambda: not self.lines("jobs", "--json"), 600 if NIGHTLY else 120),
                        self.roost("jobs").stdout + self.log("roostd"))
        history = self.lines("history", "--count", "1000", "--json")
        self.assertEqual(sorted(job["job"] for job in history), jobs)
        self.assertEqual([job for job in history if job["state"] != "done"], [])
        for name, model in last.items():
            self.assertEqual(self.runs("sim:" + self.socket(name)), sha256(model), name)
        # A job's end is told once: the log has it as often as it was reached, and the database one row of it.
        for number in jobs:
            self.assertLessEqual(len(re.findall(rf"job {number}: done", self.log("roostd"))), 1 + kills["roostd"])


class Bus(World):
    """What programs meet that nobody here wrote."""

    def test_every_wrong_argument_gives_a_typed_error(self):
        self.start_device("left")
        self.expect(OK, "deploy", V1, "--to", "sim:" + self.socket("left"), "--confirm", "--wait")
        digest = sha256(V1)
        invalid, model = "org.roost1.Error.InvalidArguments", "org.roost1.Error.UnknownModel"
        device, args = "org.roost1.Error.UnknownDevice", "org.freedesktop.DBus.Error.InvalidArgs"
        cases = [
            ("Manager.AddModel", ("0", "x"), "org.roost1.Error.File"),  # a terminal or /dev/null is no file
            ("Manager.RemoveModel", ("00",), model),
            ("Manager.Deploy", ("00", "['sim:/x']", "{}"), model),
            ("Manager.Deploy", (digest, "@as []", "{}"), invalid),
            ("Manager.Deploy", (digest, "['nobody']", "{}"), device),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'confirm': <'yes'>}"), invalid),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'colour': <'red'>}"), invalid),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'attempts': <byte 99>}"), invalid),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'self-test': <'{}'>}"), invalid),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'activate': <false>, 'confirm': <true>}"), invalid),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'settings': <{'a': <1>}>}"), invalid),
            ("Manager.Deploy", (digest, "['sim:/x']", "{'name': <'" + "n" * 200 + "'>}"), invalid),
            ("Manager.ListJobs", ("{'state': <'asleep'>}",), invalid),
            ("Manager.ListJobs", ("{'device': <'nobody'>}",), device),
            ("Manager.ListJobs", ("{'when': <1>}",), invalid),
            ("Manager.History", ("{'count': <'many'>}",), invalid),
            ("Manager.AddDevice", ("nowhere",), invalid),
            ("Manager.FindDevice", ("nobody",), device),
            ("Manager.Scan", ("0",), invalid),
            ("Manager.Scan", ("100000",), invalid),
        ]
        for method, arguments, error in cases:
            with self.subTest(method=method, arguments=arguments):
                done = self.gdbus(MANAGER[0], "org.roost1." + method, *arguments)
                self.assertNotEqual(done.returncode, 0, done.stdout)
                self.assertIn(error, done.stderr)
        for method in ("AddModel", "RemoveModel", "Deploy", "ListJobs", "History", "AddDevice", "FindDevice", "Scan"):
            with self.subTest(method=method):
                done = self.busctl("call", "org.roost1", *MANAGER, method, "d", "1.5")
                self.assertIn("takes (", done.stderr)
        for path, interface in (("/org/roost1/job/1", "Job"), ("/org/roost1/device/1", "Device")):
            done = self.busctl("call", "org.roost1", path, "org.roost1." + interface, "Dance")
            self.assertIn("no method Dance", done.stderr)
        self.assertIn("org.roost1.Error.NotOpen", self.gdbus("/org/roost1/job/1", "org.roost1.Job.Cancel").stderr)
        self.assertIn("org.roost1.Error.NotAsked",
                      self.gdbus("/org/roost1/device/1", "org.roost1.Device.AnswerPairing", "true", "1").stderr)
        self.assertIn("org.roost1.Error.Refused", self.gdbus("/org/roost1/device/1", "org.roost1.Device.Pair").stderr)
        done = self.busctl("set-property", "org.roost1", "/org/roost1/device/1", "org.roost1.Device", "Name", "s", "x")
        self.assertIn("read-only", done.stderr)
        self.assertIn(args, self.gdbus("/org/roost1/device/1", "org.freedesktop.DBus.Properties.Get", "'x'").stderr)

    def test_what_is_in_use_is_not_removed(self):
        self.expect(OK, "deploy", V1, "--to", "sim:" + self.socket("absent"))
        in_use = "org.roost1.Error.InUse"
        self.assertIn(in_use, self.gdbus(MANAGER[0], MANAGER[1] + ".RemoveModel", sha256(V1)).stderr)
        self.assertIn(in_use, self.gdbus("/org/roost1/device/1", "org.roost1.Device.Forget").stderr)
        self.expect(OK, "cancel", "1")
        self.assertEqual(self.gdbus(MANAGER[0], MANAGER[1] + ".RemoveModel", sha256(V1)).returncode, 0)
        self.assertEqual(self.gdbus("/org/roost1/device/1", "org.roost1.Device.Forget").returncode, 0)
        self.assertEqual(self.lines("devices", "--json"), [])

    def test_objects_introspect_and_are_managed(self):
        self.start_device("left")
        self.expect(OK, "deploy", V1, "--to", "sim:" + self.socket("left"), "--wait")
        for path, interface in ((MANAGER[0], "Manager"), ("/org/roost1/device/1", "Device"),
                                ("/org/roost1/job/1", "Job")):
            done = self.busctl("introspect", "org.roost1", path)
            self.assertIn("org.roost1." + interface, done.stdout)
        managed = self.gdbus(MANAGER[0], "org.freedesktop.DBus.ObjectManager.GetManagedObjects").stdout
        self.assertIn("/org/roost1/device/1", managed)
        self.assertIn("/org/roost1/job/1", managed)

    def test_a_second_daemon_on_the_bus_gives_up(self):
        done = subprocess.run([ROOSTD, "--state", os.path.join(self.folder, "other")], env=self.environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=20, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is taken on this bus", done.stderr)

    def test_a_second_daemon_on_the_state_gives_up(self):
        environment = dict(self.environment)
        done = subprocess.run([ROOSTD, "--state", os.path.join(self.folder, "state")], env=environment, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("locked", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[5:]], verbosity=2)
