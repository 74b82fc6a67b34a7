"""Tests what becomes of a process's memory before it forks others."""

import json
import subprocess
import sys

SCRIPT = """
import json, os, sys
from falcohost.host.memory import fill_holes, settle

def dirty():
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))

def copied():
    reads, writes = os.pipe()
    if os.fork() == 0:
        before = dirty()
        kept = [bytes(size) for _ in range(200) for size in (20, 90, 200, 400, 700, 1500, 3000)]
        os.write(writes, str(dirty() - before).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reads, 20))

# One free place among many that are taken.
kept = [bytes(size) for _ in range(20000) for size in (20, 90, 200, 400, 700, 1500, 3000)]
del kept[:: 7 * 8 + 1]
settle()
found = [copied()]
fill_holes()
print(json.dumps([*found, copied()]))
"""


def test_forks_allocate_apart_from_what_they_share():
    """What a fork allocates needs no copies of the pages that it shares, once the holes in these are filled."""
    run = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)
    before, after = json.loads(run.stdout)

    needed = 200 * (20 + 90 + 200 + 400 + 700 + 1500 + 3000) / 1024
    assert needed * 1.5 > after
    assert before > after * 1.5
