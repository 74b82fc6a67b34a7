"""The process that asks runtimes: it has their sockets and files, and nothing of what the source reads.

It notices that containers are made, and asks for them before anybody wants to know.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import select
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from falcohost.by_name import called_by_name
from falcohost.helpers import prepare_threads, return_memory
from falcohost.needs import CONNECT, THREADS, WATCH
from falcohost.port import serve_late
from falcohost.regular import is_there
from falcohost_containers.asking import Asked, Asking, Place
from falcohost_containers.config import HAS_HTTP2, Config
from falcohost_containers.inside import Inside
from falcohost_containers.rows import Answer, Question, Row
from falcohost_containers.runtimes.engine import Awaited, Engine
from falcohost_containers.watching import Folders

#: Seconds between two looks for folders that are not watched yet, and for runtimes that have come.
LOOK: Final = 1.0

#: Seconds after which the containers are known that there were, so that memory is returned that this has taken.
STARTS: Final = 1.0

#: Least seconds between two such looks, however often something comes.
AGAIN: Final = 0.02

#: Seconds for which files of a container that is being made are read again at each pause, and of how many at most.
FRESH: Final = 10.0
MOST_FRESH: Final = 32

#: Most folders of containers that are watched, and most that are looked through.
MOST: Final = 4096

#: Most bytes of a question of the process that pauses.
_MOST_ASKED: Final = 64


@called_by_name("serve", capabilities=frozenset({"CAP_DAC_OVERRIDE"}), calls=frozenset({CONNECT, THREADS, WATCH}))
def serve(link: socket.socket, settings: Mapping[str, Any], other: socket.socket | None = None) -> None:
    """Answer the source's questions until it ends, and those of the process that pauses at the socket *other*."""
    prepare_threads()
    gc.enable()  # for the cycles that HTTP/2 makes
    config = msgspec.convert(settings, Config)
    asking = Asking(places=places(config))
    inside = Inside(asking, config.longest)
    watching = Watching(asking)
    threading.Thread(target=watching.run, name="watching", daemon=True).start()
    if other is not None:
        threading.Thread(target=_read_when_asked, args=(other, watching), name="pauses", daemon=True).start()

    def ask(question: Question, answer: Any) -> None:
        if not question.type:
            asking.again.ask(lambda container: answer(Answer(container, "", None)))
            return

        def tell(row: Row | None) -> None:
            answer(Answer(question.id, question.type, row, question.outer))

        if question.outer:
            inside.ask(question, tell)
        else:
            asking.ask(question.id, question.type, tell)

    serve_late(link, Question, ask)


def _read_when_asked(other: socket.socket, watching: Watching) -> None:
    """Read from disk what is new when the process that pauses asks for it, and answer with what it has sent."""
    with other, contextlib.suppress(OSError):
        while asked := other.recv(_MOST_ASKED):
            watching.read()
            other.send(asked)


def places(config: Config) -> Iterator[Place]:
    """Yield where runtimes may be. What asks one is imported when it is there."""
    longest = config.longest
    if HAS_HTTP2:
        for one in config.containerd:
            yield _at(one, ("containerd", "cri"), functools.partial(_containerd, one, longest))
        for one in config.cri:
            yield _at(one, ("cri",), functools.partial(_cri, one, longest))
    for one in config.docker:
        yield _at(one, ("docker",), functools.partial(_docker, one, config))
    if config.storages or config.users or config.podman:
        yield Place(("podman",), functools.partial(_has_podman, config), functools.partial(_podman, config))
    if config.storages and config.cri:
        yield Place(("cri",), functools.partial(_any, config.storages), functools.partial(_crio, config))
    if config.states:
        yield Place(("runc",), functools.partial(_any, config.states), functools.partial(_bare, config))


def _at(path: str, types: Iterable[str], make: Callable[[], Engine]) -> Place:
    return Place(types, functools.partial(os.path.exists, path), make)


def _any(paths: Iterable[str]) -> bool:
    return any(map(os.path.exists, paths))


def _has_podman(config: Config) -> bool:
    return _any((*config.storages, *config.podman)) or (bool(config.users) and _matches(config.users))


def _matches(pattern: str) -> bool:
    """Return whether something matches *pattern*, each second: glob takes ten times as long for ``/home/*/x``."""
    above, star, below = pattern.partition("/*/")
    if not star or "*" in above + below:
        return any(True for _ in Path("/").glob(pattern.lstrip("/")))
    try:
        with os.scandir(f"{above}/") as entries:
            return any(is_there(f"{one.path}/{below}") for one in entries)
    except OSError:
        return False


def _containerd(path: str, longest: int) -> Engine:
    from falcohost_containers.runtimes.containerd import Containerd

    return Containerd(Path(path), longest=longest)


def _cri(path: str, longest: int) -> Engine:
    from falcohost_containers.runtimes.cri import Cri
    from falcohost_containers.runtimes.grpc import Client

    return Cri(Client(Path(path)), longest=longest)


def _docker(path: str, config: Config) -> Engine:
    from falcohost_containers.runtimes.docker import Docker

    return Docker(Path(path), folders=[Path(one) for one in config.dockers], longest=config.longest)


