"""The process that asks runtimes: it has their sockets and files, and nothing of what the source reads.

It notices that containers are made, and asks for them before anybody wants to know.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from falcohost.port import serve_late
from falcohost_containers.asking import MOST, Asked, Asking, nobody
from falcohost_containers.config import HAS_HTTP2, Config
from falcohost_containers.rows import Answer, Question, Row
from falcohost_containers.runtimes.bare import Bare
from falcohost_containers.runtimes.docker import Docker
from falcohost_containers.runtimes.engine import Engine
from falcohost_containers.runtimes.storage import Podman
from falcohost_containers.watching import Folders

if HAS_HTTP2:  # imported now: the process may not be able to read these files later
    from falcohost_containers.runtimes.containerd import Containerd
    from falcohost_containers.runtimes.cri import Cri
    from falcohost_containers.runtimes.grpc import Client

#: Seconds between two looks for folders that are not watched yet.
LOOK: Final = 1.0


def serve(link: socket.socket, settings: Mapping[str, Any]) -> None:
    """Answer the source's questions until it ends."""
    asking = Asking(engines(msgspec.convert(settings, Config)))
    threading.Thread(target=Watching(asking.runtimes).run, name="watching", daemon=True).start()
    for one in asking.runtimes:
        one.all()

    def ask(question: Question, answer: Any) -> None:
        def tell(row: Row | None) -> None:
            answer(Answer(question.id, question.type, row))

        asking.ask(question.id, question.type, tell)

    serve_late(link, Question, ask)


def engines(config: Config) -> list[Engine]:
    """Return the runtimes that are asked."""
    longest, podman = config.longest, [Path(one) for one in config.podman]
    storages, users = [Path(one) for one in config.storages], [config.users] if config.users else []
    found: list[Engine] = _over_grpc(config)
    folder = Path(config.dockers) if config.dockers else None
    found += [Docker(Path(one), folder=folder, longest=longest) for one in config.docker]
    if storages or users or podman:
        found.append(Podman(storages, users, podman[0] if podman else None, longest=longest))
    if config.states:
        found.append(Bare([Path(one) for one in config.states], longest=longest))
    return found


def _over_grpc(config: Config) -> list[Engine]:
    """Return the runtimes that it takes h2 to ask."""
    if not HAS_HTTP2:
        return []
    containerd: list[Engine] = [Containerd(Path(one), longest=config.longest) for one in config.containerd]
    return containerd + [Cri(Client(Path(one)), longest=config.longest) for one in config.cri]


class Watching:
    """Asks for each container when its runtime begins to make it."""

    def __init__(self, runtimes: list[Asked]) -> None:
        self._runtimes = runtimes
        self._folders = Folders()
        self._owners: dict[Path, Asked] = {}
        self._made: OrderedDict[Path, Asked] = OrderedDict()

    def run(self) -> None:
        """Run until the process ends. Folders come and go, such as those of namespaces."""
        while True:
            self._look()
            with contextlib.suppress(OSError):
                queue = [self._folders] if self._folders.fileno() >= 0 else []
                if select.select(queue, [], [], LOOK)[0] and self._folders.read(self._tell):
                    for one in self._runtimes:
                        one.all()

    def _look(self) -> None:
        for one in self._runtimes:
            with contextlib.suppress(OSError):
                for folder in one.engine.folders():
                    self._owners[folder] = one
                    if self._folders.watch(folder):
                        self._ask_for_entries(one, folder)

    def _ask_for_entries(self, one: Asked, folder: Path) -> None:
        """Ask for what was made before the folder was watched."""
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MOST), entries, strict=False):
                one.ask(entry.name, nobody)

    def _tell(self, path: Path) -> None:
        if (owner := self._made.get(path.parent)) is not None:
            owner.hurry(path.parent.name)  # what its runtime writes of it has come
        if (owner := self._owners.get(path.parent)) is not None:
            if owner.engine.ids.fullmatch(path.name) and self._folders.watch(path):
                self._made[path] = owner
            owner.ask(path.name, nobody)
            if len(self._made) > MOST:
                self._made.popitem(last=False)
