"""The processes that descend from another one, which an agent's processes and its outputs' programs do."""

from __future__ import annotations

import contextlib
from pathlib import Path


def below(pid: int) -> dict[int, str]:
    """Return the names of the processes that descend from this one, by process id."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            head, _, rest = stat.read_text().rpartition(")")
            one = int(stat.parent.name)
            parents[one], names[one] = int(rest.split()[1]), head.partition("(")[2]

    def descends(one: int) -> bool:
        return one != 0 and (parents.get(one) == pid or descends(parents.get(one, 0)))

    return {one: name for one, name in sorted(names.items()) if descends(one)}
