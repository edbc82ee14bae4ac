#!/usr/bin/python3
"""The layering check: who may include whom, and what the lower folders may not do at all.

    arrows.py REPOSITORY     prints each offence as file:line and exits with 1 if there is any
    arrows.py --self-test    shows that each rule catches its offence and lets the good neighbour pass

The table below is DESIGN's drawing. A folder not in it may include nothing of the project's; a file belongs to the
longest name that its path begins with.
"""

import pathlib
import re
import sys

LOWER = {"base": (), "protocol": ("base",), "storage": ("base",), "runtime": ("base",)}
AGENT = {"device/agent": tuple(LOWER)}
DEVICE = ("device/agent",) + tuple(LOWER)
HOST = ("base", "protocol", "runtime")  # runtime: the host gates and runs models as the device does

ARROWS = {
    **LOWER,
    **AGENT,
    # Ports are composition roots: they see all of the device, but not one another.
    "device/ports/linux": DEVICE,
    "device/ports/common": DEVICE,
    "device/ports/cortex_m": DEVICE + ("device/ports/common",),
    # bluetoothd's GATT server is a matter of D-Bus, and there is one D-Bus layer in the house.
    "device/ports/bluez": DEVICE + ("device/ports/linux", "host", "host/bluez", "host/dbus", "host/loop"),
    "device/ports": DEVICE + ("device/ports/common",),
    "host": HOST,
    "host/dbus": ("base",),
    "host/bluez": HOST + ("host", "host/dbus"),
    "host/daemon": HOST + ("host", "host/bluez", "host/dbus"),
    # The command line is one too: `roost device` runs the simulated device.
    "host/cli": HOST + ("host", "host/bluez", "host/dbus", "storage", "device/agent", "device/ports/linux", "device/ports/bluez"),
}
EXTRA_FILES = {"host/dbus": ("host/loop.h",), "host/cli": ("host/daemon/names.h",)}  # single headers beyond the arrows

# What must run on a board: no heap, exceptions, I/O, clock, threads, whatever the header they would come from.
STRICT = {**LOWER, **AGENT}
FREESTANDING = {"array", "atomic", "type_traits", "utility", "new", "stddef.h", "stdint.h", "string.h"}
EXTRA_HEADERS = {
    "protocol": {"flatbuffers/flatbuffers.h"},
    "runtime": {"flatbuffers/flatbuffers.h", "float.h", "limits.h", "math.h"},
}
FORBIDDEN_WORDS = (
    (r"\b(throw|try|catch)\b", "exceptions"),
    (r"\b(dynamic_cast|typeid)\b", "RTTI"),
    (r"\bnew\b(?!\s*\()", "heap"),  # new (place) T is placement
    (r"(?<!=)\s\bdelete\b(?!\s*[;,)])|\bdelete\s*\[\s*\]", "heap"),  # `= delete;` is a declaration
    (r"(?<![\w.>])(malloc|calloc|realloc|free|strdup|alloca)\s*\(", "heap"),
    (r"\b(f?printf|snprintf|puts|fopen|fwrite|fread)\s*\(", "I/O"),
    (r"\bstd::(cout|cerr|string|vector|function|map|optional|unique_ptr|shared_ptr)\b", "libstdc++"),
    (r"(?<![\w.>:])(time|clock|gettimeofday|clock_gettime)\s*\(", "a clock"),
    (r"\b(thread_local|pthread_\w+)\b|\bstd::(thread|mutex|chrono)\b", "threads or a clock"),
    (r"^\s*static\s+(?!constexpr\b|const\b|inline\b|_?[Ss]tatic_assert)[^()]*[;={]", "a mutable static"),
    (r"\bif\s+constexpr\b|\binline\s+constexpr\b|^\s*namespace\s+\w+::", "not gnu++14"),
)

_INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
_NOT_CODE = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def folder_of(path, folders):
    """The longest of `folders` that `path` lies in, or None."""
    inside = [folder for folder in folders if path.startswith(folder + "/")]
    return max(inside, key=len) if inside else None


def without_comments_and_strings(text):
    """Blanked out, line breaks kept. Digit separators are taken out first: they look like characters."""
    text = re.sub(r"(?<=\d)'(?=\d)", "", text)
    return _NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def offences(path, text):
    """Yields (line number, sentence)."""
    folder = folder_of(path, ARROWS)
    if folder is None:
        return
    for number, line in enumerate(text.splitlines(), 1):
        include = _INCLUDE.match(line)
        if include:
            yield from ((number, sentence) for sentence in include_offences(folder, *include.groups()))
    if folder not in STRICT:
        return
    for number, line in enumerate(without_comments_and_strings(text).splitlines(), 1):
        for pattern, what in FORBIDDEN_WORDS:
            if not line.lstrip().startswith("#") and re.search(pattern, line):
                yield number, f"{folder} may not use {what}: {line.strip()}"


