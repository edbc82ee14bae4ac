"""The table of budgets: flash, RAM and stack of the component on a Cortex-M4F at -Os, by part; and what it may link.

    budgets.py --build FOLDER

Sizes come from the linker's map of three images (device_trivial: no interpreter, device_kws: the six operators of
keyword spotting, device_test: all integer operators); test scaffolding is not counted. Stack is the deepest path
of the compiler's call graph (-fcallgraph-info); its indirect edges are listed with what was assumed of them.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

import qemu

# Archive or object -> row of the table. What is not named is scaffolding of the tests.
PARTS = [
    (r"libroost_base_", "base"), (r"libroost_protocol_", "protocol"), (r"libroost_storage_", "storage"),
    (r"libroost_device_", "agent"), (r"libroost_runtime_.*\(model_host", "model host"),
    (r"libroost_runtime_.*\((?:conv|depthwise|fully|average|max_pool|mean|mul|pad|add|quant|dequant|relu|reshape|soft|"
     r"strided|svdf|logistic|concat|elementwise|window|pooling|common|classifier_k|integer_k|all_k|fixed|float)",
     "operators"),
    (r"libroost_runtime_", "gate and interpreter"),
    (r"libroost_cortex_m_cxx14.*\(sha256", "digest"), (r"libroost_cortex_m_cxx14", "port"),
    (r"startup|memcpy.cc", "start-up"), (r"libgcc|libc_nano|libm\.a", "compiler and C library"),
]
SECTIONS = {".text": "text", ".rodata": "text", ".vectors": "text", ".init_array": "text", ".data": "data",
            ".bss": "bss"}


def part_of(origin):
    for pattern, part in PARTS:
        if re.search(pattern, origin):
            return part
    return "test scaffolding"


def weigh(map_path):
    """{part: {text, data, bss}} of what the linker kept."""
    sizes = collections.defaultdict(collections.Counter)
    lines = map_path.read_text().split("Linker script and memory map")[1].splitlines()
    name = None
    for line in lines:
        alone = re.match(r"^ (\.[\w.$]+|COMMON)$", line)
        if alone:
            name = alone[1]
            continue
        full = re.match(r"^ (\.[\w.$]+|COMMON)?\s+0x[0-9a-f]+\s+0x([0-9a-f]+)\s+(\S.*)$", line)
        if full:
            section = full[1] or name
            name = None
            for prefix, kind in SECTIONS.items():
                if section and (section == prefix or section.startswith(prefix + ".")):
                    sizes[part_of(full[3])][kind] += int(full[2], 16)
        elif not line.startswith("  "):
            name = None
    return sizes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    options = parser.parse_args()
    folder = pathlib.Path(options.build) / "target-m4f"
    images = ["device_trivial", "device_kws", "device_test"]
    weights = {image: weigh(folder / f"{image}.map") for image in images}
    rows = sorted({part for w in weights.values() for part in w})
    print(f"{'text+data / bss, bytes':26}" + "".join(f"{image:>22}" for image in images))
    for row in rows:
        print(f"{row:26}" + "".join(
            f"{weights[i][row]['text'] + weights[i][row]['data']:>13} /{weights[i][row]['bss']:>7}" for i in images))


if __name__ == "__main__":
    main()
