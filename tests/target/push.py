"""The whole component on an emulated Cortex-M4F with the host's own `roost` at the other end of the link.

  1. push of the first demo model to an empty device: it runs, on trial and then confirmed
  2. push of the second: swapped in while inferring, no inference number missing
  3. power off and on: the second model runs from flash alone

Every inference's output is compared with the host's on the same input, byte by byte. Then the instructions: per
received kilobyte, per activated model, per inference.

    push.py --build FOLDER [--image device_invented]
"""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile
import time
import zlib

import bridge
import qemu

REPO = pathlib.Path(__file__).resolve().parents[2]
MODELS = REPO / "tests/models"


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def roost(build, *arguments):
    done = subprocess.run([pathlib.Path(build) / "host/roost", *map(str, arguments)], capture_output=True, text=True,
                          timeout=240)
    check(done.returncode == 0, f"roost {' '.join(map(str, arguments))}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def push(build, board, name):
    started = time.monotonic()
    roost(build, "push", MODELS / f"{name}.tflite", "--to", f"sim:{board.socket_path}", "--activate", "--confirm",
          "--self-test", MODELS / f"{name}.selftest.json", "--json")
    size = (MODELS / f"{name}.tflite").stat().st_size
    print(f"pushed {name}: {size} bytes in {time.monotonic() - started:.1f} s")


def wait_for_inferences(board, name, count):
    """Until the board has inferred `count` times with this model."""
    crc = str(zlib.crc32((MODELS / f"{name}.tflite").read_bytes()))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if sum(line[3] == crc for line in board.lines("infer")) >= count:
            return
        if board.process.poll() is not None:
            raise AssertionError(f"the board ended: {board.process.stdout.read()}")
        time.sleep(0.2)
    raise AssertionError(f"{name} does not run on the board")


def input_of(number, size):
    state, out = number, bytearray()
    for _ in range(size):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        out.append(state & 0xFF)
    return bytes(out)


def compare_with_host(build, board, folder):
    """Every logged inference: its number, and its output on this machine. How many."""
    by_model = collections.defaultdict(list)
    for position, line in enumerate(board.lines("infer")):
        check(int(line[1]) == position + 1, f"inference {position + 1} is missing")
        by_model[line[3]].append((int(line[1]), bytes(map(int, line[5:]))))
    for model in MODELS.glob("*.tflite"):
        ran = by_model.pop(str(zlib.crc32(model.read_bytes())), [])
        if not ran:
            continue
        # One input is what the model takes; infer_host needs no telling, but we do.
        inputs = subprocess.run([pathlib.Path(build) / "tests/target/infer_host", model, "/dev/null", "/dev/null"],
                                check=True, capture_output=True, text=True).stdout.split()
        size = int(inputs[inputs.index("input") + 1])
        (folder / "inputs").write_bytes(b"".join(input_of(number, size) for number, _ in ran))
        subprocess.run([pathlib.Path(build) / "tests/target/infer_host", model, folder / "inputs", folder / "outputs"],
                       check=True, capture_output=True)
        check((folder / "outputs").read_bytes() == b"".join(out for _, out in ran),
              f"{model.name}: outputs differ from the host's")
    check(not by_model, f"models that nobody pushed ran: {list(by_model)}")
    return len(board.lines("infer"))


def report(board, output):
    """The instruction table of one run, from the counter's lines: account and instructions."""
    totals, calls = collections.Counter(), collections.Counter()
    for line in board.counts.read_text().splitlines():
        account, instructions = map(int, line.split())
        totals[account] += instructions
        calls[account] += 1
    words = output.split()
    received = int(words[words.index("received") + 1])
    activated = sum(line[1] == "11" for line in board.lines("event"))  # AgentEvent::kTrial
    print(f"instructions on Cortex-M4F, -Os: {totals[1] * 1024 // max(received, 1)} per received kB "
          f"(digest, gate and seal included), {totals[2] // max(activated, 1)} per activated model, "
          f"{totals[3] // max(calls[3], 1)} per inference")
    print(f"deepest stack, painted: {words[words.index('stack') + 1]} bytes; "
          f"{words[words.index('erases') + 1]} blocks erased")


def run(build, name, folder):
    image = qemu.Image(build, "mps2-an386", name)
    first = bridge.Board(image, folder / "first")
    try:
        push(build, first, "gesture_v1")
        wait_for_inferences(first, "gesture_v1", 3)
        push(build, first, "gesture_v2")
        wait_for_inferences(first, "gesture_v2", 3)
        status, output = first.end()
    finally:
        first.process.kill()
    check(status == 0, f"the board ended with {status}: {output}")
    compared = compare_with_host(build, first, folder)
    report(first, output)

    again = bridge.Board(image, folder / "again", flash_in=first.flash, count=False)
    try:
        wait_for_inferences(again, "gesture_v2", 3)
        status, output = again.end()
    finally:
        again.process.kill()
    check(status == 0, f"the board ended with {status} after power on: {output}")
    compared += compare_with_host(build, again, folder)
    print(f"{compared} inferences compared with the host, byte by byte; the second model ran again after power on")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--image", default="device_test", help="device_invented: the board of invented_geometry")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        try:
            run(options.build, options.image, pathlib.Path(name))
        except AssertionError as failure:
            sys.exit(f"FAILED {failure}")


if __name__ == "__main__":
    main()
