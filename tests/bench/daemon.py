#!/usr/bin/env python3
"""What roostd costs: memory for each device it knows, processor time for each megabyte it delivers, and the same of a
push without it. Prints figures and ratios; asserts nothing.

    daemon.py ROOST ROOSTD MODEL [--known 200] [--at-once 8]

Every device is a process of its own (`roost device`), started when it is delivered to; the others are known by their
address and id, as a gateway knows devices that are out of reach.
"""
import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time


def memory_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="utf8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("roost")
    parser.add_argument("roostd")
    parser.add_argument("model")
    parser.add_argument("--known", type=int, default=200)
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="roost-bench-")
    processes = []
    try:
        configuration = os.path.join(folder, "bus.conf")
        with open(configuration, "w", encoding="utf8") as file:
            file.write(f"<busconfig><type>custom</type><listen>unix:path={folder}/bus</listen><policy context='default'>"
                       "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/>"
                       "</policy></busconfig>")
        processes.append(subprocess.Popen(["dbus-daemon", "--nofork", "--config-file=" + configuration],
                                          stderr=subprocess.DEVNULL))
        environment = dict(os.environ, ROOST_BUS=f"unix:path={folder}/bus", ROOST_SIM_DIR=folder)

        def roost(*arguments):
            return subprocess.run([options.roost, *arguments], env=environment, text=True, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False)

        def start(name):
            process = subprocess.Popen([options.roost, "device", "--name", name, "--flash", f"{folder}/{name}.flash",
                                        "--no-flash-time", "--rate", "0.1"], env=environment,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            processes.append(process)
            while not os.path.exists(f"{folder}/{name}.sock"):
                time.sleep(0.01)
            return process

        while not os.path.exists(f"{folder}/bus"):
            time.sleep(0.01)
        daemon = subprocess.Popen([options.roostd, "--state", f"{folder}/state", "--at-once", str(options.at_once)],
                                  env=environment, stderr=subprocess.DEVNULL)
        processes.append(daemon)
        while roost("devices").returncode != 0:
            time.sleep(0.05)
        empty = memory_kib(daemon.pid)
        for k in range(options.known):
            name = f"known{k}"
            device = start(name)
            done = roost("info", "--daemon", "--to", f"sim:{folder}/{name}.sock")
            if done.returncode != 0:
                sys.exit(done.stderr)
            device.kill()
            device.wait()
            os.unlink(f"{folder}/{name}.flash")
            os.unlink(f"{folder}/{name}.sock")
        known = memory_kib(daemon.pid)
        print(f"roostd: {empty} KiB with nothing known, {known} KiB with {options.known} devices: "
              f"{(known - empty) * 1024 / options.known:.0f} bytes a device")

        targets = []
        for k in range(options.at_once):
            start(f"d{k}")
            targets += ["--to", f"sim:{folder}/d{k}.sock"]
        before, began = processor_seconds(daemon.pid), time.monotonic()
        peak = known
        deploying = subprocess.Popen([options.roost, "deploy", options.model, *targets, "--confirm", "--wait", "--json"],
                                     env=environment, stdout=subprocess.PIPE, text=True)
        while deploying.poll() is None:
            peak = max(peak, memory_kib(daemon.pid))
            time.sleep(0.02)
        deploying.stdout.close()
        seconds = time.monotonic() - began
        spent = processor_seconds(daemon.pid) - before
        history = [json.loads(line) for line in roost("history", "--count", "1000", "--json").stdout.splitlines()]
        delivered = sum(job["report"]["payload_bytes"] for job in history if job["state"] == "done") / 1e6
        print(f"{options.at_once} at once: {delivered:.2f} MB in {seconds:.2f} s, {peak} KiB at most, "
              f"{spent / delivered:.2f} processor seconds a MB")

        start("alone")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = roost("push", options.model, "--to", f"sim:{folder}/alone.sock", "--direct", "--confirm", "-q")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            sys.exit(done.stderr)
        alone = (after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime) / (delivered / options.at_once)
        print(f"roost push alone: {alone:.2f} processor seconds a MB; roostd spends {spent / delivered / alone:.2f} of it")
    finally:
        for process in reversed(processes):
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
