"""Asks runtimes about containers, each in threads of its own, so that none waits for another; keeps what they say."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from msgspec import structs

from falcohost_containers.again import Again
from falcohost_containers.known import Known
from falcohost_containers.rows import Row
from falcohost_containers.runtimes.engine import Briefing, Engine, Incomplete, OnDisk, Owned, RuntimeFailed
from falcohost_containers.threads import Later, Pool

#: Threads for each runtime.
THREADS: Final = 4

#: Most containers of a runtime that are asked for at a time.
MOST_ASKED: Final = 1024

#: The same for a runtime inside of a container, whose files that one's root may fill as it likes.
THREADS_INSIDE: Final = 1
MOST_ASKED_INSIDE: Final = 64

#: Seconds for which a container is looked for after it was last asked for: if the runtime does not answer, or does not
#: know everything of it yet; if it has none of this name.
PATIENCE: Final = 3.0
NONE: Final = 0.5

#: The user who names the cgroups of most containers.
ROOT: Final = "0"

#: Seconds after which those who wait get a row that is not complete: docker does not answer while it starts one.
ENOUGH: Final = 0.5

#: Seconds between two questions about the same container, at first and at most.
PAUSE, LONGEST_PAUSE = 0.005, 0.05

Tell: TypeAlias = Callable[[Row | None], None]


#: How a runtime, or a file of it, fails.
_FAILS: Final = (RuntimeFailed, OSError, ValueError, RecursionError, MemoryError)


def nobody(row: Row | None) -> None:
    """Take a row that nobody waits for."""


class _Search:
    """A container that is looked for.

    :ivar asked: when somebody last wanted to know.
    :ivar began, turn: when the latest of the attempts began that may go on side by side, and its number.
    """

    def __init__(self, container: str, incomplete: Row | None) -> None:
        self.container = container
        self.tells: list[Tell] = []
        self.asked = self.began = 0.0
        self.turn = 0
        self.pause = PAUSE
        self.incomplete = incomplete


class Asked:
    """The containers of one runtime.

    :param found: gets what becomes known of each; None: the runtime is inside of a container.
    :ivar failed: how often it has not answered, or not as it should.
    """

    def __init__(
        self,
        engine: Engine,
        later: Later,
        made: Callable[[str], None],
        found: Callable[[str, Row], object] | None = None,
    ) -> None:
        self.engine = engine
        self._made = made
        self.is_inside = found is None
        self._most = MOST_ASKED_INSIDE if found is None else MOST_ASKED
        self._found = found or (lambda container, row: None)
        self.failed = 0
        self._later = later
        self._lock = threading.Lock()
        self._threads = Pool(THREADS_INSIDE if self.is_inside else THREADS, f"ask {engine.name}")
        self._known = Known()
        self._searches: dict[str, _Search] = {}

    def ask(self, container: str, tell: Tell) -> None:
        """Call *tell* with the row of *container*, at once or later in another thread; None: it is not known."""
        if not self.engine.ids.fullmatch(container):
            tell(None)
            return
        with self._lock:
            row = self._known.get(container)
            search = None if row is not None and not row.partial else self._search(container, row)
            if search is not None:
                search.tells.append(tell)
                search.asked = time.monotonic()
                if search.incomplete is not None:
                    self._later.call(ENOUGH, functools.partial(self._tell_incomplete, search))
        if search is None:
            tell(row)
        elif time.monotonic() > search.began + LONGEST_PAUSE:  # the answer that is awaited may be out of date
            self._begin(search)

    def hurry(self, container: str) -> None:
        """Ask for *container* at once, unless all is known of it: there is news of it.

        A busy machine may take longer to make it than it is looked for.
        """
        with self._lock:
            search, is_whole = self._searches.get(container), self._known.has_whole(container)
        if search is not None:
            self._begin(search)
        elif not is_whole:
            self.begin(container)

    def begin(self, container: str) -> None:
        """Ask for *container*, which has been made; what is known of an earlier one of its name is forgotten."""
        with self._lock:
            if self._known.begin(container) and (earlier := self._searches.get(container)) is not None:
                search = self._searches[container] = _Search(container, None)
                search.tells = earlier.tells  # the answers that are under way are of the earlier one
        self._made(container)
        self.ask(container, nobody)

    def end(self, container: str) -> None:
        """Forget *container* after some time: it is over."""
        if self.engine.ids.fullmatch(container):
            with self._lock:
                self._known.end(container)

    def forget_old(self) -> None:
        """Forget the containers that have been over for long."""
        with self._lock:
            self._known.forget_old()

    def read(self, container: str) -> bool:
        """Keep what is on disk of *container* now, and ask nobody; return whether there is no more to know."""
        if not isinstance(self.engine, OnDisk) or self._known.has_whole(container):
            return True
        with self._lock:
            search = self._searches.get(container)
        row, is_whole = None, True
        try:
            row = self.engine.on_disk(container)
        except Incomplete as incomplete:
            row, is_whole = structs.replace(incomplete.row, partial=True), False
        except _FAILS:
            self.failed += 1
        if row is None:
            return False
        with self._lock:
            if self._searches.get(container) is not search:
                return False  # it is found, or there is another one of this name
            self._known.keep(container, row)
            if is_whole:
                self._searches.pop(container, None)
        self._found(container, row)
        if search is not None and is_whole:
            self._tell(search, row)
        elif search is not None:
            self._learn_incomplete(search, row)
        return is_whole

    def _begin(self, search: _Search) -> None:
        search.began = time.monotonic()
        search.turn += 1
        if self.engine.reads_files:
            self._attempt(search, search.turn)  # it may be gone in a moment
        else:
            self._begin_again(search, search.turn)

    def _begin_again(self, search: _Search, turn: int) -> None:
        self._threads.call(lambda: self._attempt(search, turn))

    def _search(self, container: str, known: Row | None) -> _Search | None:
        """Return the search for *container*, a new one if there is none; None: there are too many."""
        search = self._searches.get(container)
        if search is None:
            if len(self._searches) >= self._most:
                return None
            search = self._searches[container] = _Search(container, known)
        return search

    def all(self) -> None:
        """Ask for all containers that there are."""
        self._threads.call(self._all)

    def _all(self) -> None:
        try:
            for _, container in zip(range(self._most), self.engine.running(), strict=False):
                self.ask(container, nobody)
        except Exception:
            self.failed += 1  # each is asked for when an event is from it

    def _attempt(self, search: _Search, turn: int) -> None:
        row, patience = None, NONE
        if self._searches.get(search.container) is not search:
            return  # it was found meanwhile
        try:
            if search.incomplete is None and isinstance(self.engine, Briefing):
                self._learn_brief(search, self.engine)
            row = self.engine.find(search.container)
        except Incomplete as incomplete:
            self._learn_incomplete(search, structs.replace(incomplete.row, partial=True))
            patience = PATIENCE
        except _FAILS:
            self.failed, patience = self.failed + 1, PATIENCE
        with self._lock:
            if self._searches.get(search.container) is not search:
                return
            if row is None and turn != search.turn:
                return  # a later attempt goes on
            if row is None and time.monotonic() < search.asked + patience:
                self._later.call(search.pause, lambda: self._begin_again(search, turn))
                search.pause = min(2 * search.pause, LONGEST_PAUSE)
                return
            del self._searches[search.container]
            if row is not None:
                self._known.keep(search.container, row)
        if row is not None:
            self._found(search.container, row)
        self._tell(search, row or search.incomplete)

    def _tell(self, search: _Search, row: Row | None) -> None:
        """Tell all who wait; the search is over."""
        for tell in search.tells:
            tell(row)

    def _learn_brief(self, search: _Search, engine: Briefing) -> None:
        if (row := engine.brief(search.container)) is not None:
            self._learn_incomplete(search, structs.replace(row, partial=True))

    def _learn_incomplete(self, search: _Search, row: Row) -> None:
        with self._lock:
            if self._searches.get(search.container) is not search:
                return
            is_first, search.incomplete = search.incomplete is None, row
            self._known.keep(search.container, row)
        self._found(search.container, row)
        if is_first:
            left = max(search.asked + ENOUGH - time.monotonic(), 0.0)
            self._later.call(left, functools.partial(self._tell_incomplete, search))

    def _tell_incomplete(self, search: _Search) -> None:
        """Tell what is known to those who wait; the search goes on."""
        with self._lock:
            if self._searches.get(search.container) is not search:
                return
            tells, search.tells = search.tells, []
        for tell in tells:
            tell(search.incomplete)


class Place:
    """Where a runtime may be.

    :ivar exists: whether it is there.
    :ivar types: the runtimes, as names of cgroups tell them, whose containers it may have.
    :ivar make: returns what asks it; it may import what nobody else needs.
    """

    def __init__(self, types: Iterable[str], exists: Callable[[], bool], make: Callable[[], Engine]) -> None:
        self.types = frozenset(types)
        self.exists = exists
        self.make = make


class Asking:
    """All runtimes; those that may have a container of the same type are asked at the same time.

    :param engines: runtimes that are there.
    :param places: where others may be. They cost nothing until they are there.
    :ivar again: tells of names that containers are made with.
    :ivar found: gets the id and the row of each container of which something becomes known.
    :ivar came: is called when there are others of :attr:`further`.
    :ivar further: runtimes whose folders are watched as well, and that are not asked for all containers of their type.
    """

    def __init__(self, engines: Iterable[Engine] = (), places: Iterable[Place] = ()) -> None:
        self.again = Again()
        self.found: Callable[[str, Row], object] = lambda container, row: None
        self.came: Callable[[], object] = lambda: None
        self.further: list[Asked] = []
        self._later = Later()
        self._lock = threading.Lock()
        self._places = [*places]
        self.runtimes = [self._asked(engine) for engine in engines]

    def asked(self, engine: Engine) -> Asked:
        """Return what asks a runtime that is none of the machine's own."""
        return Asked(engine, self._later, lambda container: None)

    def _asked(self, engine: Engine) -> Asked:
        return Asked(engine, self._later, self.again.made, lambda container, row: self.found(container, row))

    def look(self, kind: str = "") -> None:
        """Take in the runtimes that have come, those only that may have containers of this *kind*."""
        with self._lock:
            for place in [one for one in self._places if not kind or kind in one.types]:
                if place.exists():
                    self._places.remove(place)
                    self.runtimes = [*self.runtimes, new := self._asked(place.make())]
                    new.all()

    def ask(self, container: str, kind: str, tell: Tell, *, user: str = ROOT) -> None:
        """Call *tell* with the first row of *container* that is found, or with None when there is none.

        :param user: who has named its cgroup: what others' runtimes and files say of it does not count.
        """
        self.look(kind)
        asked = [one for one in self.runtimes if kind in one.engine.types]
        first = First(len(asked), tell)
        if not asked:
            tell(None)
        for one in asked:
            one.ask(container, functools.partial(_tell_own, user, one.engine, first))


def _tell_own(user: str, engine: Engine, tell: Tell, row: Row | None) -> None:
    """Tell what is known of a container by this user's own runtime or files."""
    try:
        owner = engine.owner() if isinstance(engine, Owned) else 0
    except OSError:
        owner = 0
    tell(row if row is not None and str(row.owner or owner) == user else None)


class First:
    """Passes on the first row, or None when none of *left* has come with one."""

    def __init__(self, left: int, tell: Tell) -> None:
        self._lock = threading.Lock()
        self._left = left
        self._tell = tell

    def __call__(self, row: Row | None) -> None:
        """Take a row, or None."""
        with self._lock:
            self._left -= 1
            tells = self._left >= 0 and (row is not None or self._left == 0)
            if tells:
                self._left = 0
        if tells:
            self._tell(row)
