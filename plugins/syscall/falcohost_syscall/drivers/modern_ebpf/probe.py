"""Loads the compiled probe, attaches it, configures it, and reads its records.

Records are bytes (see :mod:`falcohost_syscall.records.record`), in order of time. The probe is told which calls to
collect; nothing here knows what a record means.
"""

from __future__ import annotations

import os
import platform
import struct
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, TypeVar

from falcohost import SourceError
from falcohost_syscall.drivers.modern_ebpf import hooks
from falcohost_syscall.drivers.modern_ebpf.attach.at_functions import AtFunctions
from falcohost_syscall.drivers.modern_ebpf.attach.attachment import Attachment
from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import CallFunctions, NotPossibleError, find
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.drivers.modern_ebpf.attach.functions import ENTRIES
from falcohost_syscall.drivers.modern_ebpf.attach.handover import ITERATOR
from falcohost_syscall.drivers.modern_ebpf.attach.tracepoint import AtTracepoint
from falcohost_syscall.drivers.modern_ebpf.attach.twice import AGAIN, TwiceAtTracepoint, may_be_left_out
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.requirements import OBJECTS, check
from falcohost_syscall.drivers.modern_ebpf.rings import Rings
from falcohost_syscall.kernel.function_programs import FunctionKernel
from falcohost_syscall.kernel.libbpf import LibbpfError, Library, Object
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import record

_URING: Final = {"uring_submit": "io_uring_submit_req", "uring_complete": "io_uring_complete"}
"""Programs for io_uring requests, and the tracepoints that they need (the first exists since Linux 6.4)."""
_URING_LOOK: Final = "uring_look"
"""The program with which those look for files that were opened silently."""
_SETTLE: Final = "settle_wanted"
"""The program that makes a new set of calls take effect."""
#: The program for names that are written to files in /proc, and the call that has the same effect.
_RENAMED: Final = "task_renamed"
_PRCTL: Final = {"x86_64": 157, "aarch64": 167}
_PROGRAMS: Final = ("process_fork", "process_exec", "process_exit", "process_gone")
#: By program array: the program that is in it only while costs are measured.
_LEFT_OUT: Final = {"stages": "left_out", "exec_stages": "exec_left_out"}
#: Context (about a KiB each) is reserved for four times as many processes as are running, and at least for this many.
LEAST_PROCESSES: Final = 8192
_FOLDER: Final = Path(__file__).parents[2] / "bpf"
_U32: Final = struct.Struct("=I")
_U64: Final = struct.Struct("=Q")
_Part = TypeVar("_Part")
_SOCKETCALL: Final = 102
"""The 32-bit call behind which the probe finds other calls (x86)."""
_NO_CALL: Final = record.CALL_SPEC.pack(*record.CallSpec(0, 0))


def _find_functions(library: Library) -> tuple[CallFunctions | None, str]:
    """Return the functions at which calls can be observed, or why they cannot."""
    try:
        return find(FunctionKernel(library)), ""
    except NotPossibleError as error:
        return None, str(error)


def _running() -> int:
    return sum(path.name.isdigit() for path in Path("/proc").iterdir())


def _image() -> bytes:
    return (_FOLDER / OBJECTS[platform.machine()]).read_bytes()


