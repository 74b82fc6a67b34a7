"""Generated filters are the same in every process, whatever seed its hashes have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[3]

#: Prints each program and each table of the filters of our own rules, and of random ones.
WRITES = """
import os
from pathlib import Path
from random import Random

import random_events
import random_rules
from falcohost.engine.code.specialise import specialise
from falcohost.engine.ir import Or
from falcohost.engine.plan import make_plan
from falcohost.host.catalogs import catalogs, event_types
from falcohost.host.plugins import load_plugins
from falcohost.rules.loader import LoadOptions, load_rules, read_file
from falcohost_syscall import rules
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS
from falcohost_syscall.filters.load import compiled
from falcohost_syscall.filters.site import SiteMaps
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.decide import decide
from falcohost_syscall.pushdown.necessary import necessary
from falcohost_syscall.pushdown.plan import conditions


class Printing:
    has_may_goto = True

    def program(self, code, *more):
        print("program", code.hex())
        return self._descriptor()

    def hash(self, keys, size):
        print("hash", size, *sorted(key.hex() for key in keys))
        return self._descriptor()

    def trie(self, keys, size):
        print("trie", size, *sorted((key.hex(), bits) for key, bits in keys))
        return self._descriptor()

    def table(self, value):
        print("table", value.hex())
        return self._descriptor()

    def close(self, descriptor):
        os.close(descriptor)

    def _descriptor(self):
        return os.open("/dev/null", os.O_RDONLY)


def write(name, condition):
    print(name)
    found = compiled(condition, Printing(), SiteMaps(1000, 1001, 1002), OF_CALLS)
    for fd in found.programs.values():
        os.close(fd)


users = Users()
plugins = load_plugins([])
options = LoadOptions(event_types=event_types(plugins), plugins=plugins.stands_for())
files = sorted(Path(rules.__path__[0]).glob("*.yaml"))
outcome = load_rules([read_file(str(file)) for file in files], catalogs(plugins), options)
for name, condition in conditions(make_plan("syscall", outcome.ruleset.enabled("syscall")), users).items():
    write(name, condition)
random = Random("order")
for _ in range(150):
    expr = Or(tuple(random_rules.condition(random) for _ in range(4)))
    name = random.choice(random_events.EVENT_TYPES)
    write(name, necessary(specialise(expr, name), decide(BY_NAME[name], users)))
"""


def written(seed: int) -> list[str]:
    """Return what a process with this seed of its hashes writes."""
    path = os.pathsep.join(map(str, (HERE, HERE.parent, ROOT / "bench")))
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": path}
    ran = subprocess.run([sys.executable, "-c", WRITES], env=environment, capture_output=True, text=True, check=False)
    assert not ran.stderr
    return ran.stdout.splitlines()


def test_filters_are_the_same_with_any_seed():
    """Two processes whose hashes have other seeds write the same programs and the same tables."""
    first, second = written(1), written(2)

    assert len(first) > 300
    assert any(line.startswith("table") for line in first)
    assert [] == [number for number, (one, other) in enumerate(zip(first, second, strict=True)) if one != other]
