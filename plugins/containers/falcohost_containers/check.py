"""Checks for ``falcohost doctor``: which runtimes there are, and whether they answer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from falcohost_containers.config import HAS_HTTP2, Config, parse
from falcohost_containers.fanotify import Queue
from falcohost_containers.runtimes.engine import Deadline, connected
from falcohost_containers.watching import Folders

#: Seconds for which a runtime is waited for.
PATIENCE = 1.0


def check(settings: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield each runtime that there is, and what is wrong with it."""
    config = parse(settings)
    found = [*_sockets(config), *_folders(config)]
    yield from found or [("no container runtime is here; when one comes, it is noticed", None)]
    yield from [_way(config)] if found else []


def _way(config: Config) -> tuple[str, str | None]:
    """Return which way a container is known at its first event."""
    if not _can_notice():
        why = "the kernel allows no more queues of inotify: raise fs.inotify.max_user_instances"
        return "containers are noticed at their first event only", why
    if not config.paused:
        return "containers are noticed when they are made; their starts are not paused (pause.enabled)", None
    programs = ", ".join(one for one in config.paused if Path(one).exists()) or "none of those that are listed is here"
    what = f"starts of containers are paused until what is on disk of them has been read: {programs}"
    return what, _cannot_pause()


def _can_notice() -> bool:
    folders = Folders()
    can = folders.fileno() >= 0
    folders.close()
    return can


def _cannot_pause() -> str | None:
    """Return why nothing can be paused; that takes root."""
    if os.geteuid() != 0:
        return None  # the agent is started by root
    try:
        Queue().close()
    except OSError as error:
        return f"fanotify_init: {error.strerror}; containers are noticed when they are made, and their starts go on"
    return None


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
