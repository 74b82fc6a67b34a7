"""Loads the compiled probe, as far as this kernel allows it and what is collected takes it (:mod:`.parts`)."""

from __future__ import annotations

import functools
import os
import struct
from collections.abc import Callable, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from falcohost import SourceError
from falcohost_syscall.drivers.modern_ebpf import direct, hooks, parts, sameness, stages
from falcohost_syscall.drivers.modern_ebpf.attach import relays
from falcohost_syscall.drivers.modern_ebpf.attach.at_functions import AtFunctions
from falcohost_syscall.drivers.modern_ebpf.attach.attachment import Attachment
from falcohost_syscall.drivers.modern_ebpf.attach.by_perf import PROGRAM, RETURNED, ByPerf, may_be_left_out
from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import CallFunctions, NotPossibleError, find
from falcohost_syscall.drivers.modern_ebpf.attach.functions import ENTRIES
from falcohost_syscall.drivers.modern_ebpf.attach.handover import ITERATOR
from falcohost_syscall.drivers.modern_ebpf.attach.tracepoint import AtTracepoint
from falcohost_syscall.drivers.modern_ebpf.forms import OBJECTS, OLDER_OBJECTS, needs_older, needs_relays
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.kernel import given_types, halves, map_digest
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.function_programs import FunctionKernel
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.object_file import UnreadableError
from falcohost_syscall.kernel.programs import Kernel

if TYPE_CHECKING:
    from falcohost_syscall.kernel.kept_programs import KeptPrograms

URING: Final = {"uring_submit": "io_uring_submit_req", "uring_complete": "io_uring_complete"}
"""Programs for io_uring requests, and the tracepoints that they need (the first exists since Linux 6.4)."""
FOLDERS: Final = "folders"
"""The map of verdicts on folders: nobody may add one that filters have not given."""
URING_LOOK: Final = "uring_look"
"""The program with which those look for files that were opened silently."""
#: Context (about a KiB each) is reserved for four times as many processes as are running, at least for the first and
#: at most for the second number.
LEAST_PROCESSES: Final = 8192
MOST_RESERVED: Final = 1 << 16
#: For others it is allocated when they start, up to this many; each place takes 16 bytes.
MOST_PROCESSES: Final = 1 << 18
_T = TypeVar("_T")
_FOLDER: Final = Path(__file__).parents[2] / "bpf"
_U32: Final = struct.Struct("=I")
#: Linux 6.2 and 6.3 have the function for casts, but take no program that asks whether it is there (its address: 6.4),
#: and say this. There the probe asks for a function that no kernel has, as if it were before 6.2.
_HALF_KNOWN: Final = "isn't KIND_VAR"
_CASTS, _NO_CASTS = b"bpf_rdonly_cast", b"bpf_rdonly_none"
#: Why calls are not observed at their functions.
_OLDER: Final = "the kernel lacks what that needs"


#: Returns which parts it takes to collect what is asked for, or None if that is not known so many seconds later either.
#: After None seconds, nobody will ever know.
Takes: TypeAlias = Callable[[float | None], Set[str] | None]
#: Seconds after which what most rules take is loaded, before it is known what is asked for.
_SOON: Final = 0.05


class Wanted(NamedTuple):
    """What is to be loaded."""

    settings: LoadSettings
    options: Options
    hooks: frozenset[str]
    sees_requests: bool
    older: bool


class Loaded(NamedTuple):
    """The loaded probe.

    :ivar attachment: the way in which calls are observed, not started yet.
    :ivar hooks: the kernel's hooks at which it learns which files the paths of a call lead to (``Call.hooks``).
    :ivar sees_requests: io_uring requests are events too.
    :ivar wanted: what :func:`add` adds to.
    """

    probe: Object
    attachment: Attachment
    hooks: frozenset[str]
    sees_requests: bool
    wanted: Wanted


class Prepared(NamedTuple):
    """What was loaded, before it is decided how calls are observed.

    :ivar functions: the functions at which they may be; None: they may not, and *why_not* says why.
    :ivar by_perf: at the tracepoint, they are to be seen by way of perf.
    :ivar older: it is the form for older kernels.
    """

    probe: Object
    functions: CallFunctions | None
    why_not: str
    hooks: frozenset[str]
    sees_requests: bool
    by_perf: bool
    older: bool = False


def everything(wait: float | None) -> Set[str]:
    """Return all parts."""
    return parts.ALL


