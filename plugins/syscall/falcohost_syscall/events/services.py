"""Names of services by their ports, from this machine's ``/etc/services``.

getservbyport(3) would also ask what ``nsswitch.conf`` names, through sockets that the process with the events must not
make.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

from falcohost.regular import read_regular

FILE: Final = Path("/etc/services")

#: Most bytes of the file that is read; of a larger one nothing is known.
MOST: Final = 4 << 20


def service(port: int, protocol: str) -> str:
    """Return the name of the service on a port (https), or the number if it has none."""
    return _known(FILE).get(f"{port}/{protocol}") or str(port)


@cache
def _known(path: Path) -> dict[str, str]:
    """Return the names by port and protocol; of several, the first counts."""
    try:
        content = read_regular(str(path), MOST).decode(errors="replace")
    except (OSError, ValueError):
        return {}
    known: dict[str, str] = {}
    for line in content.splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1:
            known.setdefault(words[1], words[0])
    return known
