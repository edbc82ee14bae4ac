"""Compares int8_reference with recorded outputs of TensorFlow Lite Micro, where the folder ROOST_MODELS has some.

Reads NAME.tflite, NAME.s1.in.bin and NAME.s1.out.bin; models with operators that the demo does not use are skipped.
"""

import os
import pathlib
import sys

import numpy as np

import int8_reference
import tflite_reader


def main():
    repository = pathlib.Path(__file__).resolve().parents[2]
    folder = pathlib.Path(os.environ.get("ROOST_MODELS", repository.parent / "shared" / "models"))
    compared, wrong = 0, []
    for path in sorted(folder.glob("*.tflite")):
        try:
            model = tflite_reader.read(path.read_bytes())
        except (ValueError, IndexError):
            continue  # other operators, types, or a damaged file
        for given in sorted(folder.glob(path.stem + ".s?.in.bin")):
            expected = pathlib.Path(str(given).replace(".in.bin", ".out.bin")).read_bytes()
            got = int8_reference.run(model, np.frombuffer(given.read_bytes(), np.int8)[np.newaxis])
            compared += 1
            if got.tobytes() != expected:
                wrong.append(given.name)
    if not compared:
        print("reference_test: skipped, no recorded models here (set ROOST_MODELS)")
        return 0
    print(f"reference_test: {compared - len(wrong)} of {compared} outputs identical", *wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
