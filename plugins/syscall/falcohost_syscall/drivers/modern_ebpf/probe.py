"""The probe in the kernel: attaches and configures it.

The probe is told which calls to collect; nothing here knows what a record means, and :mod:`.feed` reads them.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.begins import BEGINS
from falcohost_syscall.drivers.modern_ebpf.attach.begun_again import begun_again
from falcohost_syscall.drivers.modern_ebpf.attach.by_perf import ByPerf
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.drivers.modern_ebpf.controlled import MAPS as CONTROL_MAPS
from falcohost_syscall.drivers.modern_ebpf.controlled import PROGRAMS as CONTROL_PROGRAMS
from falcohost_syscall.drivers.modern_ebpf.controlled import Controlled
from falcohost_syscall.drivers.modern_ebpf.feed import MAPS, ONLY_READ
from falcohost_syscall.drivers.modern_ebpf.listing import LISTED, TASKS
from falcohost_syscall.drivers.modern_ebpf.loading import URING, URING_LOOK, Prepared, add, lacks, load, prepare
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.drivers.modern_ebpf.parts import ALL, CLONE3, PRCTL
from falcohost_syscall.drivers.modern_ebpf.requirements import check
from falcohost_syscall.drivers.modern_ebpf.stages import STAGES, places
from falcohost_syscall.facts.sieve import LastName, joined, sieve
from falcohost_syscall.kernel.call_tracepoints import CallTracepoints
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import Kernel
from falcohost_syscall.records import record

#: The program for names that are written to files in /proc, and the one that notes the flags of clone3(2).
_RENAMED, _MADE = "task_renamed", "task_made"
#: The program for calls whose events are made when they begin, and those for events that are no calls, with the
#: tracepoints that they need; arm64 has none for page faults.
_FORESEEN: Final = "call_foreseen"
_MOMENTS: Final = {
    record.MOMENT_SIGNAL: {"signal_delivered": "signal_deliver"},
    record.MOMENT_SWITCH: {"thread_switched": "sched_switch"},
    record.MOMENT_FAULT: {"page_missed": "page_fault_user", "page_missed_in_kernel": "page_fault_kernel"},
}
#: Those that occur all the time: filters have to know the names of the running processes before.
_OFTEN: Final = frozenset({record.MOMENT_SWITCH, record.MOMENT_FAULT})
_PROGRAMS: Final = ("process_fork", "process_exec", "process_exit", "process_gone")
#: By program array: the program that is in it only while costs are measured.
_LEFT_OUT: Final = {"stages": "left_out", "exec_stages": "exec_left_out"}
#: Program arrays: of filters of execs and exits, each of which has those of one row, and those that the object fills.
_OF_PROCESSES: Final = ("exec_filters", "exit_filters")
_U32: Final = struct.Struct("=I")
_SOCKETCALL: Final = 102
"""The 32-bit call behind which the probe finds other calls (x86)."""
_NO_CALL: Final = record.CALL_SPEC.pack(*record.CallSpec(0, 0))


#: The names under which descriptors are held: those that :class:`Controlled` takes, and those of programs that may be
#: skipped.
CONTROL, PROGRAMS = "control", "programs"


class Probe(Controlled):
    """The probe in the kernel; use it as a context manager or call :meth:`close`.

    :ivar attachment: the way in which calls are observed.
    :ivar object: its maps and programs.
    :ivar hooks: the kernel's hooks at which it learns which files the paths of a call lead to (``Call.hooks``).
    :ivar rows: the rows of calls that were ever collected.
    :ivar asked: the numbers of the calls that the kernel is to look at.
    :ivar ring_sizes: the sizes of its rings of calls and of processes, in bytes.
    :ivar sees_requests: io_uring requests are events too.
    """

    def __init__(
        self,
        settings: LoadSettings | None = None,
        options: Options | None = None,
        *,
        by_function: bool = False,
        prepared: Prepared | None = None,
        parts: AbstractSet[str] = ALL,
    ) -> None:
        """Load and attach; calls are collected after :meth:`set_calls`, what *options* select at once.

        :param prepared: what :func:`prepare` has loaded for all of these.
        :param parts: what is loaded of it, if nothing is prepared (:mod:`.parts`).
        :raises SourceError: the machine lacks what the probe needs, or the kernel refused it.
        """
        settings, options = settings or LoadSettings(), options or Options()
        check(settings.btf)
        self._library = library = Library() if prepared is None else prepared.probe.library
        self.kernel = Kernel(library)
        with library.types:
            prepared = prepared or prepare(
                library, self.kernel, settings, options, by_function=by_function, takes=lambda wait: parts
            )
            loaded = load(library, prepared, settings, options)
        self.object, self.attachment, self.hooks, self.sees_requests, self._wanted = loaded
        self.kernel.untyped = prepared.older
        control = {name: self.object.map_fd(name) for name in CONTROL_MAPS}
        control |= {name: self.object.program_fd(name) for name in CONTROL_PROGRAMS}
        super().__init__(self.kernel, self.object, self.object.ledger, control)
        self.ring_sizes = settings.ring_sizes
        self._of_processes = settings.execve, settings.procexit
        self.rows = {*self._of_processes} - {0}
        self._with_folders: set[int] = set()
        self._calls: dict[tuple[str, int], bytes] = {}
        self.asked: set[int] = set()
        self._hooked: frozenset[str] = frozenset()
        self._attached: set[str] = set()
        self._placed: set[str] = set()
        self._moments: frozenset[int] = frozenset()
        self._listed = False
        self._begins: CallTracepoints | None = None
        self._begun_again: list[int] = []
        self._filters: frozenset[tuple[str, int]] = frozenset()
        self._rules = 0
        self._sieve = self._names = sieve(())
        self._read_only: dict[str, int] = {}
        try:
            self._attach(options)
        except BaseException:
            self.close()
            raise

    def _attach(self, options: Options) -> None:
        self.ignore(os.getpid())
        self._begin()
        if isinstance(self.attachment, ByPerf):
            self._begun_again.append(begun_again(self.kernel, self.object))
        self._begins = CallTracepoints(self.object.program_fd(BEGINS), *self._begun_again)
        self.attachment.start()
        self.object.ledger.note(self.map_fd(".data.options"), ".data.options", bytes(4), options.pack())
        for name in STAGES:
            keys = [_U32.pack(place) for place in range(self.object.entries(name))]
            self.object.ledger.take(self.object.map_fd(name), name, keys)
        self._placed.update(self.object.loaded())
        for name in ONLY_READ:
            if (found := self.object.read_only(self.object.map_fd(name))) is not None:
                self._read_only[name] = found

    def _begin(self) -> None:
        """Attach the programs that are loaded and always run, as far as they are not attached yet."""
        if URING_LOOK in self.object.loaded():  # for files that io_uring opens silently
            self._put("looking", 0, self.object.program_fd(URING_LOOK))
        for name in self._others:
            if name not in self._attached:
                self.object.attach(name)
                self._attached.add(name)

    def lacks(self, parts: AbstractSet[str]) -> AbstractSet[str]:
        """Return those of these *parts* that are not loaded, though this kernel takes them."""
        return lacks(self.object, self._wanted, parts)

    def take_in(self, parts: AbstractSet[str]) -> None:
        """Load what is missing of these *parts*; call this before anything is asked for that takes them.

        :raises LibbpfError: the kernel refused it, so that nothing has changed.
        """
        try:
            add(self._library, self.object, self._wanted, parts)
        except LibbpfError:
            if self.hooks.isdisjoint(parts):
                raise
            self.hooks = frozenset()  # perhaps these are what the kernel refused; the rest works
            self._wanted = self._wanted._replace(hooks=self.hooks)
            add(self._library, self.object, self._wanted, parts)
        for array, place, name in places(self.object.loaded() - self._placed):
            self._put(array, place, self.object.program_fd(name))
            self._placed.add(name)
        with self._library.types:
            for copies in self.attachment.stages:
                copies.take_in(self.object.loaded())
        self._begin()

    def still_sees(self) -> bool:
        """Return whether calls are still observed as after :meth:`set_calls`; if not, call it again with all calls."""
        successor = self.attachment.successor()
        if successor is None:
            return True
        self.attachment = successor
        return False

    @property
    def maps(self) -> dict[str, int]:
        """The descriptors of the maps that a reader needs; with some, maps can only be read."""
        return {name: self.object.map_fd(name) for name in MAPS} | self._read_only

    @property
    def tasks(self) -> Sequence[int]:
        """The descriptors by which the running processes are listed (:mod:`.listing`)."""
        if self.kernel.untyped:
            return self.object.program_fd(TASKS), self.object.map_fd(LISTED)
        return (self.object.iterator(TASKS),)

    @property
    def held(self) -> dict[str, Sequence[int]]:
        """The descriptors on which it depends that the kernel goes on as it is, and those for :mod:`.adopted`."""
        begins = () if self._begins is None else self._begins.held
        return {
            CONTROL: [*self.control.values()],
            "maps": [*self.object.map_fds().values()],
            "links": [*self.object.link_fds(), *self.attachment.held, *begins],
            PROGRAMS: [*map(self.object.program_fd, self._others), *self.attachment.programs],
        }

    @property
    def by_function(self) -> bool:
        """Whether calls are observed at functions."""
        return self.attachment.where != "tracepoint"

    @property
    def _others(self) -> Sequence[str]:
        """The programs besides those of calls that the kernel may skip."""
        return (*_PROGRAMS, *(name for name in URING if name in self.object.loaded()))

    def objects(self) -> dict[str, list[int]]:
        """Return the kernel's numbers of all maps, programs and links, by kind."""
        loaded, ledger = self.object, self.object.ledger
        attached = (*map(loaded.program_fd, loaded.loaded()), *self.attachment.programs, *self._begun_again)
        programs = {*map(loaded.identity, attached)} | ledger.programs()
        maps = {*map(loaded.identity, (*loaded.map_fds().values(), *ledger.maps))}
        return {
            "map": sorted(maps),
            "program": sorted(programs - {0}),
            "link": sorted({*map(loaded.identity, self.held["links"])} - {0}),
        }

    @property
    def told(self) -> str:
        """Where calls are seen, and what is not seen of them, in words."""
        problem = None if self._begins is None else self._begins.problem
        if problem is None:
            return self.attachment.told
        return f"{self.attachment.told}; what lies in the caller's memory is not compared with what it was: {problem}"

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
                self._put(stages, record.STAGE_LEFT_OUT, self.object.program_fd(program))
            else:
                self.object.ledger.delete(self.object.map_fd(stages), place)
        self.attachment.measure(options.measure)
        self._set(".data.options", 0, options.pack())

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
        entered: frozenset[str] = frozenset(),
        moments: Mapping[int, record.CallSpec] = MappingProxyType({}),
    ) -> None:
        """Collect these calls from now on, by number (32-bit calls plus ``COMPAT_BASE``), and no others.

        :param requests: io_uring requests, by operation.
        :param passing: the hooks that calls with ``WANT_REACHED`` pass.
        :param traced: calls of which functions do not show all returns.
        :param entered: the names of calls with ``WANT_ENTERED``.
        :param moments: events that are no calls, by ``enum moment``; those that occur all the time wait for
            :meth:`go_on`.
        """
        if self._begins is not None and self.attachment.where == "tracepoint":
            self._begins.set(entered)
        self._attach_if(_MADE, CLONE3 in calls)
        foreseen = {number for number, spec in calls.items() if spec.want & record.WANT_BEGIN}
        if foreseen:
            self._attach_if(_FORESEEN, True)
        for hook in passing - self._hooked:
            self.object.attach(hook)
        calls = self.attachment.enter(calls, traced | foreseen)
        self.rows.update(spec.call for spec in (*calls.values(), *moments.values()))
        wanted = {("calls", number): record.CALL_SPEC.pack(*spec) for number, spec in calls.items()}
        requests = requests if self.sees_requests and requests else {}
        wanted |= {("uring_calls", number): record.CALL_SPEC.pack(*spec) for number, spec in requests.items()}
        wanted |= {("moments", number): record.CALL_SPEC.pack(*spec) for number, spec in moments.items()}
        places = {number % record.COMPAT_BASE for number in calls} | {_SOCKETCALL}
        self._ask(places | self.asked)
        for (name, number), packed in wanted.items():
            if self._calls.get((name, number)) != packed:
                self._set(name, number, packed)
        for name, number in self._calls.keys() - wanted.keys():
            self.object.update(self.object.map_fd(name), _U32.pack(number), _NO_CALL)
            self.object.ledger.drop(self.object.map_fd(name), _U32.pack(number))
        self._ask(places)
        self._calls = wanted
        self._with_folders.update(spec.call for spec in calls.values() if spec.folders)
        self._expect_no_filters(self.rows)
        self.attachment.leave()
        for hook in self._hooked - passing:
            self.object.detach(hook)
        self._hooked = passing
        self._attach_if(_RENAMED, PRCTL.get(os.uname().machine) in calls)
        self._attach_if(_FORESEEN, bool(foreseen))
        self._moments = frozenset(moments)
        self._attach_moments()

    @property
    def waits(self) -> bool:
        """Whether events that occur all the time are to be collected after :meth:`go_on`."""
        return not self._listed and not self._moments.isdisjoint(_OFTEN)

    def go_on(self) -> None:
        """Collect events that occur all the time, too, if asked to: filters know the running processes."""
        self._listed = True
        self._attach_moments()

    def _attach_moments(self) -> None:
        wanted = self._moments if self._listed else self._moments - _OFTEN
        for number, programs in _MOMENTS.items():
            for program, tracepoint in programs.items():
                self._attach_if(program, number in wanted and self.kernel.has_tracepoint(tracepoint))

    def _expect_no_filters(self, rows: set[int]) -> None:
        """Expect no other filters of the events with these rows than those that were set."""
        # Before the last stage the filter of folders stands, which only calls have whose folders are asked for.
        keys = [_U32.pack(stage * record.MAX_CALLS + row) for row in rows for stage in range(record.STAGE_SUBMIT)]
        keys += [_U32.pack(record.STAGE_SUBMIT * record.MAX_CALLS + row) for row in rows & self._with_folders]
        for place in self.places:
            self.object.ledger.expect_empty(place.map_fd("filters"), "filters", keys)
        for name, row in zip(_OF_PROCESSES, self._of_processes, strict=True):
            keys = [_U32.pack(stage * record.MAX_CALLS + row) for stage in range(record.STAGE_SUBMIT + 1)]
            self.object.ledger.expect_empty(self.map_fd(name), name, keys)

    def _attach_if(self, program: str, wanted: bool) -> None:
        """Attach a program that belongs to a call, or detach it."""
        if wanted and program not in self._attached:
            self.object.attach(program)
            self._attached.add(program)
        elif program in self._attached and not wanted:
            self.object.detach(program)
            self._attached.remove(program)

    def _ask(self, places: set[int]) -> None:
        """Let the probe look at calls with these numbers, from whichever table."""
        value = bytes(place in places for place in range(record.COMPAT_BASE))
        self._set(".data.wanted", 0, value)
        self.settle()
        self.asked = places

    def _set(self, name: str, place: int, value: bytes) -> None:
        self.object.ledger.set(self.object.map_fd(name), name, _U32.pack(place), value)

    def _put(self, name: str, place: int, program: int) -> None:
        self.object.ledger.put(self.object.map_fd(name), name, _U32.pack(place), program)

    def map_fd(self, name: str) -> int:
        """Return the descriptor of one of the probe's maps."""
        return self.object.map_fd(name)

    def set_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        """Use these filters (map and index in it → descriptor) instead of the previous ones."""
        for (name, place), program in programs.items():
            self._put(name, place, program)
        for name, place in self._filters - programs.keys():
            self.object.ledger.delete(self.object.map_fd(name), _U32.pack(place))
        self._filters = frozenset(programs)

    def add_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        """Use these filters, too (map and index in it → descriptor)."""
        for (name, place), program in programs.items():
            self._put(name, place, program)
        self._filters |= programs.keys()

    def set_last_names(self, names: Iterable[LastName]) -> None:
        """Have opens of files with these last names judged; call this before any filter is set.

        So are those with the names before, of which verdicts are kept until folders are judged again.
        """
        self._names = sieve(names)
        self._sieve = joined((self._sieve, self._names))
        self._set(".data.sieve", 0, self._sieve)

    def forget_folders(self) -> None:
        """Have all folders judged again; call this when all filters were set."""
        self._rules += 1
        self._set(".data.rules", 0, _U32.pack(self._rules))
        self._sieve = self._names  # the map has those before until filters are set the next time

    def missed(self) -> int:
        """Return how often the kernel skipped one of the programs."""
        missed = sum(misses(self._library, self.object.program_fd(name)) for name in self._others)
        return self.attachment.missed() + missed

    def close(self) -> None:
        """Detach and unload the probe."""
        if self._begins is not None:
            self._begins.close()
        for program in self._begun_again:
            os.close(program)
        self.attachment.close()
        for descriptor in self._read_only.values():
            os.close(descriptor)
        self.object.close()
