"""Power cut at every flash operation of the store on an emulated nRF51, plain and torn.

One life of the firmware is run with the processor stopped after each operation (a word programmed, a block erased),
and the flash is taken each time. Every such image, and torn ones mixed bit by bit from two neighbours, is then booted,
and what the firmware finds is compared with what it had promised before the cut:

  - what boot chooses is a model that was whole and due at that moment, and reads as it must to the last byte;
  - behind a model on trial the old one stands, whole;
  - chunks reported durable are there;
  - the package that was under way installs, with no page sent again that was durable, and runs.

    power_cut.py --build FOLDER [--image power_test] [--expect-broken] [--every N] [--seed S]

With --expect-broken the image is one with a deliberate mistake, and the run fails if none is found.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

import qemu

BASE, SIZE, BLOCK = 0x20000, 16 * 1024, 1024
JUDGES = 2  # boards that boot images side by side
CHUNKS = 3  # of each package: firmware/packages.h
NONE, RUN, ATTEMPT = 0, 2, 3  # BootAction of tests/storage/choice.h

# What may run once this was said, by "what package": the model itself first.
RUNNABLE = {
    "begin .": "-", "sealed A": "A", "attempt A": "A", "trial A": "A", "confirmed A": "A",
    "sealed B": "AB", "attempt B": "AB", "trial B": "AB", "confirmed B": "B", "returned A": "A",
    "sealed C": "AC", "attempt C": "AC", "trial C": "AC", "rejected C": "A", "end .": "A",
}


class Monitor:
    """QEMU's control socket: enough of it to read memory while the processor stands still."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rw")
        self.stream.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.stream.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.stream.flush()
        while True:
            answer = json.loads(self.stream.readline())
            if "error" in answer:
                raise RuntimeError(answer["error"]["desc"])
            if "return" in answer:
                return


def live(image, folder):
    """The life, operation by operation: a list of (flash image, operation, count of milestones said before), the
    milestones, and what is wrong with the life itself."""
    report, go, socket_path, dump = (str(folder / n) for n in ("report", "go", "qmp", "dump"))
    os.mkfifo(report)
    os.mkfifo(go)
    options = {"base": BASE, "size": SIZE, "arm": image.symbol("roost_power_arm"), "report": report, "go": go}
    command = image.command(["live", report], [("flash_ops", options)], ["-qmp", f"unix:{socket_path},server=on,wait=off"])
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said, cuts = ["begin ."], []
    try:
        with open(report) as lines, open(go, "wb", buffering=0) as release:
            monitor = Monitor(socket_path)
            for line in lines:
                if line.startswith("= "):
                    said.append(line[2:].strip())
                    continue
                monitor.call("memsave", val=BASE, size=SIZE, filename=dump)
                cuts.append((pathlib.Path(dump).read_bytes(), line.strip(), len(said)))
                release.write(b"g")
    finally:
        output = process.communicate(timeout=20)[0]
    if process.returncode != 0 or said[-1] != "end .":
        return cuts, said, [f"the uncut life failed (status {process.returncode}) after '{said[-1]}': {output.strip()}"]
    return cuts, said, []


def torn(before, after, operation, dice):
    """What a cut inside the operation may leave: of the bits it changes, some."""
    mixed = bytearray(after)
    for i in range(SIZE):
        if before[i] != after[i]:
            mixed[i] ^= (before[i] ^ after[i]) & dice.getrandbits(8)
    if operation.startswith("erase") and dice.random() < 0.25:  # the weakest: hardly begun
        mixed = bytearray(before)
        changed = [i for i in range(SIZE) if before[i] != after[i]]
        for i in dice.sample(changed, min(3, len(changed))):
            mixed[i] = before[i] | (1 << dice.randrange(8))
    return bytes(mixed)


