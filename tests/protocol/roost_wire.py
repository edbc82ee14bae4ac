"""The Roost wire format in Python, written from protocol/SPEC.md alone: a second opinion, and a test.

As a module: encode(name, fields), decode(bytes), fragment(...), chunk(...), Info. As a program, given the path of
wire_tool (the C++ side) and of SPEC.md: checks the golden vectors both ways and random messages against the C++.
"""
import random
import re
import struct
import subprocess
import sys
import zlib

VERSION = 1
REACH = 113

# name: (type, [(field, struct code)])
RECORDS = {
    "offer": (0x01, [("version", "B"), ("flags", "B"), ("epoch", "H"), ("package_id", "I"), ("manifest_size", "H"),
                     ("payload_size", "I"), ("fragment_payload", "H")]),
    "query": (0x02, [("epoch", "H"), ("last_sent", "H")]),
    "activate": (0x10, [("tag", "B"), ("flags", "B"), ("package_id", "I")]),
    "confirm": (0x11, [("tag", "B"), ("flags", "B"), ("package_id", "I")]),
    "rollback": (0x12, [("tag", "B"), ("flags", "B"), ("package_id", "I")]),
    "abort": (0x13, [("tag", "B"), ("flags", "B"), ("package_id", "I")]),
    "erase_models": (0x14, [("tag", "B"), ("flags", "B"), ("package_id", "I")]),
    "accept": (0x81, [("epoch", "H"), ("chunk_log2", "B"), ("resume_chunk", "H"), ("limit", "B")]),
    "reject": (0x82, [("epoch", "H"), ("reason", "B"), ("detail", "H")]),
    "report": (0x83, [("epoch_low", "B"), ("next_wanted", "H"), ("limit", "B"), ("durable_low", "B")]),
    "report_asked": (0x84, [("epoch_low", "B"), ("next_wanted", "H"), ("limit", "B"), ("durable_low", "B")]),
    "rewind": (0x85, [("epoch", "H"), ("chunk", "H"), ("limit", "B")]),
    "stored": (0x86, [("epoch", "H"), ("package_id", "I")]),
    "verified": (0x87, [("epoch", "H"), ("package_id", "I")]),
    "failed": (0x88, [("epoch", "H"), ("package_id", "I"), ("reason", "B"), ("detail", "H")]),
    "busy": (0x89, [("about", "B"), ("tag", "H")]),
    "unknown": (0x8A, [("about", "B"), ("reason", "B"), ("version", "B")]),
    "answer": (0x8B, [("tag", "B"), ("about", "B"), ("reason", "B"), ("detail", "H")]),
    "active": (0x90, [("package_id", "I"), ("reason", "B"), ("detail", "H")]),
    "rolled_back": (0x91, [("package_id", "I"), ("reason", "B"), ("detail", "H")]),
    "confirmed": (0x92, [("package_id", "I"), ("reason", "B"), ("detail", "H")]),
}
NAMES = {number: name for name, (number, _) in RECORDS.items()}
REQUESTS = ("activate", "confirm", "rollback", "abort", "erase_models")


def has_bitmap(name):
    return name in ("report", "report_asked")


def encode(name, fields):
    number, layout = RECORDS[name]
    out = struct.pack("<B" + "".join(code for _, code in layout), number, *(fields[key] for key, _ in layout))
    if has_bitmap(name):
        out += fields["bitmap"].rstrip(b"\0")
    return out


def in_range(name, f):
    if name == "offer":
        return (f["version"] == VERSION and f["flags"] < 4 and f["manifest_size"] > 0
                and 1 <= f["payload_size"] <= 64 << 20)
    if name in REQUESTS:
        return f["flags"] < 2
    if name == "accept":
        return 8 <= f["chunk_log2"] <= 12 and f["limit"] <= REACH
    if name in ("report", "report_asked", "rewind"):
        return f["limit"] <= REACH
    if name in ("reject", "failed"):
        return f["reason"] != 0
    if name == "answer":
        return 0x10 <= f["about"] <= 0x14
    return True


def decode(data):
    """(name, fields), or None where the record is malformed or of no known type."""
    if not data or data[0] not in NAMES:
        return None
    name = NAMES[data[0]]
    layout = RECORDS[name][1]
    form = "<B" + "".join(code for _, code in layout)
    size = struct.calcsize(form)
    most = size + (14 if has_bitmap(name) else 0)
    if not size <= len(data) <= most:
        return None
    fields = dict(zip((key for key, _ in layout), struct.unpack_from(form, data)[1:]))
    if has_bitmap(name):
        fields["bitmap"] = data[size:]
    return (name, fields) if in_range(name, fields) else None


