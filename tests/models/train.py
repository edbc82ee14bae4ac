#!/usr/bin/python3
"""Trains the demo's gesture recognisers and writes them, or checks the committed ones.

    tests/models/train.py            trains both versions (some minutes) and writes every file beside this script
    tests/models/train.py --check    evaluates the committed files on held-out strokes; exit code 1 if they are
                                     worse than promised, if their self-test vectors fail or if the files disagree

Version 1 knows wing and ring. Version 2 knows slope too: only its two dense layers are trained anew, everything
before them is version 1's, byte for byte. README.md tells what the files are.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

import gesture
import int8_reference
import network
import strokes
import tflite_reader
import tflite_writer
from strokes import LABELS, RING, SLOPE, UNKNOWN, WING

FOLDER = pathlib.Path(__file__).resolve().parent
TRAINING_SEED, HELD_OUT_SEED, STREAM_SEED = 20240611, 77, 4711
PROMISED_ACCURACY = 0.95

KNOWN = {1: (UNKNOWN, WING, RING), 2: (UNKNOWN, WING, RING, SLOPE)}
TRAINING_COUNTS = {UNKNOWN: 6000, WING: 2500, RING: 2500, SLOPE: 2500}
HELD_OUT_COUNT = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="evaluate the committed files, write nothing")
    if not parser.parse_args().check:
        train()
    sys.exit(0 if check() else 1)


# --- training ---


def train():
    rng = np.random.default_rng(TRAINING_SEED)
    sets = {version: training_set(rng, version) for version in KNOWN}
    backbone = gesture.backbone(rng)
    heads = {version: gesture.head(rng, len(KNOWN[version])) for version in KNOWN}

    network.train(backbone + heads[1], gesture.to_float(sets[1][0]), sets[1][1], rng, epochs=14)
    features = in_batches(lambda part: network.forward(backbone, gesture.to_float(part)), sets[2][0])
    network.train(heads[2], features, sets[2][1], rng, epochs=20)

    # Version 1's windows set the ranges of both: the common layers must keep theirs.
    calibration = sets[1][0][::20]
    for version, head in heads.items():
        x, labels = held_out_set(version)
        scores = in_batches(lambda part: network.forward(backbone + head, gesture.to_float(part)), x)
        print(f"v{version} float accuracy {accuracy(scores, labels):.2%}")
        known = ", ".join(LABELS[i] for i in KNOWN[version])
        model = gesture.quantise(backbone + head, calibration, f"Roost demo: gestures, version {version} ({known})")
        write_files(version, model)
    write_stream()


def training_set(rng, version):
    kinds = KNOWN[version]
    x = [strokes.windows(rng, kind, TRAINING_COUNTS[kind], avoid_slope=SLOPE in kinds) for kind in kinds]
    return np.concatenate(x), np.concatenate([np.full(len(part), kind) for part, kind in zip(x, kinds)])


def write_files(version, model):
    stem = FOLDER / f"gesture_v{version}"
    stem.with_suffix(".tflite").write_bytes(tflite_writer.write(model))
    stem.with_suffix(".labels.txt").write_text("".join(LABELS[i] + "\n" for i in KNOWN[version]))
    x = np.concatenate([strokes.windows(np.random.default_rng(version), kind, 1, True) for kind in KNOWN[version]])
    outputs = int8_reference.run(model, x)
    vectors = [{"input": given.ravel().tolist(), "output": wanted.tolist(), "tolerance": 0}
               for given, wanted in zip(x, outputs)]
    stem.with_suffix(".selftest.json").write_text(one_per_line("vectors", vectors))


def one_per_line(name, items):
    return f'{{"{name}": [\n' + ",\n".join(json.dumps(item) for item in items) + "\n]}\n"


def write_stream():
    rng = np.random.default_rng(STREAM_SEED)
    truth = [kind for _ in range(20) for kind in (UNKNOWN, *rng.permutation([WING, RING, SLOPE]))]
    x = np.concatenate([strokes.windows(rng, kind, 1, avoid_slope=True) for kind in truth])
    (FOLDER / "gesture_stream.bin").write_bytes(x.tobytes())
    (FOLDER / "gesture_stream.json").write_text(json.dumps({
        "shape": [1, strokes.WINDOW, 3, 1],
        "sample_rate_hz": strokes.SAMPLE_RATE_HZ,
        "scale_g": float(strokes.INPUT_SCALE),
        "gestures": [LABELS[kind] for kind in truth],
    }) + "\n")


# --- checking ---


def check():
    models = {version: (FOLDER / f"gesture_v{version}.tflite").read_bytes() for version in KNOWN}
    good = True
    for version, blob in models.items():
        good &= check_accuracy(version, tflite_reader.read(blob))
        good &= check_self_test(version, tflite_reader.read(blob))
    good &= check_third_gesture(tflite_reader.read(models[1]))
    good &= check_shared_layers(*(tflite_reader.read(blob) for blob in models.values()))
    good &= check_stream(models)
    return good


def verdict(good, text):
    print(("ok    " if good else "FAIL  ") + text)
    return bool(good)


def check_accuracy(version, model):
    x, labels = held_out_set(version)
    scores = in_batches(lambda part: int8_reference.run(model, part), x)
    reached = accuracy(scores, labels)
    each = ", ".join(f"{LABELS[kind]} {accuracy(scores[labels == kind], kind):.1%}" for kind in KNOWN[version])
    return verdict(reached > PROMISED_ACCURACY, f"v{version} int8 accuracy {reached:.2%} ({each})")


def check_third_gesture(model):
    x = strokes.windows(np.random.default_rng(HELD_OUT_SEED + 9), SLOPE, HELD_OUT_COUNT)
    unrecognised = accuracy(int8_reference.run(model, x), UNKNOWN)
    return verdict(unrecognised > 0.9, f"v1 calls {unrecognised:.1%} of the slopes unknown")


def check_self_test(version, model):
    vectors = json.loads((FOLDER / f"gesture_v{version}.selftest.json").read_text())["vectors"]
    x = np.array([vector["input"] for vector in vectors], np.int8)
    expected = np.array([vector["output"] for vector in vectors], np.int8)
    same = np.array_equal(int8_reference.run(model, x), expected)
    return verdict(same and len(vectors) > 0, f"v{version} answers its {len(vectors)} self-test vectors exactly")


def check_shared_layers(first, second):
    """All constants but the two dense layers' weights and biases are the same."""
    constants = [[t.data.tobytes() for t in model.tensors if t.data is not None] for model in (first, second)]
    shared, other = (list(zip(*constants))[:-4], list(zip(*constants))[-4:])
    good = all(a == b for a, b in shared) and all(a != b for a, b in other)
    return verdict(good, f"{sum(len(a) for a, _ in shared)} bytes of weights before the dense layers are common")