class Probe:
    """The probe in the kernel; use it as a context manager or call :meth:`close`.

    :ivar sees_requests: io_uring requests are events too.
    :ivar hooks: the kernel's hooks at which it learns which files the paths of a call lead to (``Call.hooks``).
    """

    def __init__(
        self, settings: LoadSettings | None = None, options: Options | None = None, *, by_function: bool = False
    ) -> None:
        """Load and attach; calls are collected after :meth:`set_calls`, what *options* select at once.

        :raises SourceError: the machine lacks what the probe needs, or the kernel refused it.
        """
        settings, options = settings or LoadSettings(), options or Options()
        check()
        self._library = library = Library()
        self._cpus = library.check(library.lib.libbpf_num_possible_cpus(), "Cannot count the processors")
        self._object = Object(library, _image())
        self.kernel = Kernel(library)
        self._calls: dict[tuple[str, int], bytes] = {}
        self._asked: set[int] = set()
        self._rows = {settings.execve, settings.procexit} - {0}
        self.sees_requests = False
        self._attachment: Attachment | None = None
        self.hooks: frozenset[str] = frozenset()
        self._hooked: frozenset[str] = frozenset()
        self._renames = False
        self._filters: frozenset[tuple[str, int]] = frozenset()
        self._rings: Rings | None = None
        try:
            with library.types:
                functions, why_not = _find_functions(library) if by_function else (None, "")
                self.hooks = self.hooks if options.requested else hooks.find(self.kernel)
                self._load(settings, options, functions, why_not)
        except BaseException:
            self.close()
            raise

    def _load(self, settings: LoadSettings, options: Options, functions: CallFunctions | None, why_not: str) -> None:
        twice = settings.twice or (functions is None and may_be_left_out(self.kernel))
        settings = settings._replace(functions=functions is not None, twice=twice)
        self._prepare(settings, options)
        try:
            self._object.load()
        except LibbpfError:
            if not self.hooks:
                raise
            self.hooks = frozenset()  # perhaps these are what the kernel refused; the rest works without them
            self._object.close()
            self._object = Object(self._library, _image())
            self._prepare(settings, options)
            self._object.load()
        self._attachment = self._chosen(functions, twice, why_not)
        self._attach(settings)

    def _chosen(self, functions: CallFunctions | None, twice: bool, why_not: str) -> Attachment:
        """Return the way to observe calls: at *functions*, if the kernel allows it."""
        if functions is not None:
            try:
                return AtFunctions(self._library, self._object, functions)
            except NotPossibleError as error:
                return AtTracepoint(self._library, self._object, str(error))
        chosen = TwiceAtTracepoint if twice else AtTracepoint
        return chosen(self._library, self._object, why_not)

    @property
    def attachment(self) -> Attachment:
        """The way in which calls are observed."""
        return self._loaded(self._attachment)

    @staticmethod
    def _loaded(part: _Part | None) -> _Part:
        if part is None:
            raise SourceError("The probe is not loaded.")
        return part

    def still_sees(self) -> bool:
        """Return whether calls are still observed as after :meth:`set_calls`; if not, call it again with all calls."""
        successor = self.attachment.successor()
        if successor is None:
            return True
        self._attachment = successor
        return False

    def _prepare(self, settings: LoadSettings, options: Options) -> None:
        self._object.resize("scratches", 2 * self._cpus)
        self._object.resize("context_scratches", self._cpus)
        self._object.resize("processes", max(LEAST_PROCESSES, 4 * _running()))
        self._object.set_data(".rodata.settings", settings.pack())
        self._object.set_data(".data.options", options.pack())
        for name in ("call_ring", "proc_ring"):
            self._object.resize(name, settings.ring_size)
        self.sees_requests = all(map(self.kernel.has_tracepoint, _URING.values()))
        if not self.sees_requests:
            self._object.resize("requests", 1)
            self._object.resize("silent", 1)
            for name in (*_URING, _URING_LOOK):
                self._object.leave_out(name)
            self.hooks -= hooks.REQUESTS
        for name in () if settings.functions else (*ENTRIES, ITERATOR):
            self._object.leave_out(name)
        if not settings.twice:
            self._object.leave_out(AGAIN)
        hooks.prepare(self._object, self.hooks, self._cpus)

    def _attach(self, settings: LoadSettings) -> None:
        self._rings = Rings(self._object.map_fd("call_ring"), self._object.map_fd("proc_ring"), settings.ring_size)
        self.ignore(os.getpid())
        if self.sees_requests:
            look = self._object.program_fd(_URING_LOOK)
            self._object.update(self._object.map_fd("looking"), _U32.pack(0), _U32.pack(look))
        for name in (*_PROGRAMS, *(_URING if self.sees_requests else ())):
            self._object.attach(name)
        self.attachment.start()

    @property
    def places(self) -> Sequence[Probe | Stages]:
        """Where filters have to be set: the probe, and the copies of its stages."""
        return [self, *self.attachment.stages]

    def __enter__(self) -> Probe:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def set_options(self, options: Options) -> None:
        """Use these options from now on."""
        place = _U32.pack(record.STAGE_LEFT_OUT)
        for stages, program in _LEFT_OUT.items():
            if options.measure:
                self._object.update(self._object.map_fd(stages), place, _U32.pack(self._object.program_fd(program)))
            else:
                self._object.delete(self._object.map_fd(stages), place)
        self.attachment.measure(options.measure)
        self._object.update(self._object.map_fd(".data.options"), _U32.pack(0), options.pack())

    def prepare(self, calls: Mapping[int, record.CallSpec]) -> None:
        """Prepare :attr:`places` for these calls; call this before :meth:`set_calls`."""
        self.attachment.prepare(calls.keys())

    def set_calls(
        self,
        calls: Mapping[int, record.CallSpec],
        requests: Mapping[int, record.CallSpec] | None = None,
        *,
        passing: frozenset[str] = frozenset(),
        traced: AbstractSet[int] = frozenset(),
    ) -> None:
        """Collect these calls from now on, by number (32-bit calls plus ``COMPAT_BASE``), and no others.

        :param requests: io_uring requests, by operation.
        :param passing: the hooks that calls with ``WANT_REACHED`` pass.
        :param traced: calls of which functions do not show all returns.
        """
        for hook in passing - self._hooked:
            self._object.attach(hook)
        calls = self.attachment.enter(calls, traced)
        self._rows.update(spec.call for spec in calls.values())
        wanted = {("calls", number): record.CALL_SPEC.pack(*spec) for number, spec in calls.items()}
        wanted |= {("uring_calls", number): record.CALL_SPEC.pack(*spec) for number, spec in (requests or {}).items()}
        places = {number % record.COMPAT_BASE for number in calls} | {_SOCKETCALL}
        self._ask(places | self._asked)
        for (name, number), packed in wanted.items():
            if self._calls.get((name, number)) != packed:
                self._object.update(self._object.map_fd(name), _U32.pack(number), packed)
        for name, number in self._calls.keys() - wanted.keys():
            self._object.update(self._object.map_fd(name), _U32.pack(number), _NO_CALL)
        self._ask(places)
        self._calls = wanted
        self.attachment.leave()
        for hook in self._hooked - passing:
            self._object.detach(hook)
        self._hooked = passing
        self._tell_renames(_PRCTL.get(platform.machine()) in calls)

    def _tell_renames(self, wanted: bool) -> None:
        """Start or stop to report names that are written to files in /proc."""
        if wanted and not self._renames:
            self._object.attach(_RENAMED)
        elif self._renames and not wanted:
            self._object.detach(_RENAMED)
        self._renames = wanted

    def _ask(self, places: set[int]) -> None:
        """Let the probe look at calls with these numbers, from whichever table."""
        value = bytes(place in places for place in range(record.COMPAT_BASE))
        self._object.update(self._object.map_fd(".data.wanted"), _U32.pack(0), value)
        self.kernel.run(self._object.program_fd(_SETTLE), bytes(8))
        self._asked = places

    def map_fd(self, name: str) -> int:
        """Return the descriptor of one of the probe's maps."""
        return self._object.map_fd(name)

    def set_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        """Use these filters (map and index in it → descriptor) instead of the previous ones."""
        for (name, place), program in programs.items():
            self._object.update(self._object.map_fd(name), _U32.pack(place), _U32.pack(program))
        for name, place in self._filters - programs.keys():
            self._object.delete(self._object.map_fd(name), _U32.pack(place))
        self._filters = frozenset(programs)

    def keep(self, pid: int, kept: record.Kept, large: record.LargeImage | None) -> bool:
        """Have the kernel cache this context of a process; return False if it has some already."""
        key = _U32.pack(pid)
        if large is not None:
            self._object.add(self._object.map_fd("large_images"), key, record.LARGE_IMAGE.pack(*large))
        return self._object.add(self._object.map_fd("processes"), key, record.KEPT.pack(*kept))

    def set_container(self, key: int, place: int) -> None:
        """Tell filters what the cgroups behind *key* are (``facts.containers.told_of``)."""
        self._object.update(self._object.map_fd("containers"), _U64.pack(key), bytes([place]))

    def ignore(self, pid: int, *, forks: bool = False) -> None:
        """Collect no calls of this process; its fork, exec and exit are still reported.

        With *forks* the processes that it creates are ignored too, until they execute a program.
        """
        value = record.IGNORED_WITH_FORKS if forks else record.IGNORED_ALONE
        self._object.update(self._object.map_fd("ignored_pids"), _U32.pack(pid), bytes([value]))
        place = _U32.pack(pid % record.IGNORED_HINTS)
        self._object.update(self._object.map_fd("ignored_hints"), place, bytes([value]))

    def observe(self, pid: int) -> None:
        """Collect the calls of an ignored process again."""
        self._object.delete(self._object.map_fd("ignored_pids"), _U32.pack(pid))

    def identify(self, fd: int) -> bytes:
        """Return the identity of a descriptor's file (``record.INODE_ID``)."""
        self.kernel.run(self._object.program_fd("identify_file"), _U64.pack(fd))
        return self._object.lookup(self._object.map_fd("identified"), _U32.pack(0), record.INODE_ID.size)

    def watch(self, file: bytes, names: bytes | None) -> None:
        """Set further names (``record.WATCHED_FILE``) of the file with this identity, or remove them."""
        if names is None:
            self._object.delete(self._object.map_fd("watched_files"), file)
        else:
            self._object.update(self._object.map_fd("watched_files"), file, names)

    def wait(self, timeout: float) -> None:
        """Sleep until there is much to read, but at most *timeout* seconds."""
        self._loaded(self._rings).wait(timeout)

    def read(self) -> list[bytes]:
        """Return the next records in order of time; empty if there are none."""
        return self._loaded(self._rings).read()

    def fill(self) -> dict[str, float]:
        """Return the highest fill level of each ring since the last call, from 0 to 1."""
        return self._loaded(self._rings).fill()

    def tasks(self) -> Iterator[bytes]:
        """Yield a KIND_TASK record for each running process."""
        fd = self._object.iterate("dump_task")
        rest = b""
        with os.fdopen(fd, "rb", buffering=0) as stream:
            while chunk := stream.read(1 << 18):
                rest += chunk
                position = 0
                while position + 4 <= len(rest):
                    end = position + 4 + _U32.unpack_from(rest, position)[0]
                    if end > len(rest):
                        break
                    yield rest[position + 4 : end]
                    position = end
                rest = rest[position:]

    def lost(self) -> dict[str, int]:
        """Return how often something was lost since loading, by cause (enum lost of bpf/record.h)."""
        fd = self._object.map_fd("lost")
        lost = {cause: sum(self._per_cpu(fd, row, 1)) for row, cause in enumerate(record.ENUMS["lost"])}
        others = (*_PROGRAMS, *(_URING if self.sees_requests else ()))
        missed = sum(misses(self._library, self._object.program_fd(name)) for name in others)
        return lost | {"preempted": self.attachment.missed() + missed}

    def counts(self) -> dict[int, record.CallCount]:
        """Return the counters of each event type, by row.

        What no rule asks for is counted in row 0 (calls) and in the rows ``record.COUNT_…``.
        """
        members = len(record.CallCount._fields)
        fd = self._object.map_fd("call_counts")
        unwanted = (0, record.COUNT_FORKS, record.COUNT_EXECS, record.COUNT_EXITS)
        found = {row: self._per_cpu(fd, row, members) for row in (*unwanted, *self._rows)}
        return {
            row: record.CallCount(*(sum(values[place::members]) for place in range(members)))
            for row, values in found.items()
        }

    def _per_cpu(self, fd: int, row: int, numbers: int) -> tuple[int, ...]:
        size = 8 * numbers * self._cpus
        return struct.unpack(f"={numbers * self._cpus}Q", self._object.lookup(fd, _U32.pack(row), size))

    def close(self) -> None:
        """Detach and unload the probe."""
        if self._rings is not None:
            self._rings.close()
            self._rings = None
        if self._attachment is not None:
            self._attachment.close()
        self._object.close()
