#!/usr/bin/env python3
"""The product as a user has it: the `roost` program against `roost device`, over sockets, with kills and a bad link.

Proves, on the project's own models:
- every kind of ending has its exit code and a sentence (files that are no models, misfits, refusals, roll-backs);
- a push survives loss, reordering and corruption at every MTU, and SIGKILL of the device at any moment: after each
  restart the old or the new model runs with the right digest, and once the faults stop the push completes, with no
  more pages sent again than were not durable;
- run, inspect, convert, scan and status do what they say.

    end_to_end.py ROOST_BINARY MODELS_FOLDER [unittest arguments]
    ROOST_SEED=n repeats a run; ROOST_NIGHTLY=1 takes more rounds.
"""
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOST, MODELS = sys.argv[1:3]
SEED = int(os.environ.get("ROOST_SEED", "1"))
NIGHTLY = os.environ.get("ROOST_NIGHTLY") == "1"
V1, V2 = (os.path.join(MODELS, name) for name in ("gesture_v1.tflite", "gesture_v2.tflite"))
OK, USAGE, BAD_MODEL, DOES_NOT_FIT, REFUSED, LINK_LOST, TIMED_OUT, ROLLED_BACK, FILE = 0, 2, 3, 4, 5, 6, 7, 8, 9


def read(path):
    with open(path, "rb") as file:
        return file.read()


def sha256(path):
    return hashlib.sha256(read(path)).hexdigest()


