#!/usr/bin/python3
"""What the gnu++14 archives link: nothing but one another, a few C functions, and no writable data of their own.

    symbols.py ARCHIVE...    prints each offence and exits with 1 if there is any; together they are one program
    symbols.py --self-test   shows that each kind of offence is caught

An undefined symbol outside the list below is operator new, an exception, a clock or a piece of libstdc++ by another
name. Writable data is a mutable static, or a constant that needs code to run before main.
"""

import os
import re
import subprocess
import sys
import tempfile

ALLOWED = re.compile(
    r"mem(cpy|set|move|cmp|chr)|strlen|strn?cmp|strncpy"
    r"|(exp|log|tanh|sqrt|pow|round|floor|ceil|fmod|fabs|f?max|f?min)f"  # float32 kernels; never the double ones
    r"|_GLOBAL_OFFSET_TABLE_|__stack_chk_fail"  # the compiler's
    r"|__cxa_pure_virtual"  # a seam's empty slot; every core has it, and nothing calls it
)
WRITABLE = re.compile(r"\.(data(?!\.rel\.ro)|bss|tdata|tbss)|\*COM\*|\.init_array|\.ctors")


def nm(files):
    return subprocess.run(["nm", "-f", "sysv", "-C", *files], check=True, capture_output=True, text=True).stdout


def symbols(listing):
    """From `nm -f sysv -C`: (archive member, name, class, section)."""
    member = ""
    for line in listing.splitlines():
        heading = re.match(r"(?:Undefined symbols|Symbols) from (.*):$", line)
        if heading:
            member = heading.group(1)
        columns = line.rsplit("|", 6)
        if len(columns) == 7 and columns[2].strip() != "Class":
            yield member, columns[0].strip(), columns[2].strip(), columns[6].strip()


def offences(listing):
    table = list(symbols(listing))
    defined = {name for _, name, kind, _ in table if kind.upper() not in ("U", "W") or kind == "W"}
    for member, name, kind, section in table:
        if kind == "U" and name not in defined and not ALLOWED.fullmatch(name):
            yield f"{member}: links {name}"
        if WRITABLE.match(section):
            yield f"{member}: {name} is writable data ({section})"


def check(archives):
    unbuilt = [archive for archive in archives if not os.path.exists(archive)]
    if unbuilt:
        print("not built:", *unbuilt)
        return 1
    listing = nm(archives)
    if not any(kind == "T" for _, _, kind, _ in symbols(listing)):
        print("nothing defined in", *archives)
        return 1
    found = sorted(set(offences(listing)))
    print(*found, f"{len(archives)} archives, {len(found)} offences", sep="\n")
    return 1 if found else 0


BAD = """
int counter;
int started = 3;
const int early = counter + 1;
int* heap() { return new int; }
void gone(int* p) { delete p; }
void thrower() { throw 1; }
extern "C" { void* malloc(decltype(sizeof 0)); long time(long*); double exp(double); int printf(const char*, ...); }
void* c_heap() { return malloc(3); }
long now() { return time(nullptr); }
double wide(double x) { return exp(x); }
int say() { return printf("%d", 1); }
struct Guarded { Guarded(); ~Guarded(); };
Guarded& single() { static Guarded one; return one; }
"""
WANTED = ("counter", "started", "operator new", "operator delete", "__cxa_throw", "malloc", "time", "exp", "printf",
          "__cxa_atexit", "Guarded::Guarded()", "single()::one")
GOOD = """
extern "C" void* memcpy(void*, const void*, decltype(sizeof 0));
extern "C" float expf(float);
struct Seam { virtual int f() = 0; };
struct Real : Seam { int f() override { return 1; } };
const char* const kNames[] = {"a", "b"};
static const int kTable[] = {1, 2, 3};
int twice(int x);
int user(int x) { Real r; Seam& s = r; return s.f() + kTable[x & 1] + kNames[x & 1][0] + twice(x); }
int twice(int x) { return 2 * x; }
float g(float x) { return expf(x); }
"""


def listing_of(source):
    with tempfile.TemporaryDirectory() as folder:
        command = ["g++", "-std=gnu++14", "-O1", "-w", "-x", "c++", "-c", "-", "-o", folder + "/sample.o"]
        subprocess.run(command, input=source.encode(), check=True)
        return nm([folder + "/sample.o"])


def self_test():
    found = "\n".join(offences(listing_of(BAD)))
    missed = [what for what in WANTED if not re.search(rf"(links |: ){re.escape(what)}", found)]
    accused = list(offences(listing_of(GOOD)))
    print(f"not caught: {missed}; wrongly accused: {accused}")
    return 1 if missed or accused else 0


if __name__ == "__main__":
    sys.exit(self_test() if sys.argv[1:] == ["--self-test"] else check(sys.argv[1:]))
