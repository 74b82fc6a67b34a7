"""The table of cgroups tells what was put into it, and takes little memory however many there were."""

import subprocess
import sys
import tracemalloc

import pytest

from falcohost_syscall.processes.cgroup_table import LEFT, LIMIT, CgroupTable
from falcohost_syscall.processes.containers import Containers

ID = "0123456789abcdef" * 4
SHORT = ID[:12]

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


def test_many_cgroups_push_out_none_of_a_running_process():
    """Of too many cgroups those are forgotten of which no process runs, the oldest first; others only if need be."""
    containers = Containers()
    containers.used = lambda: {1, 2}
    for key in (1, 2):
        containers.learn(key, [f"=/docker/{ID}"])
    for key in range(3, 3 * LIMIT):
        containers.learn(key, ["=/other"])

    assert [SHORT, SHORT, "host"] == [containers.get(key).id for key in (1, 2, 3)]
    assert LEFT <= len(containers.known()) <= LIMIT
    assert 3 * LIMIT - 1 in containers.known()
    assert 0 == containers.dropped


def test_too_many_cgroups_of_running_processes():
    """Then the oldest are forgotten, and counted."""
    containers = Containers()
    containers.used = lambda: range(LIMIT * 2)
    for key in range(LIMIT + 10):
        containers.learn(key, ["=/other"])

    assert (LIMIT, 10) == (len(containers.known()), containers.dropped)
    containers.learn(LIMIT, ["=/again"])
    assert [LIMIT - 1, LIMIT + 9, LIMIT] == [[*containers.known()][place] for place in (-11, -2, -1)]


def test_a_cgroup_that_comes_to_life_again():
    """A cgroup is remembered for longer after its last process than the kernel remembers that it has told of it."""
    containers, used = Containers(exists=lambda claim: False), {1}
    containers.used = lambda: used
    containers.learn(1, [f"=/docker/{ID}"])
    for key in range(2, 2 * LIMIT):
        containers.learn(key, ["=/gone"])
    used.clear()
    for key in range(2 * LIMIT, 2 * LIMIT + 4096):
        containers.learn(key, ["=/gone"])

    assert "docker" == containers.get(1).type
    for key in range(3 * LIMIT, 5 * LIMIT):
        containers.learn(key, ["=/gone"])
    assert 1 not in containers.known()


def test_what_cgroups_have_in_common_is_remembered_once():
    """Of a dozen hierarchies in which many cgroups are the same, each is one text for all of them."""
    containers = Containers(lambda claim: False)
    tracemalloc.start()
    for key in range(1, 2001):
        containers.learn(key, [*(f"hierarchy{number}=/{'x' * 80}" for number in range(11)), f"pids=/one-{key}"])
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()

    assert 12 == len(containers.cgroups(2000))
    assert size < 3_000_000
