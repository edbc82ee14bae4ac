"""Models on an emulated Cortex-M4F: every output byte equal to the host's, and what each model costs there.

    infer.py --build FOLDER [--models FOLDER] [--all]

Runs the project's own models on inputs from a fixed generator, and those of --models (or ROOST_MODELS) that the
runtime takes and that fit the board, on the inputs recorded there. Without --all (or ROOST_NIGHTLY=1) those of more
than three million multiply-accumulates are left out.
"""
import argparse
import array
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import qemu

REPO = pathlib.Path(__file__).resolve().parents[2]
MACS_MAX = 3_000_000
INPUTS_MAX = 28 * 1024  # of firmware/infer_test.cc


def draws(seed, count):
    """xorshift32, the low byte of each state."""
    state, out = seed, bytearray()
    for _ in range(count):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        out.append(state & 0xFF)
    return bytes(out)


def own_models():
    for path in sorted((REPO / "tests/models").glob("*.tflite")):
        # Three inputs of any size at most: the tail that makes no whole input is ignored.
        yield path.stem, path, [draws(seed, 1200) for seed in (1, 2, 3)], None


def recorded_models(folder, everything):
    for entry in json.loads((folder / "index.json").read_text())["models"]:
        path = folder / f"{entry['name']}.tflite"
        inputs = sorted(folder.glob(f"{entry['name']}.s?.in.bin"))
        if not inputs or not (everything or (entry.get("macs") or 0) <= MACS_MAX):
            continue
        yield entry["name"], path, [p.read_bytes() for p in inputs], None


def values_of(text):
    words = text.split()
    return {words[i]: int(words[i + 1]) for i in range(0, len(words) - 1, 2)}


def same_outputs(there, here, is_float, tolerance=1e-6):
    """Bytes are equal; floats that went through a C library's exp may differ by its rounding, another runtime's by
    the order of its sums."""
    if there == here:
        return True
    if not is_float or len(there) != len(here):
        return False
    pairs = zip(array.array("f", there), array.array("f", here))
    return all(abs(a - b) <= tolerance * max(1.0, abs(b)) for a, b in pairs)


def run_one(image, host, name, model, inputs, folder):
    """A table row, or the reason why there is none; raises where host and target differ."""
    shutil.copy(model, folder / "model")
    (folder / "inputs").write_bytes(b"".join(inputs))
    on_host = subprocess.run([host, folder / "model", folder / "inputs", folder / "host"], check=True,
                             capture_output=True, text=True).stdout
    counter = {"begin": image.symbol("roost_count_begin"), "end": image.symbol("roost_count_end"),
               "out": folder / "counts"}
    status, text = image.run([folder / "model", folder / "inputs", folder / "target"], [("count", counter)])
    if status != 0:
        if "kInputBytesMax" in text or "region.size_bytes" in text:
            return "does not fit this test's buffers"
        raise AssertionError(f"{name}: status {status}: {text}")
    if text.startswith("error") or on_host.startswith("error"):
        if text.strip() == "error 60" and not on_host.startswith("error"):
            return "arena does not fit the board"
        if text.split() != on_host.split():
            raise AssertionError(f"{name}: the host says '{on_host.strip()}', the target '{text.strip()}'")
        return f"refused alike ({text.strip()})"
    there, here = values_of(text), values_of(on_host)
    if not same_outputs((folder / "target").read_bytes(), (folder / "host").read_bytes(), here["float"],
                        1e-5 if "used" in there else 1e-6):
        raise AssertionError(f"{name}: outputs differ")
    if "used" in there:  # another runtime's: its own need, and what the adapter asked for
        if not here["arena"] <= there["used"] <= there["arena"]:
            raise AssertionError(f"{name}: arena {here['arena']} here, {there['used']} of {there['arena']} there")
        there["ours"] = here["arena"]
    elif there["arena"] != here["arena"] or there["macs"] != here["macs"]:
        raise AssertionError(f"{name}: the target judges {there}, the host {here}")
    counts = [int(line.split()[1]) for line in (folder / "counts").read_text().splitlines()]
    empty, prepare, invocations = counts[0], counts[1] - counts[0], counts[2:]
    return {"prepare": prepare, "infer": max(invocations, default=empty) - empty, **there,
            "inferences": len(invocations)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--image", default="infer_test", help="another image: the path of an infer_tflm.elf")
    parser.add_argument("--models", default=os.environ.get("ROOST_MODELS", REPO.parent / "shared/models"))
    parser.add_argument("--all", action="store_true", default=os.environ.get("ROOST_NIGHTLY") == "1")
    options = parser.parse_args()
    image = qemu.Image(options.build, "mps2-an386", options.image)
    host = pathlib.Path(options.build) / "tests/target/infer_host"
    cases = list(own_models())
    folder = pathlib.Path(options.models)
    if (folder / "index.json").exists():
        cases += recorded_models(folder, options.all)
    else:
        print(f"skipped: no recorded models in {folder}")
    print(f"{'model on Cortex-M4F':36} {'MACs':>10} {'instr/infer':>12} {'per MAC':>8} {'prepare':>9} "
          f"{'arena':>7} {'scratch':>7} {'stack prepare/infer':>19}")
    failures, compared, passed_over = [], 0, {}
    for name, model, inputs, _ in cases:
        with tempfile.TemporaryDirectory() as temporary:
            try:
                row = run_one(image, host, name, model, inputs, pathlib.Path(temporary))
            except AssertionError as failure:
                failures.append(str(failure))
                continue
        if isinstance(row, str):
            passed_over.setdefault(row, []).append(name)
            continue
        compared += row["inferences"]
        per_mac = f"{row['infer'] / row['macs']:.1f}" if row["macs"] else "-"
        print(f"{name[:36]:36} {row['macs']:10} {row['infer']:12} {per_mac:>8} {row['prepare']:9} {row['arena']:7} "
              f"{row['scratch']:7} {row['prepare_stack']:9} /{row['invoke_stack']:8}"
              + (f"  ours {row['ours']}, used {row['used']}" if "used" in row else ""))
    for why, names in sorted(passed_over.items()):
        print(f"{why}: {len(names)} ({', '.join(names[:6])}{' ...' if len(names) > 6 else ''})")
    for failure in failures:
        print("FAILED", failure)
    print(f"{compared} inferences compared with the host, byte by byte")
    sys.exit(bool(failures) or compared == 0)


if __name__ == "__main__":
    main()