def prepare(
    library: Library,
    kernel: Kernel,
    settings: LoadSettings,
    options: Options,
    *,
    by_function: bool,
    takes: Takes = everything,
    kept: KeptPrograms | None = None,
) -> Prepared:
    """Load the probe; calls are to be observed at their functions if asked to and if the kernel allows it.

    :param takes: returns the parts to load. Of the form for older kernels all are loaded.
    :param kept: where programs may be that were loaded before. Others have their instructions then.
    :raises LibbpfError: the kernel refused it.
    :raises SourceError: there are no types by which it could be loaded, or they are another kernel's.
    """
    with library.types:
        if needs_older(library):
            return _prepare_older(library, settings, options)
        functions, why_not = _find_functions(library) if by_function else (None, "")
        found = frozenset() if options.requested else hooks.find(kernel)
        sees_requests = all(map(kernel.has_tracepoint, URING.values()))
        by_perf = settings.by_perf or (functions is None and may_be_left_out(kernel))
        settings = settings._replace(functions=functions is not None, by_perf=by_perf)
        found = found if sees_requests else found - hooks.REQUESTS
        wanted = Wanted(settings, options, found, sees_requests, older=False)
        try:
            probe = _loaded(library, wanted, takes, kept=kept)
        except LibbpfError:
            if not wanted.hooks:
                raise
            wanted = wanted._replace(hooks=frozenset())  # perhaps these are what the kernel refused; the rest works
            probe = _loaded(library, wanted, takes, kept=kept)
        if direct.is_there(older=False):
            direct.find(kernel, probe.program_fd(direct.PROGRAM))
        map_digest.places(library.types)  # while they are read; a loader asks for them again
        return Prepared(probe, functions, why_not, wanted.hooks, sees_requests, by_perf)


def _prepare_older(library: Library, settings: LoadSettings, options: Options) -> Prepared:
    settings = settings._replace(functions=False, by_perf=False)
    wanted = Wanted(settings, options, frozenset(), sees_requests=False, older=True)
    if given_types.has_own():
        probe = _loaded(library, wanted, everything)
    else:
        path = given_types.required(settings.btf)
        with given_types.passed(given_types.checked(path)) as types:
            try:
                probe = _loaded(library, wanted, everything, types)
            except LibbpfError as error:
                raise SourceError(
                    f"{given_types.KEY}: the probe cannot be loaded by {path}, which is another kernel's, or made for "
                    f"another program (bpftool gen min_core_btf); {given_types.HOW}.\n{error}"
                ) from error
        sameness.check(library, probe, path)
    return Prepared(probe, None, _OLDER, frozenset(), sees_requests=False, by_perf=False, older=True)


def load(library: Library, prepared: Prepared, settings: LoadSettings, options: Options) -> Loaded:
    """Return the loaded probe with the way in which calls are observed; *settings* and *options*: as it was prepared.

    :raises LibbpfError: the kernel refused it; nothing is loaded any more.
    """
    probe, functions, why_not, found, sees_requests, by_perf, _ = prepared
    try:
        if prepared.older and needs_relays(library):
            relays.add(Kernel(library), probe)
        with library.types:
            attachment = _chosen(library, probe, functions, by_perf, why_not)
    except BaseException:
        probe.close()
        raise
    settings = settings._replace(functions=functions is not None, by_perf=by_perf)
    wanted = Wanted(settings, options, found, sees_requests, prepared.older)
    return Loaded(probe, attachment, found, sees_requests, wanted)


def images() -> bytes:
    """Return all forms of the compiled probe for this machine."""
    return image() + (image(older=True) if os.uname().machine in OLDER_OBJECTS else b"")


def image(*, older: bool = False) -> bytes:
    """Return the compiled probe for this machine, or its form for *older* kernels."""
    return (_FOLDER / (OLDER_OBJECTS if older else OBJECTS)[os.uname().machine]).read_bytes()


def _find_functions(library: Library) -> tuple[CallFunctions | None, str]:
    """Return the functions at which calls can be observed, or why they cannot."""
    try:
        return find(FunctionKernel(library)), ""
    except NotPossibleError as error:
        return None, str(error)


def lacks(probe: Object, wanted: Wanted, takes: Set[str]) -> Set[str]:
    """Return those of these parts that the loaded *probe* lacks, though the kernel takes them."""
    if wanted.older:
        return frozenset()
    there = takes & parts.possible(wanted.hooks, sees_requests=wanted.sees_requests)
    return {name for name in there if not probe.loaded() >= {*parts.PARTS[name].programs}}


def add(library: Library, probe: Object, wanted: Wanted, takes: Set[str], kept: KeptPrograms | None = None) -> None:
    """Load those of these parts that the loaded *probe* lacks.

    :raises LibbpfError: the kernel refused one, so that none is loaded.
    """
    if missing := parts.programs(lacks(probe, wanted, takes)):
        prepare, codes = functools.partial(_prepare, library, wanted=wanted), _codes(wanted)
        groups = parts.halved(missing) if halves.are_of_use() else [missing]
        if kept is None or not kept.load(probe, groups, codes=codes):
            _in_either_form(lambda found: halves.add(probe, found, prepare, groups, codes=codes or kept is not None))


def _codes(wanted: Wanted) -> bool:
    """Return whether programs are copied."""
    return wanted.settings.functions or wanted.settings.by_perf


