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


NUMBERS = """
import json
from falcohost.host.memory import fill_holes, settle
from falcohost.testing.rollup import copied

# One free place in a hundred.
numbers = [0.5 + one for one in range(200_000)]
del numbers[::100]
settle()

def make():
    return [0.25 + one for one in range(2000)]

found = [copied(make)]
fill_holes()
print(json.dumps([*found, copied(make)]))
"""


def test_numbers_take_no_holes():
    """What a fork computes needs no copies of the pages that it shares."""
    run = subprocess.run([sys.executable, "-c", NUMBERS], check=True, capture_output=True, text=True)
    before, after = json.loads(run.stdout)

    assert before > 4000, before
    assert 800 > after, after


KEPT = """
import json
from falcohost.host.memory import fill_holes, settle
from falcohost.testing.rollup import copied

def blocks():
    return [bytes(size) for size in range(520, 980, 16) for _ in range(7)]

kept, others = [], []
for size in range(520, 980, 16):
    for _ in range(7):
        kept.append(bytes(size))
        others.append(bytes(5000))
settle()
kept.clear()
found = [copied(blocks)]
fill_holes()
print(json.dumps([*found, copied(blocks)]))
"""


def test_what_malloc_keeps_of_each_size():
    """Blocks that were freed and that malloc(3) keeps for the thread are no places for what a fork allocates."""
    run = subprocess.run([sys.executable, "-c", KEPT], check=True, capture_output=True, text=True)
    before, after = json.loads(run.stdout)

    assert before > 600, before
    assert 400 > after, after


TRIMMED = """
from falcohost.clock import Clock
from falcohost.host.trimming import EARLY, PAUSE, Trimming
from falcohost.testing.rollup import kib

now = 0.0

class Stopped(Clock):
    def monotonic(self):
        return now

freed = []
trimming = Trimming(Stopped(), lambda: freed.append(now))
lefts = [trimming.left]
for now in EARLY:
    trimming.now_and_then()
    lefts.append(trimming.left)
assert lefts == [EARLY[0], EARLY[1] - EARLY[0], None]
blocks = [bytes(1024) for _ in range(40_000)]
trimming.used()
del blocks[1::16], blocks[1::15], blocks[1::14], blocks[1::13]
kept = blocks[::64]
blocks.clear()
busy = kib("Pss_Anon")
assert trimming.left == PAUSE
now += PAUSE - 1
trimming.now_and_then()
early = kib("Pss_Anon")
now += 1
trimming.now_and_then()
assert trimming.left is None
assert freed == [EARLY[1] + PAUSE]
print(busy, early, kib("Pss_Anon"))
"""


def test_what_a_busy_moment_has_needed():
    """What was freed among what is kept goes back to the system a while after memory was used, and not before."""
    run = subprocess.run([sys.executable, "-c", TRIMMED], check=True, capture_output=True, text=True)
    busy, early, late = map(int, run.stdout.split())

    assert early > busy - 2_000
    assert late < busy - 20_000


UNUSED = """
from falcohost.host.memory import unused
from falcohost.testing.rollup import kib

before = kib("Pss_Anon")
buffers = [unused(1 << 20) for _ in range(20)]
made = kib("Pss_Anon")
for one in buffers:
    one[:100] = bytes(100)
print(before, made, kib("Pss_Anon"))
"""


def test_what_nothing_was_read_into():
    """Of memory to read into, only the pages that something was read into are taken."""
    run = subprocess.run([sys.executable, "-c", UNUSED], check=True, capture_output=True, text=True)
    before, made, used = map(int, run.stdout.split())

    assert 500 > made - before
    assert 80 <= used - made < 500


BLOCKS = """
import sys
from falcohost.host.memory import LARGE, return_large_blocks
from falcohost.testing.rollup import kib

if sys.argv[1:]:
    return_large_blocks()
bytearray(3 * LARGE)
before = kib("Pss_Anon")
block = bytearray(2 * LARGE)
del block
print(kib("Pss_Anon") - before)
"""


def test_large_blocks_go_back_at_once():
    """They are not kept for the next ones, which is what malloc(3) does once it has had to free a larger one."""
    kept, returned = (
        int(subprocess.run([sys.executable, "-c", BLOCKS, *more], check=True, capture_output=True, text=True).stdout)
        for more in ((), ("return",))
    )

    assert kept >= 500
    assert 200 > returned
