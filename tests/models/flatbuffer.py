"""FlatBuffers, written front to back and read back: as much as a .tflite file needs, and no schema compiler.

Every reference in a FlatBuffer points forward, so parents are laid out before their children: `serialise` walks the
tree depth first, in the order in which a table's fields were given. The caller thereby decides what lies where in
the file, and two versions of a model keep their common weights at the same offsets.

    root = Table({0: Scalar("I", 3), 3: String("hello")})
    blob = serialise(root, b"TFL3")
    TableView.of_root(blob).scalar(0, "I", 0)     # 3
"""

import struct


class Scalar:
    """One number inside a table; `code` is struct's letter (b B h H i I q f)."""

    def __init__(self, code, value):
        self.code, self.value = code, value


class String:
    def __init__(self, text):
        self.data = text.encode("utf-8")


class Vector:
    """Numbers, packed. `align` is for the first element (FlatBuffers' force_align)."""

    def __init__(self, code, values, align=4):
        self.count = len(values)
        self.data = bytes(values) if code == "B" else struct.pack(f"<{len(values)}{code}", *values)
        self.align = max(align, 8 if code in "qd" else 4)


class TableVector:
    def __init__(self, tables):
        self.tables = tables


class Table:
    """Fields by id. Absent fields read as the schema's default."""

    def __init__(self, fields):
        self.fields = fields


class _Layout:
    def __init__(self):
        self.out = bytearray()
        self.vtables = {}

    def align(self, boundary, lead=0):
        """Pads so that `lead` bytes from here is a multiple of `boundary`."""
        while (len(self.out) + lead) % boundary:
            self.out.append(0)

    def place(self, node):
        """Appends `node` and everything below it; returns where it starts."""
        if isinstance(node, Table):
            return self._table(node)
        if isinstance(node, TableVector):
            return self._table_vector(node)
        if isinstance(node, String):
            self.align(4)
            at = len(self.out)
            self.out += struct.pack("<I", len(node.data)) + node.data + b"\0"
            return at
        self.align(node.align, lead=4)
        at = len(self.out)
        self.out += struct.pack("<I", node.count) + node.data
        return at

    def _refer(self, at, child):
        struct.pack_into("<I", self.out, at, self.place(child) - at)

    def _table_vector(self, node):
        self.align(4)
        at = len(self.out)
        self.out += struct.pack("<I", len(node.tables)) + bytes(4 * len(node.tables))
        for i, table in enumerate(node.tables):
            self._refer(at + 4 + 4 * i, table)
        return at

    def _table(self, node):
        # The widest fields come first, so that none needs padding before it.
        def width(value):
            return struct.calcsize(value.code) if isinstance(value, Scalar) else 4

        order = sorted(node.fields, key=lambda field: (-width(node.fields[field]), field))
        assert all(width(value) <= 4 for value in node.fields.values()), "8-byte fields are not needed here"
        offsets, size = {}, 4
        for field in order:
            offsets[field] = size
            size += width(node.fields[field])
        slots = [offsets.get(field, 0) for field in range(max(offsets) + 1)] if offsets else []
        vtable = struct.pack(f"<{2 + len(slots)}H", 4 + 2 * len(slots), size, *slots)
        if vtable not in self.vtables:
            self.align(2)
            self.vtables[vtable] = len(self.out)
            self.out += vtable
        self.align(4)
        at = len(self.out)
        self.out += struct.pack("<i", at - self.vtables[vtable]) + bytes(size - 4)
        for field, value in node.fields.items():
            if isinstance(value, Scalar):
                struct.pack_into("<" + value.code, self.out, at + offsets[field], value.value)
        for field, value in node.fields.items():
            if not isinstance(value, Scalar):
                self._refer(at + offsets[field], value)
        return at


def serialise(root, identifier):
    layout = _Layout()
    layout.out += bytes(4) + identifier
    layout._refer(0, root)
    layout.align(4)
    return bytes(layout.out)


class TableView:
    """Reads one table of a file that is trusted (our own, or a test's); a broken file raises struct.error."""

    def __init__(self, blob, at):
        self.blob, self.at = blob, at

    @classmethod
    def of_root(cls, blob):
        return cls(blob, struct.unpack_from("<I", blob, 0)[0])

    def _where(self, field):
        vtable = self.at - struct.unpack_from("<i", self.blob, self.at)[0]
        if 4 + 2 * field >= struct.unpack_from("<H", self.blob, vtable)[0]:
            return 0
        offset = struct.unpack_from("<H", self.blob, vtable + 4 + 2 * field)[0]
        return self.at + offset if offset else 0

    def _target(self, field):
        where = self._where(field)
        return where + struct.unpack_from("<I", self.blob, where)[0] if where else 0

    def scalar(self, field, code, default):
        where = self._where(field)
        return struct.unpack_from("<" + code, self.blob, where)[0] if where else default

    def table(self, field):
        target = self._target(field)
        return TableView(self.blob, target) if target else None

    def vector(self, field, code):
        target = self._target(field)
        if not target:
            return ()
        count = struct.unpack_from("<I", self.blob, target)[0]
        return struct.unpack_from(f"<{count}{code}", self.blob, target + 4)

    def data(self, field):
        """A byte vector as bytes, and its offset in the file."""
        target = self._target(field)
        if not target:
            return b"", 0
        count = struct.unpack_from("<I", self.blob, target)[0]
        return bytes(self.blob[target + 4:target + 4 + count]), target + 4

    def text(self, field):
        return self.data(field)[0].decode("utf-8")

    def tables(self, field):
        target = self._target(field)
        if not target:
            return []
        count = struct.unpack_from("<I", self.blob, target)[0]
        starts = (target + 4 + 4 * i for i in range(count))
        return [TableView(self.blob, start + struct.unpack_from("<I", self.blob, start)[0]) for start in starts]