def include_offences(folder, bracket, header):
    target = folder_of(header, ARROWS)
    if target is not None:
        allowed = (folder, *ARROWS[folder])
        if target not in allowed and header not in EXTRA_FILES.get(folder, ()):
            yield f"{folder} may not include {target}: {header}"
    elif folder in STRICT and header not in FREESTANDING | EXTRA_HEADERS.get(folder, set()):
        yield f"{folder} may not include {bracket}{header}"


def check(repository):
    count, found = 0, []
    for top in ("base", "protocol", "storage", "runtime", "device", "host"):
        for path in sorted((repository / top).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            count += 1
            name = path.relative_to(repository).as_posix()
            text = path.read_text(encoding="utf-8")
            found += [f"{name}:{line}: {sentence}" for line, sentence in offences(name, text)]
    print(*found, f"{count} files, {len(found)} offences", sep="\n")
    return 0 if count and not found else 1


# --- the proof that it can fail ---

BAD = (
    ("protocol/a.h", '#include "storage/flash.h"'),
    ("storage/a.h", '#include "runtime/gate.h"'),
    ("runtime/a.cc", '#  include "protocol/manifest.h"'),
    ("base/a.h", '#include "protocol/frame.h"'),
    ("storage/a.cc", '#include "device/agent/delivery_agent.h"'),
    ("device/agent/a.cc", '#include "device/ports/linux/clock.h"'),
    ("device/agent/a.cc", '#include "host/link.h"'),
    ("device/ports/linux/a.cc", '#include "device/ports/cortex_m/stack.h"'),
    ("device/ports/linux/a.cc", '#include "host/link.h"'),
    ("host/session.cc", '#include "device/agent/delivery_agent.h"'),
    ("host/session.cc", '#include "storage/store.h"'),
    ("host/session.cc", '#include "host/bluez/bluez_link.h"'),
    ("host/dbus/a.cc", '#include "host/link.h"'),
    ("base/a.h", "#include <vector>"),
    ("storage/a.h", "#include <cstdint>"),
    ("storage/a.h", "#include <math.h>"),
    ("device/agent/a.h", "#include <unistd.h>"),
    ("base/a.cc", 'int x = 0;  // fine\nvoid f() { throw 1; }'),
    ("runtime/a.cc", "  try { f(); } catch (...) {}"),
    ("runtime/a.cc", "  auto* d = dynamic_cast<D*>(b);"),
    ("runtime/a.cc", "  auto* d = new int[4];"),
    ("runtime/a.cc", "  delete d;" + "\n  delete[] e;"),
    ("runtime/a.cc", "  void* p = malloc(4);"),
    ("protocol/a.cc", "  static uint32_t count = 0;"),
    ("protocol/a.cc", "static Receiver receiver;"),
    ("protocol/a.cc", "  uint32_t now = time(nullptr);"),
    ("protocol/a.cc", "  thread_local int x;"),
    ("protocol/a.cc", '  printf("%d", 1);'),
    ("protocol/a.cc", "namespace roost::protocol {"),
    ("protocol/a.cc", "  if constexpr (true) {}"),
)
GOOD = (
    ("device/agent/a.cc", '#include "storage/store.h"\n#include "runtime/gate.h"\n#include <string.h>'),
    ("protocol/a.cc", '#include "base/span.h"\n#include "flatbuffers/flatbuffers.h"\n#include "protocol/m_generated.h"'),
    ("runtime/kernels/a.cc", "#include <math.h>"),
    ("runtime/a.h", "  void operator=(const A&) = delete;\n  A(A&&) = delete;"),
    ("runtime/a.cc", "  T* t = new (place) T();  // a new thing: try it, throw it\n  Status try_model(int free);"),
    ("runtime/a.cc", "static const char kText[] = \"new malloc( throw\";\nstatic Status f(int a);\n  x.time();"),
    ("storage/a.cc", "static constexpr uint32_t kLimit = 1'000;\n/* delete\n   throw */\nchar c = '\"';"),
    ("host/session.cc", '#include <vector>\nint* p = new int;\n#include "protocol/sender.h"'),
    ("host/cli/device.cc", '#include "device/ports/linux/clock.h"\n#include "host/link.h"'),
    ("host/dbus/a.cc", '#include "host/loop.h"'),
    ("host/bluez/a.cc", '#include "host/dbus/message.h"\n#include "host/link.h"'),
    ("tests/a.cc", '#include "storage/store.h"'),
)


def self_test():
    missed = [case for case in BAD if not list(offences(*case))]
    accused = [(case, found) for case in GOOD if (found := list(offences(*case)))]
    for case in missed:
        print("not caught:", case)
    for case, found in accused:
        print("wrongly accused:", case, found)
    print(f"{len(BAD)} offences, {len(missed)} not caught; {len(GOOD)} good files, {len(accused)} accused")
    return 1 if missed or accused else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else check(pathlib.Path(sys.argv[1])))