def _podman(config: Config) -> Engine:
    from falcohost_containers.runtimes.storage import Podman

    users = [config.users] if config.users else []
    service = Path(config.podman[0]) if config.podman else None
    return Podman([Path(one) for one in config.storages], users, service, longest=config.longest)


def _crio(config: Config) -> Engine:
    from falcohost_containers.runtimes.crio import Crio

    return Crio([Path(one) for one in config.storages], longest=config.longest)


def _bare(config: Config) -> Engine:
    from falcohost_containers.runtimes.bare import Bare

    return Bare([Path(one) for one in config.states], longest=config.longest)


class Watching:
    """Asks for each container when its runtime begins to make it.

    Several runtimes may have their containers in one folder, as podman and CRI-O do: each is asked.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._folders = Folders()
        self._owners: dict[Path, tuple[Asked, ...]] = {}
        self._made: OrderedDict[Path, tuple[Asked, ...]] = OrderedDict()
        self._fresh: OrderedDict[Path, tuple[float, tuple[Asked, ...]]] = OrderedDict()
        self._lock = threading.Lock()
        self._wakes = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        asking.came = functools.partial(os.eventfd_write, self._wakes, 1)

    def run(self) -> None:
        """Run until the process ends. Folders come and go, such as those of namespaces."""
        poll = select.poll()
        poll.register(self._wakes, select.POLLIN)
        if self._folders.fileno() >= 0:
            poll.register(self._folders, select.POLLIN)
        due = 0.0
        started = time.monotonic()
        while True:
            if (now := time.monotonic()) >= due:
                with self._lock:
                    self._look()
                if started and now - started >= STARTS:
                    started = 0.0
                    return_memory()
                now = time.monotonic()
                due, soon = now + LOOK, now + AGAIN
            if poll.poll(1000 * max(due - now, 0.0)):
                due = min(due, soon)
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wakes)
                with contextlib.suppress(OSError), self._lock:
                    self._take()

    def read(self) -> None:
        """Read from disk what there is of the containers that are being made; nobody is asked for anything."""
        with self._lock:
            if self._folders.fileno() >= 0:
                self._take()
            fresh = [*self._fresh.items()]
        until = time.monotonic() - FRESH
        for path, (since, owners) in fresh:
            if since < until or any(owner.read(path.name) for owner in owners):
                with self._lock:
                    self._fresh.pop(path, None)

    def _take(self) -> None:
        """Take what has come into the folders."""
        if self._folders.read(self._tell):
            for one in self._asking.runtimes + self._asking.further:
                one.all()

    def _look(self) -> None:
        self._asking.look()
        found: dict[Path, list[Asked]] = {}
        for one in self._asking.runtimes + self._asking.further:
            one.forget_old()
            with contextlib.suppress(OSError):
                for folder in one.engine.awaited() if isinstance(one.engine, Awaited) else ():
                    self._folders.wait_for(folder)
                for folder in one.engine.folders():
                    found.setdefault(folder, []).append(one)
        for folder, owners in found.items():
            with contextlib.suppress(OSError):
                self._watch(folder, tuple(owners))

    def _watch(self, folder: Path, owners: tuple[Asked, ...]) -> None:
        """Watch *folder*, and ask for what was made in it before."""
        have_come = owners != self._owners.get(folder)
        self._owners[folder] = owners
        is_new = self._folders.watch(folder, ends=True)
        if not is_new and not is_there(folder):
            self._folders.wait_for(folder)
            is_new = self._folders.watch(folder, ends=True)  # it may have come meanwhile
        if not (is_new or have_come):
            return
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MOST), entries, strict=False):
                if named := _named(entry.name, owners):
                    self._ask(named, folder / entry.name)

    def _ask(self, owners: tuple[Asked, ...], path: Path) -> None:
        self._fresh[path] = time.monotonic(), owners
        if len(self._fresh) > MOST_FRESH:
            self._fresh.popitem(last=False)
        for owner in owners:
            owner.begin(path.name)

    def _tell(self, path: Path, comes: bool) -> None:
        if not comes:
            self._forget(path)
            return
        for owner in self._made.get(path.parent, ()):
            owner.hurry(path.parent.name)  # what its runtime writes of it has come
        owners = self._owners.get(path.parent, ())
        if holders := tuple(owner for owner in owners if path in owner.engine.folders()):
            self._watch(path, holders)  # it is no container's, but one in which they are
        elif named := _named(path.name, owners):
            if not any(owner.is_inside for owner in named) and self._folders.watch(path) is not None:
                self._made[path] = named
            self._ask(named, path)
            if len(self._made) > MOST:
                self._made.popitem(last=False)

    def _forget(self, path: Path) -> None:
        """Forget a container, or a folder of containers, that is gone."""
        self._owners.pop(path, None)
        self._made.pop(path, None)
        self._fresh.pop(path, None)
        for owner in self._owners.get(path.parent, ()):
            owner.end(path.name)


def _named(name: str, owners: tuple[Asked, ...]) -> tuple[Asked, ...]:
    """Return those of *owners* that may have a container with this name."""
    return tuple(owner for owner in owners if owner.engine.ids.fullmatch(name))
