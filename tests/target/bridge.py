"""Between `roost` and an emulated board: a socket like the simulated device's on one side, two FIFOs on the other.

The board asks and the bridge answers (firmware/stream_link.h). One central at a time; others wait in the socket's queue.
"""
import os
import pathlib
import socket
import struct
import subprocess
import threading
import time

GONE, END = 0xFFFF, 0xFFFE


class Board:
    """A running device_test image, reachable at sim:`socket_path`."""

    def __init__(self, image, folder, flash_in=None, count=True):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket_path = self.folder / "board.sock"
        self.flash, self.log, self.counts = (self.folder / name for name in ("flash", "log", "counts"))
        from_host, to_host = self.folder / "from_host", self.folder / "to_host"
        os.mkfifo(from_host)
        os.mkfifo(to_host)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.socket_path))
        self.listener.listen(4)
        self.listener.setblocking(False)
        self.central, self.ending, self.busy_until = None, False, 0
        plugins = []
        if count:
            ends = ["", "_receive", "_activate", "_infer"]
            plugins = [("count", [("begin", image.symbol("roost_count_begin")), ("out", self.counts)] +
                        [("end", image.symbol(f"roost_count_end{end}")) for end in ends])]
        self.process = subprocess.Popen(
            image.command([from_host, to_host, flash_in or "-", self.flash, self.log], plugins),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.to_board = open(from_host, "wb", buffering=0)
        self.from_board = open(to_host, "rb", buffering=0)
        self.started = time.monotonic()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def read(self, size):
        data = b""
        while len(data) < size:
            piece = self.from_board.read(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def serve(self):
        try:
            while True:
                size, = struct.unpack("<H", self.read(2))
                if size == 0:
                    record = self.next_record()
                    self.to_board.write(struct.pack("<IH", self.now_ms(), record if isinstance(record, int)
                                                    else len(record)) + (b"" if isinstance(record, int) else record))
                else:
                    self.send(self.read(size))
        except (EOFError, BrokenPipeError):
            pass

    def now_ms(self):
        return int((time.monotonic() - self.started) * 1000) & 0xFFFFFFFF

    def send(self, datagram):
        try:
            if self.central:
                self.central.setblocking(True)
                self.central.send(datagram)
        except OSError:
            pass  # it hung up; next_record will see that

    def next_record(self):
        """What there is for the board: a datagram, or a number that says something else."""
        if self.ending:
            return END
        if not self.central:
            try:
                self.central, _ = self.listener.accept()
            except BlockingIOError:
                time.sleep(0.0005)
                return 0
        self.central.setblocking(False)
        try:
            datagram = self.central.recv(1024)
        except BlockingIOError:
            return 0
        except OSError:
            datagram = b""
        if datagram:
            return datagram
        self.central.close()
        self.central = None
        return GONE

    def end(self):
        """Ends the emulation as the firmware would: its status and what it printed."""
        self.ending = True
        output = self.process.communicate(timeout=60)[0]
        self.thread.join(timeout=10)
        return self.process.returncode, output

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=20)

    def lines(self, word):
        text = self.log.read_text() if self.log.exists() else ""
        return [line.split() for line in text.splitlines() if line.startswith(word + " ")]
