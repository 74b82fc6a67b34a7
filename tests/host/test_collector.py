"""When a worker returns freed memory to the system."""

import json
import subprocess
import sys

SCRIPT = """
import json
from falcohost.host.work import _Collector
from falcohost.testing.rollup import kib

def compiled():
    blocks = [bytes(1024) for _ in range(20_000)]
    kept = blocks[::64]
    del blocks
    return kept

collector, kept, found = _Collector(), [], []
for number in range(1, 121):
    if number in (1, 8, 70):
        kept.append(compiled())
    busy = kib("Pss_Anon")
    collector.collect()
    if busy - kib("Pss_Anon") > 10_000:
        found.append(number)
print(json.dumps(found))
"""


def test_what_compiling_has_taken():
    """It is returned at calls that are ever further apart at first, and then once a minute."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True)

    assert [1, 8, 120] == json.loads(done.stdout)
