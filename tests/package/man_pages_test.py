#!/usr/bin/env python3
"""The manual pages against the programs: every command and option that `--help` tells is in the page where it belongs,
and the page names none that is not there. Where groff is at hand, the pages are also set without a warning.

    man_pages_test.py ROOST ROOSTD REPOSITORY
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

ROOST, ROOSTD, REPOSITORY = sys.argv[1:4]


def help_of(*command):
    return subprocess.run([*command, "--help"], check=True, text=True, stdout=subprocess.PIPE).stdout


def options_of(text):
    """The long options in what --help prints."""
    lines = re.findall(r"^  (-\S+)", text, re.MULTILINE)
    return {option for line in lines for option in re.findall(r"--([a-z][a-z-]*)", line)}


def page(name):
    with open(os.path.join(REPOSITORY, "host/man", name)) as file:
        return file.read()


def options_in(text):
    return set(re.findall(r"(?:Fl| ,|\|) -([a-z][a-z-]*)", text))


class Pages(unittest.TestCase):
    def test_roost(self):
        text = page("roost.1")
        general, _, commands = text.partition(".Sh COMMANDS\n")
        commands = commands.partition("\n.Sh ")[0]
        sections = {}
        for section in re.split(r"^\.Ss ", commands, flags=re.MULTILINE)[1:]:
            title, _, body = section.partition("\n")
            for command in title.split(", "):
                sections[command] = body
        listed = set(re.findall(r"^  ([a-z]+) ", help_of(ROOST).partition("Subcommands:\n")[2], re.MULTILINE))
        self.assertEqual(set(sections), listed)
        for option in options_of(help_of(ROOST)):
            self.assertIn(option, options_in(general))
        for command in listed:
            told = options_of(help_of(ROOST, command)) - {"help"}
            named = options_in(sections[command]) - {"help"}
            if command == "deploy":  # "takes the options of push that tell about the model"
                named |= told & options_in(sections["push"])
            self.assertEqual(named, told, command)

    def test_roostd(self):
        self.assertEqual(options_in(page("roostd.8")), options_of(help_of(ROOSTD)))

    @unittest.skipUnless(shutil.which("groff"), "no groff here")
    def test_they_are_set_without_a_warning(self):
        for name in ("roost.1", "roostd.8"):
            run = subprocess.run(["groff", "-mandoc", "-ww", "-z", "-Tutf8", os.path.join(REPOSITORY, "host/man", name)],
                                 text=True, stderr=subprocess.PIPE)
            self.assertEqual((run.returncode, run.stderr), (0, ""), name)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
