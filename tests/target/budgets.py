"""The table of budgets: flash, RAM and stack of the component on a Cortex-M4F at -Os, by part; and what it may link.

    budgets.py --build FOLDER [--by-file]

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
    (r"libroost_protocol_.*\(tunnel", "test scaffolding"),  # GATT over the emulator's FIFOs: no radio wants it
    (r"libroost_base_", "base"), (r"libroost_protocol_", "protocol"), (r"libroost_storage_", "storage"),
    (r"libroost_device_", "agent"), (r"libroost_runtime_.*\(model_host", "model host"),
    (r"libroost_runtime_.*\((?:conv|depthwise|fully|average|max_pool|mean|mul|pad|add|quant|dequant|relu|reshape|soft|"
     r"strided|svdf|logistic|concat|elementwise|window|pooling|common|classifier_k|integer_k|all_k|fixed|float)",
     "operators"),
    (r"libroost_runtime_", "gate and interpreter"),
    (r"libroost_port_common_cxx14.*\(sha256", "digest"), (r"libroost_(port_common|cortex_m)_cxx14", "port"),
    (r"startup|memory.cc", "start-up"), (r"libgcc|libc_nano|libm\.a", "compiler and C library"),
]
SECTIONS = {".text": "text", ".rodata": "text", ".vectors": "text", ".init_array": "text", ".data": "data",
            ".bss": "bss"}


def part_of(origin):
    for pattern, part in PARTS:
        if re.search(pattern, origin):
            return part
    return "test scaffolding"


def weigh(map_path, key=part_of):
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
                    sizes[key(full[3])][kind] += int(full[2], 16)
        elif not line.startswith("  "):
            name = None
    return sizes


# ---- what may be linked ----

# Undefined in the component's archives: nothing but these may come from outside them.
ALLOWED = re.compile(r"^(__aeabi_(?!d|f2d|i2d|ui2d|l2d|ul2d|cd)\w+|mem(cpy|move|set|cmp|chr)|expf|"
                     r"__gnu_\w+|__clz\w+|__popcount\w+|__ctz\w+|_GLOBAL_OFFSET_TABLE_)$")
ARCHIVES = ["base", "protocol", "storage", "runtime", "device"]


def foreign_symbols(folder):
    """Symbols the component takes from outside that it should not: [(archive, symbol)]."""
    defined, wanted = set(), []
    for name in ARCHIVES:
        sub = "device/ports/cortex_m" if name == "cortex_m" else name
        listing = subprocess.run(["arm-none-eabi-nm", folder / sub / f"libroost_{name}_cxx14.a"], check=True,
                                 capture_output=True, text=True).stdout
        for line in listing.splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == "U":
                wanted.append((name, words[1]))
            elif len(words) == 3:
                defined.add(words[2])
    return sorted({(n, s) for n, s in wanted if s not in defined and not ALLOWED.match(s)})


# ---- stack ----

# Indirect calls, by who makes them: the functions that may be meant (all are looked at, the deepest counts).
SEAMS = [
    (r"^roost::storage::", r"NrfNvmcFlash::(read|program|erase|erase_slice|geometry|mapped)|SoftwareSha256::"),
    (r"^roost::runtime::.*(Gate|Survey|judge|gate|prepare_|Interpreter::prepare|look_at|check)",
     r"runtime/kernels/.*:.*prepare"),
    (r"Interpreter::(step|run)", r"runtime/kernels/.*:.*invoke"),
    (r"(ModelHost|runtime::Engine)::", r"roost::runtime::Interpreter::|BodyVectors::"),
    (r"^roost::device::.*Nrf|NvmcRegisters", r"NvmcRegisters::"),
    (r"^roost::device::", r"Interpreter::judge|SoftwareSha256::"),
]
ROOTS = ["roost::device::DeliveryAgent::poll", "roost::device::DeliveryAgent::start",
         "roost::device::Activation::invoke", "roost::protocol::Intake::handle_data",
         "roost::protocol::Intake::handle_control"]
# How often a function that calls itself is under way at once at most; others that do are not on a device's path.
# A model, a subgraph, a tensor, its quantisation, the details of that: five tables, of which two are elements as well.
RECURSION = {"roost::FlatCheck::check_field": 7, "roost::FlatCheck::check_table": 5}
LIBRARY_FRAME = 64  # of a function without a figure: libgcc and the C library


class CallGraph:
    def __init__(self, folder):
        self.frames, self.names, self.calls, self.by_symbol = {}, {}, collections.defaultdict(set), {}
        for path in folder.rglob("*.ci"):
            if "_cxx14.dir" not in str(path) and "cortex_m" not in str(path):
                continue
            for line in path.read_text().splitlines():
                node = re.match(r'node: { title: "([^"]*)" label: "([^\\"]*)\\n[^"]*?(\d+) bytes', line)
                edge = re.match(r'edge: { sourcename: "([^"]*)" targetname: "([^"]*)"', line)
                if node:
                    self.frames[node[1]], self.names[node[1]] = int(node[3]), node[2]
                    self.by_symbol.setdefault(node[1].rsplit(":", 1)[-1], node[1])
                elif edge:
                    self.calls[edge[1]].add(edge[2])
        self.plain = {t: n.split("(")[0].split(" ")[-1] if not re.search(r"\boperator\W", n) else n for t, n in self.names.items()}
        self.unresolved, self.recursive, self.memo = set(), set(), {}

    def targets(self, title):
        for callee in self.calls[title]:
            if callee != "__indirect_call":
                yield callee if callee in self.frames else self.by_symbol.get(callee, callee)
                continue
            found = False
            for caller, callees in SEAMS:
                if re.search(caller, self.plain.get(title, "")):
                    for other in self.frames:
                        if re.search(callees, other + ":" + self.plain[other]) and other != title:
                            found = True
                            yield other
                    break
            if not found:
                self.unresolved.add(self.plain.get(title, title))

    def deepest(self, title, path=()):
        """(bytes, the path)"""
        if title in path:
            name = self.plain.get(title, title)
            self.recursive.add(name)
            cycle = path[path.index(title):]
            return (RECURSION.get(name, 1) - 1) * sum(self.frames[t] for t in cycle), []
        if title in self.memo:
            return self.memo[title]
        if title not in self.frames:
            return LIBRARY_FRAME, [title]
        best = (0, [])
        for callee in self.targets(title):
            best = max(best, self.deepest(callee, path + (title,)))
        result = (best[0] + self.frames[title], [title] + best[1])
        self.memo[title] = result
        return result

    def from_root(self, name):
        titles = [t for t, n in self.plain.items() if n == name]
        return max((self.deepest(t) for t in titles), default=None)


# ---- the table ----

def total(weights, parts):
    return sum(weights[p]["text"] + weights[p]["data"] for p in parts), \
        sum(weights[p]["data"] + weights[p]["bss"] for p in parts)


COMPONENT = ["base", "protocol", "storage", "agent"]
COMPLETE = COMPONENT + ["model host", "gate and interpreter", "operators", "digest", "port", "start-up",
                        "compiler and C library"]
# name, image, parts, what they may take
BUDGETS = [
    ("protocol + storage + agent", "device_trivial", COMPONENT, 16 * 1024),
    ("complete, keyword spotting", "device_kws", COMPLETE, 32 * 1024),
]
# Of the agent object, which holds receiver, store and model host but neither engines nor lent buffers.
AGENT_RAM = 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True)
    parser.add_argument("--by-file", action="store_true", help="what each source file weighs in device_kws")
    options = parser.parse_args()
    folder = pathlib.Path(options.build) / "target-m4f"
    if options.by_file:
        files = weigh(folder / "device_kws.map", lambda origin: origin.rsplit("/", 1)[-1])
        for size, name in sorted(((w["text"] + w["data"], name) for name, w in files.items()), reverse=True)[:60]:
            print(f"{size:7} {name}")
        return
    images = ["device_trivial", "device_kws", "device_test"]
    weights = {image: weigh(folder / f"{image}.map") for image in images}
    failed = False
    rows = sorted({part for w in weights.values() for part in w})
    print(f"{'flash / zeroed RAM, bytes':28}" + "".join(f"{image:>20}" for image in images))
    for row in rows:
        print(f"{row:28}" + "".join(
            f"{weights[i][row]['text'] + weights[i][row]['data']:>12} /{weights[i][row]['bss']:>6}" for i in images))
    for name, image, parts, budget in BUDGETS:
        flash, ram = total(weights[image], parts)
        verdict = "met" if flash <= budget else f"FAILED, over by {flash - budget}"
        failed = failed or flash > budget
        print(f"{name}: {flash} bytes of flash, budget {budget}: {verdict}; {ram} bytes of static RAM")
    objects = object_sizes(folder / "tests/target/firmware/device_kws.elf")
    print(f"RAM of the objects a firmware keeps (budget {AGENT_RAM} for the agent without engines; config is lent, and "
          "in flash where it is a constant): " +
          ", ".join(f"{name} {size}" for name, size in objects.items()))
    if objects["agent"] > AGENT_RAM:
        failed = True
        print(f"FAILED the agent: more than {AGENT_RAM}")

    graph = CallGraph(folder)
    for root in ROOTS:
        found = graph.from_root(root)
        if not found:
            failed = True
            print(f"FAILED there is no {root}")
            continue
        print(f"deepest stack of {root.split('::', 1)[1]}: {found[0]} bytes, through " + " > ".join(
            graph.plain.get(t, t).split("::")[-1] for t in found[1]))
    counted = [f"{name} x {RECURSION.get(name, 1)}" for name in sorted(graph.recursive)]
    print(f"recursive, and how often that is counted: {', '.join(counted) or 'none'}")
    print(f"indirect calls by {len(graph.unresolved)} functions not followed: {', '.join(sorted(graph.unresolved))[:1500]}")
    for archive, symbol in foreign_symbols(folder):
        failed = True
        print(f"FAILED {archive} wants {symbol}")
    sys.exit(failed)


def object_sizes(elf):
    """Sizes of the objects named at the end of firmware/device_test.cc."""
    listing = subprocess.run(["arm-none-eabi-nm", "-S", elf], check=True, capture_output=True, text=True).stdout
    return {m[2]: int(m[1], 16) for m in re.finditer(r" ([0-9a-f]{8}) \w roost_sizeof_(\w+)", listing)}


if __name__ == "__main__":
    main()
