"""Keeps the probe's programs as the kernel got them: libbpf need not fit them to the same kernel's types again.

For each structure that programs name libbpf goes through all types of the kernel, and does so once for each object that
it loads. What it makes of a program depends on the object file, on libbpf and on the kernel alone. The kernel checks
programs that were kept as it checks all others. If it refuses one, all come from libbpf, as before.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Mapping, Sequence, Set
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from falcohost import PreparedCache
from falcohost.digest import blake2b
from falcohost_syscall.kernel import kernel_types
from falcohost_syscall.kernel.at_once import at_once
from falcohost_syscall.kernel.bpf_object import LoadedProgram, Object
from falcohost_syscall.kernel.given_types import OWN
from falcohost_syscall.kernel.instructions import (
    CALL,
    INSTRUCTION,
    LOAD,
    NUMBER,
    function_places,
    map_places,
)
from falcohost_syscall.kernel.kernel_types import FUNCTION, TRACEPOINT, TYPEDEF
from falcohost_syscall.kernel.libbpf import LIBRARY, LibbpfError, Library
from falcohost_syscall.kernel.program_info import function_types
from falcohost_syscall.kernel.programs import (
    ATTACH_FUNCTION_ENTRY,
    ATTACH_ITERATOR,
    ATTACH_RAW_TRACEPOINT,
    FUNCTION_INFO,
    PROGRAM_RAW_TRACEPOINT,
    PROGRAM_TRACEPOINT,
    PROGRAM_TRACING,
    Attach,
    Described,
    Kernel,
)

#: Where the kernel tells its build ID, by which one kernel is told from another (NT_GNU_BUILD_ID of elf.h).
_NOTES: Final = Path("/sys/kernel/notes")
_NOTE: Final = struct.Struct("=III")
_BUILD_ID: Final = 3, b"GNU\0"
_LARGEST_NOTES: Final = 1 << 16
#: The number changes with the format.
_FORMAT: Final = b"programs 1"
#: Sections of programs by what their names begin with: the kind of program, and for those that are loaded for one
#: place, how they are attached, and what the name of the place's type begins with, and its kind.
_KINDS: Final[Mapping[bytes, tuple[int, int, str, int]]] = {
    b"raw_tp": (PROGRAM_RAW_TRACEPOINT, 0, "", 0),
    b"tp": (PROGRAM_TRACEPOINT, 0, "", 0),
    b"tp_btf": (PROGRAM_TRACING, ATTACH_RAW_TRACEPOINT, TRACEPOINT, TYPEDEF),
    b"iter": (PROGRAM_TRACING, ATTACH_ITERATOR, "bpf_iter_", FUNCTION),
    b"fentry": (PROGRAM_TRACING, ATTACH_FUNCTION_ENTRY, "", FUNCTION),
}
#: What the upper half of the byte of registers says: the number is the number itself, that of a function of the kernel,
#: or that of a type. The addresses of the kernel, which change with each boot, begin with these bits.
_NUMBER, _KERNEL_FUNCTION, _TYPE = 0, 2, 3
_ADDRESSES: Final = 0xFFFF0000


class _Program(msgspec.Struct, frozen=True, array_like=True):
    """A program.

    :ivar attach: how and where it will be attached; *tracepoint*: see :class:`LoadedProgram`.
    :ivar code: its instructions; *maps*: where these name maps, and which ones, by their order in the object file.
    :ivar functions: where its functions begin, and their types.
    """

    kind: int
    attach: tuple[int, int]
    tracepoint: bytes | None
    code: bytes
    maps: list[tuple[int, int]]
    functions: bytes


class _Kept(msgspec.Struct, frozen=True):
    """Programs by name, and what was looked up in the kernel's types, as in :mod:`.kernel_types`."""

    programs: dict[str, _Program]
    known: list[tuple[str, int, int]]
    prototypes: dict[int, int]
    places: list[tuple[str, str, int]]