def check_stream(models):
    description = json.loads((FOLDER / "gesture_stream.json").read_text())
    x = np.frombuffer((FOLDER / "gesture_stream.bin").read_bytes(), np.int8).reshape(-1, *description["shape"][1:])
    truth = np.array([LABELS.index(name) for name in description["gestures"]])
    if len(x) != len(truth):
        return verdict(False, "gesture_stream.bin and .json differ in length")
    answers = [int8_reference.run(tflite_reader.read(blob), x).argmax(axis=1) for blob in models.values()]
    right_1 = np.mean(answers[0] == np.where(truth == SLOPE, UNKNOWN, truth))
    right_2 = np.mean(answers[1] == truth)
    return verdict(min(right_1, right_2) > 0.9,
                   f"stream of {len(x)} windows: v1 right {right_1:.1%}, v2 right {right_2:.1%}")


def held_out_set(version):
    rng = np.random.default_rng(HELD_OUT_SEED + version)
    kinds = KNOWN[version]
    x = np.concatenate([strokes.windows(rng, kind, HELD_OUT_COUNT, avoid_slope=SLOPE in kinds) for kind in kinds])
    return x, np.repeat(kinds, HELD_OUT_COUNT)


def in_batches(function, x, size=500):
    return np.concatenate([function(x[i:i + size]) for i in range(0, len(x), size)])


def accuracy(scores, labels):
    return np.mean(scores.argmax(axis=1) == labels)


if __name__ == "__main__":
    main()
