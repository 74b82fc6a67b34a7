"""Tests what becomes of a process's memory before it forks others."""

import json
import subprocess
import sys

SCRIPT = """
import json
from falcohost.host.memory import fill_holes, settle
from falcohost.testing.rollup import copied

def blocks(number):
    return [bytes(size) for _ in range(number) for size in (20, 90, 200, 400, 700, 1500, 3000)]

# One free place among many that are taken.
kept = blocks(20000)
del kept[:: 7 * 8 + 1]
settle()
found = [copied(lambda: blocks(200))]
fill_holes()
print(json.dumps([*found, copied(lambda: blocks(200))]))
"""


def test_forks_allocate_apart_from_what_they_share():
    """What a fork allocates needs no copies of the pages that it shares, once the holes in these are filled."""
    run = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)
    before, after = json.loads(run.stdout)

    needed = 200 * (20 + 90 + 200 + 400 + 700 + 1500 + 3000) / 1024
    assert needed * 1.5 > after
    assert before > after * 1.5


TRIMMED = """
from falcohost.clock import Clock
from falcohost.host.trimming import PAUSE, Trimming
from falcohost.testing.rollup import kib

now = 0.0

class Stopped(Clock):
    def monotonic(self):
        return now

trimming = Trimming(Stopped())
assert trimming.left is None
blocks = [bytes(1024) for _ in range(40_000)]
trimming.used()
del blocks[1::16], blocks[1::15], blocks[1::14], blocks[1::13]
kept = blocks[::64]
blocks.clear()
busy = kib("Pss_Anon")
assert trimming.left == PAUSE
now = PAUSE - 1
trimming.now_and_then()
early = kib("Pss_Anon")
now = PAUSE
trimming.now_and_then()
assert trimming.left is None
print(busy, early, kib("Pss_Anon"))
"""


def test_what_a_busy_moment_has_needed():
    """What was freed among what is kept goes back to the system a while after memory was used, and not before."""
    run = subprocess.run([sys.executable, "-c", TRIMMED], check=True, capture_output=True, text=True)
    busy, early, late = map(int, run.stdout.split())

    assert early > busy - 2_000
    assert late < busy - 20_000
