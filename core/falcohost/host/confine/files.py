"""Which files a process may open besides those that its job names: Python's own, and what connections need."""

from __future__ import annotations

import importlib.util
import itertools
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from falcohost.needs import CONNECT, INSPECT, PROGRAM, WRITE, Needs

# Libraries, time zones, certificates and facts about the machine.
_ALWAYS: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
)

# Name servers, hosts and certificates. Most are in /etc, and are replaced there, so that the folder has to do.
_CONNECTING: Final = (
    "/etc",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/run/NetworkManager",
)

_DEVICES: Final = (Path("/dev/null"),)


def readable(needs: Needs) -> tuple[Path, ...] | None:
    """Return below which paths a process with these *needs* may read; None: anywhere."""
    if needs.files is None or not needs.calls.isdisjoint((PROGRAM, INSPECT)):
        return None
    more = _CONNECTING if CONNECT in needs.calls else ()
    return (*map(Path, (*_ALWAYS, *more)), *_python(), *needs.files)


def writable(needs: Needs) -> tuple[Path, ...] | None:
    """Return below which paths a process with these *needs* may change files; None: anywhere."""
    if not needs.calls.isdisjoint((PROGRAM, INSPECT)):
        return None
    if WRITE in needs.calls:
        return None if needs.writes is None else (*_DEVICES, *needs.writes)
    return _DEVICES


def _python() -> Iterator[Path]:
    """Yield the folders from which Python imports: the standard library, what is installed, and loaded packages."""
    yield Path(os.__file__).parent
    yield from (Path(folder) for folder in sys.path if folder.endswith(("-packages", "lib-dynload", ".zip")))
    know_packages()
    yield from map(Path, sorted(_Known.folders))


class _Known:
    """The packages up to the module *last*, and their folders."""

    last = ""
    folders: frozenset[str] = frozenset()


def know_packages() -> None:
    """Take note of the folders of the packages that were loaded since the last call.

    Who forks others does this before: looking at a module writes to its memory, which forks then no longer share.
    """
    new = [*itertools.takewhile(lambda name: name != _Known.last, reversed(sys.modules))]
    if new:
        packages = (sys.modules.get(name) for name in new if "." not in name)
        _Known.folders |= {str(folder) for package in packages for folder in getattr(package, "__path__", ())}
        _Known.last = new[0]


def know_package(module: str) -> None:
    """Take note of the folders of the package that *module* is in, which may be imported later."""
    spec = importlib.util.find_spec(module.partition(".")[0])
    _Known.folders |= frozenset((spec and spec.submodule_search_locations) or ())
