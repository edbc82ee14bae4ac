"""Runs one firmware image to its exit: run.py --build FOLDER BOARD IMAGE [argument ...]"""
import argparse
import sys

import qemu

parser = argparse.ArgumentParser()
parser.add_argument("--build", required=True)
parser.add_argument("board", choices=qemu.MACHINES)
parser.add_argument("image")
parser.add_argument("arguments", nargs="*")
options = parser.parse_args()
status, text = qemu.Image(options.build, options.board, options.image).run(options.arguments)
print(text, end="")
sys.exit(status)
