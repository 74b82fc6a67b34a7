"""Arguments and environments that are longer than what the probe keeps of each process.

The probe sends more of them before the exec, or the first event of a process, that passes its filters. What is still
missing is read in ``/proc`` when a rule asks for it, if the process is the same and still shows what the kernel has
told. Only few are kept, since whoever starts processes says how long they are, and those of processes that have ended
not for long.
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from falcohost import UnknownValueError
from falcohost_syscall.processes import procfs
from falcohost_syscall.processes.proc_reader import File
from falcohost_syscall.records.text import text

if TYPE_CHECKING:
    from falcohost_syscall.processes.table import Process

#: Maximum number of bytes that are read of one text.
MOST: Final = 128 * 1024
#: Maximum weight of all that is kept, in bytes; each of the texts' parts takes some more.
KEPT: Final = 16 * 1024 * 1024
_WEIGHT: Final = 64

ARGUMENTS: Final[File] = "cmdline"
ENVIRONMENT: Final[File] = "environ"
#: A text of a process: its pid, start, and when its program was started; and which of the two.
Key: TypeAlias = tuple[int, int, int, File]
#: Number of bytes that the kernel tells of each text with a process; what it sends in addition begins behind them.
BEGINNING: Final = 4096
#: Maximum number of texts whose rest has come and was not asked for yet.
RESTS: Final = 64


#: What has come of a text: its key, its bytes, and their number when all of its rest has come; -1: it is whole.
Known: TypeAlias = tuple[int, int, int, File, bytes, int]
_WHOLE: Final = -1


@dataclass
class _Rest:
    """What follows the beginning of a text of *size* bytes, as far as it has come."""

    raw: bytearray
    size: int


@dataclass
class _Text:
    """A text, or its beginning (not *whole*); *looked_up* in /proc. It is taken apart when somebody asks for that."""

    raw: bytes
    whole: bool
    looked_up: bool

    @functools.cached_property
    def parts(self) -> tuple[str, ...]:
        """All parts."""
        return split(self.raw)

    @functools.cached_property
    def line(self) -> str:
        """The parts without the first, with blanks between them."""
        return text(self.raw.removesuffix(b"\0").partition(b"\0")[2].replace(b"\0", b" "))

    @functools.cached_property
    def weight(self) -> int:
        """About the memory that it takes once it is taken apart, in bytes."""
        return 4 * len(self.raw) + _WEIGHT * self.raw.count(b"\0")


class LongerTexts:
    """The texts that were found, the latest ones.

    :ivar lenient: the beginning of a text will do.
    """

    def __init__(self) -> None:
        self.lenient = False
        self._found: OrderedDict[Key, _Text] = OrderedDict()
        self._rest: OrderedDict[Key, _Rest] = OrderedDict()
        self._weight = 0
        self._unused: set[Key] = set()

    def more(self, key: Key, begin: int, data: bytes, size: int) -> None:
        """Keep a part of a text of *size* bytes that the kernel has sent; the parts come in order."""
        before = self._rest.pop(key, None)
        if before is None or begin == BEGINNING:
            before = _Rest(bytearray(), size)
        if begin == BEGINNING + len(before.raw) and size == before.size:
            before.raw += data
            self._rest[key] = before
        while len(self._rest) > RESTS:
            self._rest.popitem(last=False)

    def forget(self, running: Mapping[int, Process]) -> int:
        """Forget texts of programs that do not run, nor did at the call before; return the number of bytes.

        Until then somebody may ask for them: a match may wait for a lookup, and what follows a beginning comes before
        the exec.
        """
        over = {key for key in (*self._found, *self._rest) if not _runs(key, running)}
        freed = 0
        for key in over & self._unused:
            if (found := self._found.pop(key, None)) is not None:
                self._weight -= found.weight
                freed += len(found.raw)
            if (rest := self._rest.pop(key, None)) is not None:
                freed += len(rest.raw)
        self._unused = over
        return freed

    def known(self) -> list[Known]:
        """Return the texts that are known to their end, and what has come of others, for another process."""
        whole = [(*key, found.raw, _WHOLE) for key, found in self._found.items() if found.whole]
        return [*whole, *((*key, bytes(rest.raw), rest.size) for key, rest in self._rest.items())]

    def remember(self, known: Iterable[Known]) -> None:
        """Add what another process knew."""
        for pid, start, exec_ts, which, raw, size in known:
            key = pid, start, exec_ts, which
            if size == _WHOLE:
                self._keep(key, _Text(raw, True, True))
            else:
                self._rest[key] = _Rest(bytearray(raw), size)

    def parts(self, process: Process, which: File, beginning: bytes) -> tuple[str, ...]:
        """Return the parts of a text that begins so.

        :raises UnknownValueError: the rest of it is not known.
        """
        return self._text(process, which, beginning).parts

    def arguments(self, process: Process, beginning: bytes) -> str:
        """Return arguments that begin so, without the zeroth, with blanks between them.

        :raises UnknownValueError: the rest of them is not known.
        """
        return self._text(process, ARGUMENTS, beginning).line

    def _text(self, process: Process, which: File, beginning: bytes) -> _Text:
        found = self._look_up(process, which, beginning)
        if not found.whole and not self.lenient:
            raise UnknownValueError
        return found

    def is_whole(self, process: Process, which: File, beginning: bytes) -> bool:
        """Return whether a text that begins so is known to its end."""
        return self._look_up(process, which, beginning).whole

    @contextmanager
    def beginnings(self) -> Iterator[None]:
        """Have the beginning of a text do, where the rest is not known."""
        before, self.lenient = self.lenient, True
        try:
            yield
        finally:
            self.lenient = before

    def _look_up(self, process: Process, which: File, beginning: bytes) -> _Text:
        key = _key(process, which)
        found = self._found.get(key)
        rest = self._rest.pop(key, None)
        if rest is not None and len(beginning) == BEGINNING:
            known = beginning + bytes(rest.raw)
            found = _Text(known, len(known) >= rest.size, False)
            self._keep(key, found)
        if found is None:
            found = _Text(beginning, False, False)
        elif found.whole or found.looked_up:
            self._found.move_to_end(key)
            return found
        raw = procfs.read_if_same(process.pid, process.start, which, MOST + 1)
        if not raw or not raw.startswith(found.raw):
            found.looked_up = True
        else:
            found = _Text(raw[:MOST], len(raw) <= MOST, True)
        self._keep(key, found)
        return found

    def _keep(self, key: Key, found: _Text) -> None:
        before = self._found.pop(key, None)
        self._weight += found.weight - (0 if before is None else before.weight)
        self._found[key] = found
        while self._weight > KEPT and len(self._found) > 1:
            self._weight -= self._found.popitem(last=False)[1].weight


#: Those of this machine.
LONGER: Final = LongerTexts()


def split(raw: bytes) -> tuple[str, ...]:
    """Return the texts in *raw*, each of which ends with a zero."""
    return tuple(text(part) for part in raw.removesuffix(b"\0").split(b"\0")) if raw else ()


def _key(process: Process, which: File) -> Key:
    return process.pid, process.start, process.image.exec_ts, which


def _runs(key: Key, running: Mapping[int, Process]) -> bool:
    """Return whether the process still runs that program. The start may be a rounded one, and is not looked at."""
    process = running.get(key[0])
    return process is not None and process.image.exec_ts == key[2]