class KeptPrograms:
    """The programs of the object file *image* that are in *cache*; none on a kernel that cannot be told from others."""

    def __init__(self, library: Library, image: bytes, cache: PreparedCache) -> None:
        self._library = library
        self._cache = cache
        self._key = _key(library, image)
        self._programs: dict[str, _Program] = {}
        self._looked_up = 0
        data = None if self._key is None else cache.read(self._key)
        if data is not None:
            self._take(data)

    def _take(self, data: bytes) -> None:
        try:
            found = _decode(data)
        except msgspec.DecodeError:
            return
        self._programs = found.programs
        kernel_types.NUMBERS.update({(name, kind): number for name, kind, number in found.known})
        kernel_types.PROTOTYPES.update(found.prototypes)
        kernel_types.PLACES.update({(structure, member): place for structure, member, place in found.places})
        self._looked_up = _looked_up()

    def __bool__(self) -> bool:
        return bool(self._programs)

    def load(self, found: Object, groups: Sequence[Set[str]], *, codes: bool) -> bool:
        """Load these programs for the maps of the loaded object *found*; return whether all are loaded.

        :param groups: those of different ones are loaded at the same time.
        :param codes: keep their instructions.
        """
        if not self._programs.keys() >= set().union(*groups):
            return False
        loaded: dict[str, LoadedProgram] = {}
        kernel, maps = Kernel(self._library), [*found.map_fds().values()]

        def load(names: Set[str]) -> None:
            for name in names:
                one = self._programs[name]
                code = bytearray(one.code)
                for place, number in one.maps:
                    NUMBER.pack_into(code, place, maps[number])
                whole = bytes(code)
                described = Described(name.encode(), found.btf_fd, one.functions)
                descriptor = kernel.load(whole, one.kind, Attach(*one.attach), described)
                loaded[name] = LoadedProgram(descriptor, one.tracepoint, whole if codes else b"")

        try:
            at_once([partial(load, names) for names in groups])
        except (LibbpfError, IndexError, struct.error):
            for one in loaded.values():
                os.close(one.descriptor)
            self._programs = {}
            return False
        found.adopt(loaded)
        return True

    def keep(self, probe: Object) -> None:
        """Keep those of *probe*'s programs that libbpf has loaded, with their instructions, and what was looked up."""
        if self._key is None:
            return
        maps, programs, _ = probe.parts()
        order = {one.descriptor: number for number, one in enumerate(maps.values())}
        new = {
            name: kept
            for name, one in programs.items()
            if name not in self._programs and (kept := self._kept(one, order)) is not None
        }
        if not new and self._looked_up == _looked_up():
            return
        self._cache.write(
            self._key,
            _encode(
                _Kept(
                    self._programs | new,
                    [(*what, number) for what, number in kernel_types.NUMBERS.items()],
                    kernel_types.PROTOTYPES,
                    [(*what, place) for what, place in kernel_types.PLACES.items()],
                )
            ),
        )

    def _kept(self, program: LoadedProgram, order: Mapping[int, int]) -> _Program | None:
        """Return what is kept of a program; None: it may be another one after the next boot, or is none of ours."""
        begin, _, place = program.section.removeprefix(b"?").partition(b"/")
        if begin not in _KINDS or not program.code or not _lasts(program.code):
            return None
        kind, attach, name, of = _KINDS[begin]
        number: int | None = 0
        if of:
            with self._library.types as types:
                number = types.number(f"{name}{place.decode()}", of)
        places, functions = function_places(program.code), function_types(self._library, program.descriptor)
        if number is None or len(places) != len(functions):
            return None
        named = [(at, order[one]) for at, one in map_places(program.code)]
        described = b"".join(map(FUNCTION_INFO.pack, places, functions))
        return _Program(kind, (attach, number), program.tracepoint, program.code, named, described)


def _looked_up() -> int:
    return len(kernel_types.NUMBERS) + len(kernel_types.PROTOTYPES) + len(kernel_types.PLACES)


def _lasts(code: bytes) -> bool:
    """Return whether a program's instructions are the same after the next boot: they name nothing of modules."""
    instructions = [*INSTRUCTION.iter_unpack(code)]
    for place, (operation, registers, offset, number) in enumerate(instructions):
        source = registers >> 4
        if operation == CALL and source == _KERNEL_FUNCTION and offset:
            return False
        if operation == LOAD:
            upper = instructions[place + 1][3] & 0xFFFFFFFF
            address = source == _NUMBER and number and upper & _ADDRESSES == _ADDRESSES  # without number: a mask
            if address or (source == _TYPE and upper):
                return False
    return True


def _key(library: Library, image: bytes) -> bytes | None:
    """Return what programs depend on; None: it is not known which kernel this is."""
    try:
        build, size = _build_id(_NOTES.read_bytes()[:_LARGEST_NOTES]), OWN.stat().st_size
    except (OSError, struct.error):
        return None
    if build is None:
        return None
    name, version = library.lib.libbpf_version_string, os.uname()
    name.restype = ctypes.c_char_p
    system = (version.sysname, version.release, version.version, version.machine, LIBRARY)
    return _encode((_FORMAT, build, size, system, name(), blake2b(image).digest()))


def _build_id(notes: bytes) -> bytes | None:
    """Return the build ID among the kernel's *notes* (elf(5)).

    :raises struct.error: they are damaged.
    """
    at = 0
    while at < len(notes):
        names, size, kind = _NOTE.unpack_from(notes, at)
        name = at + _NOTE.size
        begin = name + (names + 3 & ~3)
        if (kind, notes[name : name + names]) == _BUILD_ID and size:
            return notes[begin : begin + size]
        at = begin + (size + 3 & ~3)
    return None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Kept).decode