class World(unittest.TestCase):
    """A folder of its own, and at most one simulated device in it."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="roost-")
        self.environment = dict(os.environ, ROOST_SIM_DIR=os.path.join(self.folder, "sim"))
        os.mkdir(self.environment["ROOST_SIM_DIR"])
        self.socket = os.path.join(self.folder, "d.sock")
        self.to = "sim:" + self.socket
        self.device = None

    def tearDown(self):
        self.kill()
        shutil.rmtree(self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def roost(self, *arguments, timeout=120):
        return subprocess.run([ROOST, *arguments], env=self.environment, text=True, timeout=timeout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def expect(self, code, *arguments, says=None):
        done = self.roost(*arguments)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}\n{done.stderr}")
        if says:
            self.assertIn(says, done.stdout + done.stderr)
        if code not in (OK, USAGE):
            self.assertRegex(done.stderr, r"(?m)^roost: \S", "a failure without a sentence")
        return done

    def start(self, *options, flash="d.flash"):
        log = open(self.path("device.log"), "a")
        self.device = subprocess.Popen(
            [ROOST, "device", "--listen", self.socket, "--flash", self.path(flash), "--name", "d", *options],
            env=self.environment, stdout=log, stderr=log)
        log.close()
        for _ in range(200):
            if os.path.exists(self.socket) and self.roost("info", "--to", self.to).returncode == 0:
                return
            self.assertIsNone(self.device.poll(), read(self.path("device.log")).decode())
            time.sleep(0.02)
        self.fail("the device does not start")

    def kill(self):
        if self.device:
            self.device.send_signal(signal.SIGKILL)
            self.device.wait()
            self.device = None

    def status(self):
        return json.loads(self.expect(OK, "status", "--to", self.to, "--json").stdout)

    def push_lines(self, *arguments):
        done = self.roost("push", *arguments, "--to", self.to, "--json")
        return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


class Endings(World):
    def test_files_that_are_not_models_end_with_3(self):
        good = read(V1)
        generator = random.Random(SEED)
        cases = {
            "empty": b"",
            "text": b"hello, this is not a model\n",
            "random": generator.randbytes(5000),
            "large": generator.randbytes(3 * 1000 * 1000),
            "other-flatbuffer": b"\x10\x00\x00\x00RSB1" + bytes(100),
            "truncated": good[: len(good) // 2],
            "header-only": good[:8],
        }
        self.start()
        for name, data in cases.items():
            with self.subTest(name):
                path = self.write(name + ".tflite", data)
                self.expect(BAD_MODEL, "push", path, "--to", self.to)
                self.expect(BAD_MODEL, "inspect", path)
        self.assertEqual(self.status()["slots"][0]["state"], "empty")

    def test_flipped_bits_end_with_a_verdict_and_never_with_a_crash(self):
        generator = random.Random(SEED)
        good = read(V1)
        zeros = self.write("zeros.bin", bytes(384))
        for _ in range(400 if NIGHTLY else 60):
            data = bytearray(good)
            for _ in range(generator.choice((1, 1, 2, 8))):
                data[generator.randrange(len(data) if generator.random() < 0.5 else 3000)] ^= 1 << generator.randrange(8)
            path = self.write("flipped.tflite", data)
            done = self.roost("run", path, "--input", zeros, "--output", self.path("out.bin"))
            self.assertIn(done.returncode, (OK, USAGE, BAD_MODEL), done.stderr)

    def test_bad_arguments_end_with_2(self):
        self.expect(USAGE)
        self.expect(USAGE, "push")
        self.expect(USAGE, "frobnicate")
        self.expect(USAGE, "push", V1, "--to", "nonsense", says="--to")
        self.expect(USAGE, "push", V1, "--to", self.to, "--attempts", "0")
        self.expect(USAGE, "push", V1, "--no-activate", "--confirm", "--to", self.to)
        self.expect(USAGE, "run", V1, "--input", self.write("short", bytes(100)), "--output", self.path("o"), says="384")

    def test_files_that_cannot_be_read_end_with_9(self):
        self.expect(FILE, "push", self.path("nowhere.tflite"), "--to", self.to)
        self.expect(FILE, "inspect", self.folder)

    def test_a_device_that_is_not_there_ends_with_6(self):
        self.expect(LINK_LOST, "push", V1, "--to", self.to)

    def test_misfits_end_with_4_and_cost_the_device_nothing(self):
        self.start("--board", "microbit")
        self.expect(DOES_NOT_FIT, "push", V1, "--to", self.to, says="arena")
        self.kill()
        self.start("--region", str(64 * 1024), flash="small.flash")
        self.expect(DOES_NOT_FIT, "push", V1, "--to", self.to, says="slot")
        self.assertEqual([slot["erase_count_max"] for slot in self.status()["slots"]], [0, 0])

    def test_refusals_end_with_5_and_the_reason(self):
        self.start("--hardware", "left_hand", "--contract", V1)
        self.expect(REFUSED, "push", V1, "--to", self.to, "--hardware", "right_hand", says="right_hand")
        self.expect(REFUSED, "activate", "--to", self.to, says="nothing_to_activate")
        self.expect(REFUSED, "rollback", "--to", self.to, says="nothing_to_return_to")
        self.expect(REFUSED, "abort", "--to", self.to, says="no_transfer")
        self.expect(OK, "push", V1, "--to", self.to)  # on trial now: its slot and the other one are protected
        self.expect(REFUSED, "push", V2, "--to", self.to, says="trial_open")

    def test_a_model_that_fails_its_self_test_ends_with_8_and_the_old_one_runs(self):
        self.start()
        self.expect(OK, "push", V1, "--to", self.to, "--confirm")
        vectors = json.loads(read(os.path.join(MODELS, "gesture_v2.selftest.json")))
        vectors["vectors"][1]["output"][0] ^= 64
        bad = self.write("bad.json", json.dumps(vectors).encode())
        self.expect(ROLLED_BACK, "push", V2, "--to", self.to, "--self-test", bad, says="vector 2")
        for _ in range(2):
            status = self.status()
            self.assertEqual(status["running"]["model_sha256"], sha256(V1))
            self.assertIn("self_test_failed", [slot.get("reason") for slot in status["slots"]])
            self.kill()
            self.start()
        # Refused again, unless forced; and then it fails again.
        self.expect(REFUSED, "push", V2, "--to", self.to, "--self-test", bad, says="rejected_before")
        self.expect(ROLLED_BACK, "push", V2, "--to", self.to, "--self-test", bad, "--force")
        self.expect(OK, "push", V2, "--to", self.to, "--confirm")


class Lifecycle(World):
    def test_push_confirm_roll_back_and_erase(self):
        self.start()
        self.expect(OK, "push", V1, "--to", self.to, "--confirm", "--name", "gesture", "--model-version", "1")
        self.expect(OK, "push", V2, "--to", self.to, "--no-activate", "--name", "gesture", "--model-version", "2")
        self.assertEqual(self.status()["running"]["model_sha256"], sha256(V1))
        self.expect(OK, "activate", "--to", self.to)
        self.assertEqual(self.status()["running"]["state"], "trial")
        self.expect(OK, "confirm", "--to", self.to)
        self.assertEqual(self.status()["running"]["model_sha256"], sha256(V2))
        self.expect(OK, "rollback", "--to", self.to)
        self.assertEqual(self.status()["running"]["model_sha256"], sha256(V1))
        self.kill()
        self.start()
        self.assertEqual(self.status()["running"]["name"], "gesture 1")
        self.expect(OK, "erase", "--yes", "--to", self.to)
        self.assertEqual(self.status()["running"]["name"], "nothing")

    def test_the_newer_of_two_slots_with_the_same_package_counts(self):
        self.start()
        self.expect(OK, "push", V1, "--to", self.to)
        self.expect(OK, "rollback", "--to", self.to)
        self.expect(OK, "push", V1, "--to", self.to, "--force", "--confirm")
        self.assertEqual(self.status()["running"]["model_sha256"], sha256(V1))

    def test_a_push_right_after_erase_waits_for_it(self):
        self.start()
        self.expect(OK, "push", V1, "--to", self.to, "--confirm")
        self.expect(OK, "erase", "--yes", "--to", self.to)
        self.expect(OK, "push", V2, "--to", self.to, "--confirm")

    def test_a_push_of_what_is_there_already_sends_nothing(self):
        self.start()
        self.expect(OK, "push", V1, "--to", self.to, "--confirm")
        code, lines = self.push_lines(V1, "--confirm")
        self.assertEqual(code, OK)
        report = next(line for line in lines if line["event"] == "report")
        self.assertTrue(report["already_there"])
        self.assertEqual(report["fragments_sent"], 0)

    def test_the_device_confirms_by_itself_when_the_manifest_asks_for_it(self):
        self.start("--rate", "200")
        self.expect(OK, "push", V1, "--to", self.to, "--confirm-after", "20")
        for _ in range(100):
            if self.status()["running"]["state"] == "confirmed":
                return
            time.sleep(0.05)
        self.fail("still on trial")

    def test_a_built_in_model_runs_first_and_is_returned_to(self):
        self.start("--builtin", V1)
        self.assertEqual(self.status()["running"]["name"], "the built-in model")
        self.expect(OK, "push", V2, "--to", self.to)
        self.assertEqual(self.status()["running"]["model_sha256"], sha256(V2))
        self.expect(OK, "rollback", "--to", self.to)
        self.assertEqual(self.status()["running"]["name"], "the built-in model")

    def test_scan_shows_what_runs(self):
        self.start()
        self.expect(OK, "push", V1, "--to", self.to, "--confirm", "--model-version", "7")
        found = [json.loads(line) for line in self.expect(OK, "scan", "--json").stdout.splitlines()]
        self.assertEqual([(one["name"], one["state"], one["version"]) for one in found], [("d", "confirmed", "7")])
        self.assertTrue(sha256(V1).startswith(found[0]["digest"]))
        self.expect(OK, "info")  # the only one in reach needs no --to


class Faults(World):
    """The link is bad, and the device is killed at random moments."""

    def check_running(self, allowed):
        digest = self.status()["running"]["model_sha256"]
        self.assertIn(digest, allowed, "what runs is neither the old nor the new model")

    def bad_link(self, mtu, *more):
        return ("--mtu", str(mtu), "--drop", "0.04", "--reorder", "0.1", "--corrupt", "0.02", "--seed", str(SEED + mtu), *more)

    def test_a_bad_link_only_costs_time_at_every_mtu(self):
        for mtu in (23, 64, 185, 247, 517):
            with self.subTest(mtu=mtu):
                self.start(*self.bad_link(mtu), flash=f"{mtu}.flash")
                code, lines = self.push_lines(V1, "--confirm")
                self.assertEqual(code, OK, lines[-1])
                self.assertGreater(next(line for line in lines if line["event"] == "report")["fragments_resent"], 0)
                self.assertEqual(self.status()["running"]["model_sha256"], sha256(V1))
                self.kill()

    def test_a_killed_device_has_the_old_or_the_new_model_and_the_push_completes(self):
        generator = random.Random(SEED)
        rounds = 30 if NIGHTLY else 6
        kills_in_all = 0
        for number in range(rounds):
            mtu = generator.choice((23, 185, 247, 517))
            board = generator.choice(("nano33ble", "stm32wb", "rp2040", "zero_erased"))
            link = self.bad_link(mtu, "--board", board)
            flash = f"{number}.flash"
            with self.subTest(round=number, mtu=mtu, board=board, seed=SEED):
                self.start("--board", board, flash=flash)
                self.expect(OK, "push", V1, "--to", self.to, "--confirm")
                self.kill()
                self.start(*link, flash=flash)
                # A device that is not there at first is an error at once: the kills begin when it has been found.
                told = self.path(f"{number}.json")
                with open(told, "w", encoding="utf8") as output:
                    push = subprocess.Popen([ROOST, "push", V2, "--to", self.to, "--confirm", "--json",
                                             "--reconnect", "60"], env=self.environment, stdout=output, stderr=output)
                while push.poll() is None and b'"phase":"offer"' not in read(told):
                    time.sleep(0.02)
                kills = 0
                while kills < 4 and push.poll() is None:
                    time.sleep(generator.uniform(0.05, 1.2))
                    if push.poll() is not None:
                        break
                    self.kill()
                    kills += 1
                    self.start(*link, flash=flash)
                    self.check_running((sha256(V1), sha256(V2)))
                push.wait(timeout=120)
                kills_in_all += kills
                out = read(told).decode()
                self.assertEqual(push.returncode, OK, out)
                self.check_running((sha256(V2),))
                report = next(json.loads(line) for line in out.splitlines() if '"event":"report"' in line)
                # A kill can cost what the ring held, the page in work and what was not recorded yet (it is sixteen
                # times in a package), and no page that was durable.
                about = self.status()
                not_durable = about["ring_bytes"] // about["chunk_bytes"] + 1 + report["chunks"] // 16
                self.assertLessEqual(report["chunks_sent"], report["chunks"] + not_durable * kills + report["rewinds"])
            self.kill()
        self.assertGreater(kills_in_all, rounds)

    def test_a_host_that_is_killed_is_followed_by_one_that_resumes(self):
        self.start("--board", "nano33ble")
        push = subprocess.Popen([ROOST, "push", V1, "--to", self.to, "--json"], env=self.environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        for line in push.stdout:
            if json.loads(line).get("bytes", 0) > 8192:
                break
        push.kill()
        push.communicate()
        code, lines = self.push_lines(V1, "--confirm")
        self.assertEqual(code, OK)
        report = next(line for line in lines if line["event"] == "report")
        self.assertGreaterEqual(report["chunks_resumed"], 2)
        self.assertEqual(report["chunks_sent"], report["chunks"] - report["chunks_resumed"])


class Tools(World):
    def test_run_gives_the_exact_outputs_of_the_self_test_vectors(self):
        for model, vectors in ((V1, "gesture_v1.selftest.json"), (V2, "gesture_v2.selftest.json")):
            wanted, given = b"", b""
            for vector in json.loads(read(os.path.join(MODELS, vectors)))["vectors"]:
                given += bytes(value & 255 for value in vector["input"])
                wanted += bytes(value & 255 for value in vector["output"])
            done = self.expect(OK, "run", model, "--input", self.write("in", given), "--output", self.path("out"), "--trace")
            self.assertEqual(read(self.path("out")), wanted)
            traces = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(len(traces), len(given) // 384)
            self.assertEqual(traces[0][-1]["op"], "SOFTMAX")

    def test_inspect_tells_operators_costs_and_boards(self):
        about = json.loads(self.expect(OK, "inspect", V1, "--json").stdout)
        self.assertTrue(about["accepted"])
        self.assertIn("DEPTHWISE_CONV_2D", [op["op"] for op in about["operators"]])
        self.assertEqual(sum(op["macs"] for op in about["operators"]), about["macs"])
        fits = {board["board"]: board["fits"] for board in about["boards"]}
        self.assertTrue(fits["nano33ble"])
        self.assertFalse(fits["microbit"])

    def test_convert_there_and_back_gives_the_same_bytes(self):
        for style in ("xxd", "tflm", "tflite"):
            self.expect(OK, "convert", V1, "-o", self.path("m.cc"), "--style", style)
            self.expect(OK, "convert", self.path("m.cc"), "-o", self.path("back.tflite"))
            self.assertEqual(read(self.path("back.tflite")), read(V1))
        self.expect(BAD_MODEL, "convert", self.write("x.c", b"int main() { return 0; }"))


if __name__ == "__main__":
    print(f"seed {SEED}", file=sys.stderr)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=2)
