"""Checks for ``falcohost doctor``: which runtimes there are, and whether they answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from falcohost_containers.config import HAS_HTTP2, Config, parse
from falcohost_containers.runtimes.engine import Deadline, connected

#: Seconds for which a runtime is waited for.
PATIENCE = 1.0


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each runtime that there is, and what is wrong with it."""
    config = parse(settings)
    found = [*_sockets(config), *_folders(config)]
    yield from found or [("no container runtime is here; when one comes, it is noticed", None)]


def _sockets(config: Config) -> Iterator[tuple[str, str | None]]:
    for name in ("docker", "podman", "cri", "containerd"):
        for path in getattr(config, name):
            if Path(path).exists():
                yield f"{name} answers at {path}", _problem(path, needs_http2=name in ("cri", "containerd"))


def _problem(path: str, *, needs_http2: bool) -> str | None:
    if needs_http2 and not HAS_HTTP2:
        return "the Python package h2 is missing: install the extra 'containers'"
    try:
        connected(Path(path), Deadline(PATIENCE)).close()
    except OSError as error:
        return f"{error.strerror or error}; is it running, and may this user connect to it?"
    return None


def _folders(config: Config) -> Iterator[tuple[str, str | None]]:
    """Yield the runtimes that are known by their files."""
    kinds = {"docker": config.dockers, "podman": config.storages, "runc or crun": config.states}
    for name, paths in kinds.items():
        for path in paths:
            if Path(path).exists():
                is_readable = os.access(path, os.R_OK | os.X_OK)
                yield (
                    f"containers of {name} are read in {path}",
                    None if is_readable else "it cannot be read: run as root",
                )