def crc16(data):
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021) & 0xFFFF if crc & 0x8000 else (crc << 1) & 0xFFFF
    return crc


def fragment(epoch, count, payload):
    return struct.pack("<H", count & 0xFFFF) + payload + struct.pack(
        "<H", crc16(struct.pack("<HI", epoch, count) + payload))


def chunk(package_id, index, page):
    crc = zlib.crc32(struct.pack("<II", package_id, index) + page)
    return struct.pack("<HBB", len(page), 0, 0) + page + struct.pack("<I", crc)


def text(value):
    return struct.pack("<B", len(value)) + value


def encode_info(i):
    """From a dictionary whose keys are the words of SPEC section 2."""
    tail = i["device_id"] + struct.pack("<HHIIHBH", i["policy"], i["ring"], i["arena"], i["erase_block"],
                                        i["program_unit"], i["erased_value"], i["erases_left"])
    tail += text(i["hardware"])
    r = i["running"]
    tail += struct.pack("<BBBHI", r["slot"], r["state"], r["reason"], r["detail"], r["generation"]) + r["digest"]
    tail += struct.pack("<B", len(i["slots"]))
    for s in i["slots"]:
        tail += struct.pack("<BBHIIHI", s["state"], s["reason"], s["detail"], s["generation"], s["package_id"],
                            s["durable_chunks"], s["erase_count"])
        tail += s["digest"] + text(s["name"]) + text(s["version"])
    for tensors in (i["inputs"], i["outputs"]):
        tail += struct.pack("<B", len(tensors))
        for kind, shape in tensors:
            tail += struct.pack("<BB", kind, len(shape)) + struct.pack("<%dH" % len(shape), *shape)
    head = struct.pack("<BBHHHHHI", VERSION, i["chunk_log2"], 20 + len(tail), i["generation"], i["initial_credit"],
                       i["preferred_value"], i["manifest_max"], i["payload_max"])
    crc = zlib.crc32(head + b"\0\0\0\0" + tail)
    return head + struct.pack("<I", crc) + tail


# ---- the test -------------------------------------------------------------------------------------------------------


