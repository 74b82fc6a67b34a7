"""The table of cgroups tells what was put into it, and takes little memory however many there were."""

import subprocess
import sys

import pytest

from falcohost_syscall.processes.cgroup_table import LEFT, LIMIT, CgroupTable

#: What is found behind most keys, and behind another one.
USUAL, OTHER = "host", "container"


@pytest.mark.parametrize("found", [USUAL, OTHER])
@pytest.mark.parametrize("cgroups", [(), ("=/one",), ("=/one", "cpu=/two")])
def test_what_is_remembered(found, cgroups):
    """It is what was told, with any number of cgroups, of the usual and of anything else."""
    table = CgroupTable(USUAL)
    table.set(7, found, cgroups)

    assert (found, cgroups) == (table.get(7), table.cgroups(7))
    told = table.known()[7]
    assert cgroups == ((told,) if isinstance(told, str) else told)


def test_what_is_unknown():
    """It is the usual, in no cgroup."""
    table = CgroupTable(USUAL)

    assert (USUAL, ()) == (table.get(7), table.cgroups(7))


def test_who_uses_a_key_is_asked_only_where_room_is_short():
    """Answering takes a look at every process."""
    table = CgroupTable(USUAL)
    for key in range(LIMIT):
        assert [] == table.make_room_for(key, lambda: pytest.fail("asked"))
        table.set(key, USUAL, ("=/x",))
    forgotten = table.make_room_for(LIMIT, lambda: {0, 1})

    assert [*range(2, 2 + LIMIT - LEFT)] == forgotten
    assert [0, 1] == [*table.known()][-2:]


FILLED = """
import sys
import tracemalloc
from falcohost_syscall.processes.cgroup_table import LIMIT, CgroupTable

table, key = CgroupTable("host"), 1 << 62
tracemalloc.start()
for key in range(key, key + 6 * LIMIT):
    table.make_room_for(key, frozenset)
    table.set(key, "host", (f"=/made/{key}",))
print(tracemalloc.get_traced_memory()[0] // LIMIT)
"""


def test_a_cgroup_on_the_host_takes_little_memory():
    """It takes less than 180 bytes, its text of 70 among them, also where many more have come and gone."""
    run = subprocess.run([sys.executable, "-c", FILLED], check=True, capture_output=True, text=True)

    assert 180 > int(run.stdout)