def _loaded(
    library: Library, wanted: Wanted, takes: Takes, types: Path | None = None, kept: KeptPrograms | None = None
) -> Object:
    if not wanted.older and (kept or halves.are_of_use()):
        prepare = functools.partial(_prepare, library, wanted=wanted)

        def split(names: Set[str]) -> Sequence[Set[str]]:
            found = takes(_SOON)
            return parts.halved(names - _left_out(parts.LIKELY if found is None else found))

        try:
            probe = halves.load(library, image(), prepare, split, codes=_codes(wanted), kept=kept)
        except (LibbpfError, UnreadableError):  # as a whole, it is told what is wrong
            probe = _loaded_whole(library, wanted, takes, types)
    else:
        probe = _loaded_whole(library, wanted, takes, types)
    try:
        for name in (FOLDERS, direct.FOUND) if direct.is_there(older=wanted.older) else (FOLDERS,):
            probe.freeze(name)
        asked_for = _known(takes)
        probe.drop(_left_out(asked_for))
        add(library, probe, wanted, asked_for, kept)
        stages.fill(probe)
    except BaseException:
        probe.close()
        raise
    return probe


def _known(takes: Takes) -> Set[str]:
    """Return the parts that what is asked for takes, once that is known."""
    found = takes(None)
    return parts.ALL if found is None else found


def _left_out(takes: Set[str]) -> Set[str]:
    """Return the programs that none of these parts has."""
    return parts.OPTIONAL - parts.programs(takes)


def _loaded_whole(library: Library, wanted: Wanted, takes: Takes, types: Path | None) -> Object:
    left_out = _left_out(_known(takes))
    return _in_either_form(
        lambda found: _loaded_from(found, library, wanted, left_out, types), image(older=wanted.older)
    )


def _in_either_form(load: Callable[[bytes], _T], found: bytes | None = None) -> _T:
    """Have *load* load the object file *found*, or if the kernel half knows casts, one without them."""
    found = image() if found is None else found
    try:
        return load(found)
    except LibbpfError as error:
        if _HALF_KNOWN not in str(error):
            raise
    return load(found.replace(_CASTS, _NO_CASTS))


def _loaded_from(found: bytes, library: Library, wanted: Wanted, left_out: Set[str], types: Path | None) -> Object:
    probe = Object(library, found, types)
    try:
        _prepare(library, probe, wanted)
        for name in probe.enabled() & left_out:
            probe.leave_out(name)
        probe.load(codes=_codes(wanted))
    except BaseException:
        probe.close()
        raise
    return probe


def _prepare(library: Library, probe: Object, wanted: Wanted) -> None:
    settings = wanted.settings._replace(installs=hooks.INSTALLS in wanted.hooks)
    cpus = library.check(library.lib.libbpf_num_possible_cpus(), "Cannot count the processors")
    if wanted.older:
        probe.resize("scratches", 3 * cpus + 1)
        probe.set_data(".rodata.processors", _U32.pack(cpus))
        probe.set_data(relays.RELAYED, _U32.pack(needs_relays(library)))
    else:
        probe.resize("scratches", 2 * cpus)
        probe.resize("context_scratches", cpus)
    probe.resize("processes", min(max(LEAST_PROCESSES, 4 * _running()), MOST_RESERVED))
    probe.resize("further_processes", _most_processes())
    probe.set_data(".rodata.settings", settings.pack())
    probe.set_data(".data.options", wanted.options.pack())
    for name, size in zip(("call_ring", "proc_ring"), settings.ring_sizes, strict=True):
        probe.resize(name, size)
    if wanted.older:
        probe.resize("reached", 1)
        return
    if not wanted.sees_requests:
        probe.resize("requests", 1)
        probe.resize("silent", 1)
        for name in (*URING, URING_LOOK):
            probe.leave_out(name)
    for name in () if settings.functions else (*ENTRIES, ITERATOR):
        probe.leave_out(name)
    for name in () if settings.by_perf else (PROGRAM, RETURNED):
        probe.leave_out(name)
    hooks.prepare(probe, wanted.hooks, cpus)


def _running() -> int:
    return sum(map(str.isdigit, os.listdir("/proc")))  # noqa: PTH208 (there may be very many)


def _most_processes() -> int:
    """Return how many processes the machine may run, as far as there are places for them."""
    threads = Path("/proc/sys/kernel/threads-max").read_text()
    return min(max(int(threads), LEAST_PROCESSES), MOST_PROCESSES)


def _chosen(
    library: Library, probe: Object, functions: CallFunctions | None, by_perf: bool, why_not: str
) -> Attachment:
    """Return the way to observe calls: at *functions*, if the kernel allows it."""
    if functions is not None:
        try:
            return AtFunctions(library, probe, functions)
        except NotPossibleError as error:
            return AtTracepoint(library, probe, str(error))
    if by_perf:
        try:
            return ByPerf(library, probe, why_not)
        except (OSError, LibbpfError) as error:
            said = str(error).splitlines()[0]
            why_not = f"{why_not or 'threads may lose their processor'}, and perf cannot be used ({said})"
    return AtTracepoint(library, probe, why_not)
