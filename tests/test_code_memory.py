"""A process lets go of what it has mapped of programs and libraries, and goes on with what it needs."""

import json
import mmap
import subprocess
import sys

from falcohost.code_memory import _unwritten

SCRIPT = """
import ctypes, decimal, json, math, mmap, sqlite3, sys, unicodedata, zlib
import falcohost.host.agent
from falcohost.code_memory import give_back, know_programs
from falcohost.testing.rollup import kib

# What is mapped of another file may give way to something else.
with open(sys.argv[1], "rb") as file:
    read = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
place = next(line for line in open("/proc/self/maps") if sys.argv[1] in line).partition("-")[0]
know_programs()
size = len(read)
read.close()
call = ctypes.CDLL(None, use_errno=True).mmap
call.restype = ctypes.c_void_p
call.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long)
MAP_FIXED_NOREPLACE = 0x100000
made = call(int(place, 16), size, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)
ctypes.memset(made, 7, size)

def work():
    database = sqlite3.connect(":memory:")
    (one,) = database.execute("SELECT sum(value) FROM json_each('[1, 2, 3]')").fetchone()
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 4)(3, 1, 2, 0)
    ctypes.CDLL(None).qsort(numbers, 4, 4, compare(lambda a, b: a[0] - b[0]))
    text = zlib.decompress(zlib.compress(b"text" * 9)).decode()
    return [one, [*numbers], text, str(decimal.Decimal(2).sqrt())[:6], round(math.gamma(5)), unicodedata.name("x")]

first = work()
before = kib("Pss_File")
give_back()
after = kib("Pss_File")
again = [work() == first for _ in range(3) if give_back() is None]
print(json.dumps([before, after, again, ctypes.string_at(made, size) == bytes([7]) * size]))
"""


def test_what_was_mapped_of_programs(tmp_path):
    """It takes less memory afterwards and does the same; what came in place of another file stays."""
    path = tmp_path / "file"
    path.write_bytes(bytes(mmap.PAGESIZE * 3))
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], check=True, capture_output=True, text=True)
    before, after, again, stays = json.loads(done.stdout)

    assert ([True] * 3, True) == (again, stays)
    assert before > after + 300, (before, after)


SMAPS = """\
00400000-00420000 r--p 00000000 fe:00 155763                             /usr/bin/python3.13
Anonymous:             0 kB
00420000-0073e000 r-xp 00020000 fe:00 155763                             /usr/bin/python3.13
Anonymous:             0 kB
009f1000-009f2000 r--p 005f0000 fe:00 155763                             /usr/bin/python3.13
Anonymous:             4 kB
009f2000-00a83000 rw-p 005f1000 fe:00 155763                             /usr/bin/python3.13
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 fe:00 12                         /etc/a file
Anonymous:             0 kB
7f0000001000-7f0000002000 r-xp 00000000 00:00 0                          [vdso]
Anonymous:             0 kB
7f0000002000-7f0000003000 r--p 00000000 00:00 0
Anonymous:             0 kB
"""


def test_what_is_let_go_of():
    """Only what can be run of a file and what is only read of the same one, unless the linker has written to it."""
    assert [(0x400000, 0x20000), (0x420000, 0x31E000)] == _unwritten(SMAPS.splitlines())