class Judge:
    """One emulated board that boots image after image."""

    def __init__(self, image, folder):
        jobs, verdicts = str(folder / "jobs"), str(folder / "verdicts")
        os.mkfifo(jobs)
        os.mkfifo(verdicts)
        self.process = subprocess.Popen(image.command(["judge", jobs, verdicts]), stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.jobs = open(jobs, "wb", buffering=0)
        self.verdicts = open(verdicts)

    def ask(self, flash, package):
        data = package.encode() + flash
        while data:
            data = data[self.jobs.write(data):]
        facts = {}
        for _ in range(2):
            line = self.verdicts.readline()
            if not line:
                return facts, "the firmware ended: " + self.process.communicate(timeout=20)[0].strip()
            facts.update(word.split("=", 1) for word in line.split())
        return facts, None

    def close(self):
        self.jobs.close()
        self.verdicts.close()
        return self.process.wait(timeout=20)


def current_package(said, upto):
    """The package under way at that moment: the next one to be sealed, or the last."""
    for milestone in said[upto:]:
        if milestone.startswith("sealed"):
            return milestone[-1]
    return [m for m in said if m.startswith("sealed")][-1][-1]


def durable_before(said, upto):
    """Chunks of the package under way that had been reported durable; none once it is sealed."""
    for milestone in reversed(said[:upto]):
        if not milestone.startswith("durable"):
            return 0
        return int(milestone.split()[2])
    return 0


def runnable(said, upto):
    """What may run after a cut between two milestones: what could before it, and what can after the next."""
    at = upto - 1
    while said[at].startswith("durable"):
        at -= 1
    after = upto if upto < len(said) else upto - 1
    later = "" if said[after].startswith("durable") else RUNNABLE[said[after]]
    return RUNNABLE[said[at]] + later


def complaint(facts, said, upto):
    """What is wrong with what the board found, or None."""
    allowed, package, durable = runnable(said, upto), current_package(said, upto), durable_before(said, upto)
    sealing = said[upto].startswith("sealed") if upto < len(said) else False
    if facts["mount"] != "0":
        return "mount failed"
    if facts["run"] not in allowed:
        return f"runs {facts['run']}, allowed is one of {allowed}"
    if facts["whole"] != "1":
        return f"runs {facts['run']}, which is not whole"
    if int(facts["action"]) == ATTEMPT and facts["run"] != "A" and facts["fallback"] != "A":
        return "nothing to return to behind a model on trial"
    if facts["fallback_whole"] != "1":
        return f"would return to {facts['fallback']}, which is not whole"
    if durable and not (sealing and facts["run"] == package):
        if facts["receiving"] != package or min(int(facts["durable"]), int(facts["resumed"])) < durable:
            return f"{durable} chunks of {package} were durable, now {facts['durable']} of {facts['receiving']} are"
    if facts["error"] != "0":
        return f"{package} can no longer be installed"
    if int(facts["sent"]) > CHUNKS - durable:
        return f"{facts['sent']} pages sent, though {durable} of {CHUNKS} were durable"
    if facts["end"] not in (package, "A") or facts["end_whole"] != "1" or int(facts["end_action"]) != RUN:
        return f"in the end {facts['end']} runs instead of {package}"
    return None


def judge_all(image, cases, said, folder):
    """Judges (description, flash, milestones said) on one board; the complaints."""
    folder.mkdir()
    judge, complaints = Judge(image, folder), []
    for what, flash, upto in cases:
        facts, ended = judge.ask(flash, current_package(said, upto))
        wrong = ended or complaint(facts, said, upto)
        if wrong:
            complaints.append(f"{what}, after '{said[upto - 1]}': {wrong}  {facts}")
        if ended:
            return complaints
    status = judge.close()
    return complaints + ([f"the judge left with status {status}"] if status else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--image", default="power_test")
    parser.add_argument("--expect-broken", action="store_true")
    parser.add_argument("--every", type=int, default=1, help="judge each N-th cut only")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    image = qemu.Image(options.build, "microbit", options.image)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        start = time.monotonic()
        cuts, said, complaints = live(image, folder)
        lived = time.monotonic()
        dice, cases, before = random.Random(options.seed), [], bytes(SIZE)
        for number, (flash, operation, upto) in enumerate(cuts):
            if number % options.every == 0:
                cases.append((f"torn in operation {number} ({operation})", torn(before, flash, operation, dice), upto))
                cases.append((f"cut after operation {number} ({operation})", flash, upto))
            before = flash
        with concurrent.futures.ThreadPoolExecutor(JUDGES) as pool:
            parts = [pool.submit(judge_all, image, cases[i::JUDGES], said, folder / f"judge{i}") for i in range(JUDGES)]
            complaints += [text for part in parts for text in part.result()]
    print(f"{len(cuts)} flash operations in the uncut life ({lived - start:.0f} s), {len(cases)} cuts judged "
          f"({time.monotonic() - lived:.0f} s, seed {options.seed}): {len(complaints)} complaints")
    for text in complaints[:10]:
        print(" ", text)
    sys.exit((not complaints) if options.expect_broken else bool(complaints))


if __name__ == "__main__":
    main()
