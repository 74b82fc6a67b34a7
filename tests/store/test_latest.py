"""The last alerts of a store, in memory."""

import json
import subprocess
import sys

from falcohost.host.uplink import MOST_GATHERED

#: A store whose outputs keep up, then do not for a moment; by how many KiB of memory that leaves the process larger.
SCRIPT = """
import sys
from pathlib import Path
import msgspec
from falcohost.host.memory import settle, trim
from falcohost.store.arrival import Arrival
from falcohost.store.body import encode
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.outputs import alert
from falcohost.testing.rollup import kib

def memory():
    trim()
    return kib("Anonymous")

def add():
    numbers = range(store.last, store.last + 10)
    fields = [{f"field{place}": f"the value {place} of {number}" for place in range(8)} for number in numbers]
    one = alert("opened")
    several = [msgspec.structs.replace(one, id=f"id{number:030}", fields=of) for number, of in zip(numbers, fields)]
    store.append([Arrival("source", several, number=1, bodies=[*map(encode, several)])])

store = Store(Path(sys.argv[1]), Limits())
store.subscribe("output")
settle()
for _ in range(1000):
    add()
    store.answer("output", store.last)
before = memory()
for _ in range(60):
    add()
assert len(store.recent(store.last - 500)) == 500
store.answer("output", store.last)
print(memory() - before)
"""


def test_a_moment_in_which_outputs_are_slow(path):
    """What is kept for outputs that do not keep up leaves the process hardly larger: it is not kept decoded."""
    run = subprocess.run([sys.executable, "-c", SCRIPT, path], check=True, capture_output=True, text=True)

    assert 450 > json.loads(run.stdout)


def test_all_of_a_message_is_there(store, arrival):
    """What a worker sends at once, and the same once more, is there for outputs that have not taken the first yet."""
    for begin in (0, MOST_GATHERED):
        store.append([arrival(*map(str, range(begin, begin + MOST_GATHERED)))])

    assert 2 * MOST_GATHERED == len(store.recent(0))