class Tool:
    """The C++ side: one line in, one line out."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


def show(name, fields):
    words = [name]
    for key, _ in RECORDS[name][1]:
        words.append("%s=%d" % (key, fields[key]))
    if has_bitmap(name):
        words.append("bitmap=" + fields["bitmap"].hex())
    return " ".join(words)


def expect(what, got, wanted):
    if got != wanted:
        sys.exit("FAILED %s\n  got    %s\n  wanted %s" % (what, got, wanted))


def golden_rows(spec):
    with open(spec, encoding="utf-8") as file:
        block = re.search(r"<!-- vectors -->(.*?)<!-- end -->", file.read(), re.S).group(1)
    for line in block.strip().splitlines()[2:]:
        name, fields, data = (cell.strip() for cell in line.strip("|").split("|"))
        pairs = (pair.split("=") for pair in fields.split())
        values = {k: bytes.fromhex(v) if k in ("bitmap", "payload", "page") else int(v, 0) for k, v in pairs}
        yield name, values, bytes.fromhex(data)


def check_golden(tool, spec):
    count = 0
    for name, fields, data in golden_rows(spec):
        count += 1
        if name == "fragment":
            expect(name, fragment(fields["epoch"], fields["count"], fields["payload"]), data)
            expect(name, tool.ask("fragment %d %d %s" % (fields["epoch"], fields["count"], fields["payload"].hex())),
                   data.hex())
        elif name == "chunk":
            expect(name, chunk(fields["package_id"], fields["index"], fields["page"]), data)
            expect(name, tool.ask("chunk %d %d %s" % (fields["package_id"], fields["index"], fields["page"].hex())),
                   data.hex())
        else:
            expect(name, encode(name, fields), data)
            expect(name, decode(data), (name, fields))
            expect(name, tool.ask("encode " + show(name, fields)), data.hex())
            expect(name, tool.ask("decode " + data.hex()), show(name, fields))
    if count < len(RECORDS) + 2:
        sys.exit("FAILED: SPEC.md has vectors for %d of %d messages" % (count, len(RECORDS) + 2))
    return count


def random_fields(rng, name):
    while True:
        fields = {key: rng.getrandbits({"B": 8, "H": 16, "I": 32}[code]) for key, code in RECORDS[name][1]}
        if name == "offer":
            fields.update(version=VERSION, flags=rng.randrange(4), payload_size=rng.randrange(1, 64 << 20))
        if name in REQUESTS:
            fields["flags"] = rng.randrange(2)
        if name == "accept":
            fields["chunk_log2"] = rng.randrange(8, 13)
        if "limit" in fields:
            fields["limit"] = rng.randrange(REACH + 1)
        if name == "answer":
            fields["about"] = rng.randrange(0x10, 0x15)
        if has_bitmap(name):
            fields["bitmap"] = rng.randbytes(rng.randrange(15)).rstrip(b"\0")
        if in_range(name, fields):
            return fields


def check_random(tool, rng, rounds):
    for _ in range(rounds):
        name = rng.choice(list(RECORDS))
        fields = random_fields(rng, name)
        data = encode(name, fields)
        expect("encode " + name, tool.ask("encode " + show(name, fields)), data.hex())
        expect("decode " + name, tool.ask("decode " + data.hex()), show(name, fields))
        # Any bytes at all: both sides agree on what is malformed, and on what it says otherwise.
        spoiled = bytearray(data)
        for _ in range(rng.randrange(1, 3)):
            spoiled[rng.randrange(len(spoiled))] = rng.getrandbits(8)
        spoiled = bytes(spoiled)[: rng.choice((len(spoiled), len(spoiled), len(spoiled) - 1, 1))]
        spoiled += rng.randbytes(rng.choice((0, 0, 0, 1)))
        mine = decode(spoiled)
        expect("decode " + spoiled.hex(), tool.ask("decode " + spoiled.hex()), show(*mine) if mine else "malformed")
        payload = rng.randbytes(rng.randrange(1, 492))
        epoch, count = rng.getrandbits(16), rng.getrandbits(32)
        expect("fragment", tool.ask("fragment %d %d %s" % (epoch, count, payload.hex())),
               fragment(epoch, count, payload).hex())
        page = rng.randbytes(rng.randrange(1, 600))
        expect("chunk", tool.ask("chunk %d %d %s" % (count, epoch, page.hex())), chunk(count, epoch, page).hex())


def random_info(rng):
    def tensors():
        return [(rng.choice((0, 2, 9)), [rng.getrandbits(16) for _ in range(rng.randrange(7))])
                for _ in range(rng.randrange(3))]

    slots = [dict(state=rng.randrange(9), reason=rng.getrandbits(8), detail=rng.getrandbits(16),
                  generation=rng.getrandbits(32), package_id=rng.getrandbits(32), durable_chunks=rng.getrandbits(16),
                  erase_count=rng.getrandbits(32), digest=rng.randbytes(8), name=b"gesture"[: rng.randrange(8)],
                  version=b"1.2.3"[: rng.randrange(6)]) for _ in range(rng.randrange(4))]
    running = dict(slot=rng.getrandbits(8), state=rng.randrange(9), reason=rng.getrandbits(8),
                   detail=rng.getrandbits(16), generation=rng.getrandbits(32), digest=rng.randbytes(32))
    return dict(chunk_log2=rng.randrange(8, 13), generation=rng.getrandbits(16), initial_credit=rng.getrandbits(16),
                preferred_value=rng.randrange(20, 513), manifest_max=rng.getrandbits(16),
                payload_max=rng.getrandbits(32), device_id=rng.randbytes(16), policy=rng.getrandbits(16),
                ring=rng.getrandbits(16), arena=rng.getrandbits(32), erase_block=rng.getrandbits(32),
                program_unit=rng.getrandbits(16), erased_value=rng.getrandbits(8), erases_left=rng.getrandbits(16),
                hardware=b"nano33ble"[: rng.randrange(10)], running=running, slots=slots, inputs=tensors(),
                outputs=tensors())


def check_info(tool, rng, rounds):
    for _ in range(rounds):
        value = encode_info(random_info(rng))
        expect("info", tool.ask("info " + value.hex()), value.hex())
        spoiled = bytearray(value)
        spoiled[rng.randrange(20, len(value))] ^= 1 << rng.randrange(8)
        expect("spoiled info", tool.ask("info " + bytes(spoiled).hex()), "malformed")


def main():
    tool_path, spec = sys.argv[1:3]
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    rng = random.Random(seed)
    tool = Tool(tool_path)
    count = check_golden(tool, spec)
    check_random(tool, rng, 2000)
    check_info(tool, rng, 300)
    print("%d golden vectors, 2000 random messages and 300 Info values agree (seed %d)" % (count, seed))


if __name__ == "__main__":
    main()
