"""Running firmware in QEMU: the board's command line, symbols of an image, one run to its exit."""
import pathlib
import subprocess

MACHINES = {
    "microbit": ("m0", ["-M", "microbit"]),
    "mps2-an386": ("m4f", ["-M", "mps2-an386"]),
}


def dict_items(options):
    return options.items() if isinstance(options, dict) else options


class Image:
    """A firmware image of the build folder (or the .elf named), and where its symbols are."""

    def __init__(self, build, board, name):
        cpu, self.machine = MACHINES[board]
        self.path = pathlib.Path(name)
        if self.path.suffix != ".elf":
            self.path = pathlib.Path(build) / f"target-{cpu}" / "tests/target/firmware" / f"{name}.elf"
        self.plugins = pathlib.Path(build) / "tests/target"

    def symbol(self, name):
        listing = subprocess.run(["arm-none-eabi-nm", "-C", self.path], check=True, capture_output=True, text=True)
        for line in listing.stdout.splitlines():
            words = line.split(maxsplit=2)
            if len(words) == 3 and words[2] == name:
                return int(words[0], 16) & ~1
        raise KeyError(f"{self.path.name} has no symbol {name}")

    def command(self, arguments=(), plugins=(), extra=()):
        """`arguments` reach the firmware; `plugins` are (name, {option: value} or pairs)."""
        semihosting = "enable=on,target=native,arg=roost" + "".join(f",arg={a}" for a in arguments)
        line = ["qemu-system-arm", *self.machine, "-display", "none", "-monitor", "none", "-serial", "none",
                "-semihosting-config", semihosting, "-kernel", str(self.path), *extra]
        for name, options in plugins:
            settings = "".join(f",{key}={value}" for key, value in dict_items(options))
            line += ["-plugin", f"{self.plugins / (name + '.so')}{settings}"]
        return line

    def run(self, arguments=(), plugins=(), timeout=120):
        """One run to the firmware's own exit: its status and what it printed."""
        done = subprocess.run(self.command(arguments, plugins), capture_output=True, text=True, timeout=timeout)
        return done.returncode, done.stdout + done.stderr
