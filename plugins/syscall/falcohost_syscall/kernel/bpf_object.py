"""BPF objects: loads a CO-RE object through libbpf, attaches its programs and reaches its maps.

Nothing here knows what the object does.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from ctypes import Structure, byref, c_bool, c_char_p, c_size_t, c_uint32
from errno import EBADF, ENOENT
from pathlib import Path
from typing import Final, NamedTuple, Self

from falcohost import SourceError
from falcohost_syscall.kernel.instructions import with_maps
from falcohost_syscall.kernel.ledger import Ledger
from falcohost_syscall.kernel.libbpf import INSTRUCTION, LibbpfError, Library
from falcohost_syscall.kernel.maps import Maps

#: What the names of sections of programs for raw tracepoints begin with; enum bpf_attach_type: BPF_TRACE_ITER.
_RAW_TRACEPOINT: Final = b"raw_tp"
_ITERATOR: Final = 28


class _ObjectOptions(Structure):
    """``struct bpf_object_open_opts`` of bpf/libbpf.h, up to the members that are used here."""

    _fields_ = (
        ("size", c_size_t),
        ("object_name", c_char_p),
        ("relaxed_maps", c_bool),
        ("pin_root_path", c_char_p),
        ("unused", c_uint32),
        ("kconfig", c_char_p),
        ("btf_custom_path", c_char_p),
    )


class LoadedProgram(NamedTuple):
    """A loaded program.

    :ivar tracepoint: the raw tracepoint that it is for; None: it was loaded for one place in the kernel.
    :ivar code: its instructions, as the kernel got them; empty if they are not kept.
    :ivar section: the name of its section in the object file; empty if libbpf has not loaded it here.
    """

    descriptor: int
    tracepoint: bytes | None
    code: bytes
    section: bytes = b""


class LoadedMap(NamedTuple):
    """A map that was made."""

    descriptor: int
    entries: int
    value_size: int


class Object(Maps):
    """One BPF object file; finds its maps and programs by name.

    Once it is loaded, libbpf's own copy of it (1.5 MB) is freed, and only descriptors are left.

    :ivar ledger: what is written into maps by nobody else.
    """

    def __init__(self, library: Library, image: bytes, types: Path | None = None) -> None:
        """Open the object *image*.

        :param types: the file that says where the members of the kernel's structures lie; None: the kernel does.
        :raises LibbpfError: it cannot be opened.
        """
        super().__init__(library)
        options = _ObjectOptions(ctypes.sizeof(_ObjectOptions))
        options.btf_custom_path = None if types is None else bytes(types)
        pointer = self._lib.bpf_object__open_mem(image, len(image), byref(options))
        self._object: int | None = library.check(pointer, "libbpf cannot open the probe")
        self._maps: dict[str, LoadedMap] = {}
        self._programs: dict[str, LoadedProgram] = {}
        self._links: dict[str, int] = {}
        self._behind: dict[str, Sequence[int]] = {}
        self._links_behind: dict[str, Sequence[int]] = {}
        self._types = -1
        self.ledger = Ledger(self)

    @classmethod
    def of(
        cls, library: Library, maps: Mapping[str, LoadedMap], programs: Mapping[str, LoadedProgram], types: int
    ) -> Self:
        """Return an object that another process has loaded, from its parts as :meth:`parts` returns them."""
        found = cls.__new__(cls)
        Maps.__init__(found, library)
        found._object = None
        found._maps, found._programs, found._types = dict(maps), dict(programs), types
        found._links, found._behind, found._links_behind = {}, {}, {}
        found.ledger = Ledger(found)
        return found

    def parts(self) -> tuple[Mapping[str, LoadedMap], Mapping[str, LoadedProgram], int]:
        """Return the maps and programs of the loaded object by name, and the descriptor of its types."""
        return self._maps, self._programs, self._types

    def _opened(self) -> int:
        if self._object is None:
            raise LibbpfError("The probe is loaded, or unloaded again", EBADF)
        return self._object

    def map(self, name: str) -> int:
        """Return the handle of a map; call it before :meth:`load`."""
        pointer = self._lib.bpf_object__find_map_by_name(self._opened(), name.encode())
        return self.library.check(pointer, f"The probe has no map {name}")

    def program(self, name: str) -> int:
        """Return the handle of a program; call it before :meth:`load`."""
        pointer = self._lib.bpf_object__find_program_by_name(self._opened(), name.encode())
        return self.library.check(pointer, f"The probe has no program {name}")

    def take_in(self, name: str) -> None:
        """Enable a program whose section is not loaded by default; call it before :meth:`load`."""
        self.library.check(self._lib.bpf_program__set_autoload(self.program(name), True), f"Cannot enable {name}")

    def leave_out(self, name: str) -> None:
        """Disable a program, so that it is not loaded; call it before :meth:`load`."""
        self.library.check(self._lib.bpf_program__set_autoload(self.program(name), False), f"Cannot disable {name}")

    def enabled(self) -> Set[str]:
        """Return the names of the programs that :meth:`load` will load."""
        return {name for name, one in self._each_program() if self._lib.bpf_program__autoload(one)}

    def share(self, maps: Object) -> None:
        """Use the loaded *maps* of an object with the same ones; call it before :meth:`load`."""
        for one, made in zip(self._each_map(), maps.map_fds().values(), strict=True):
            self.library.check(self._lib.bpf_map__reuse_fd(one, made), "Cannot use a map of the probe again")

    def join(self, other: Object) -> None:
        """Take the programs of *other*, which is loaded and shares the maps; close it."""
        maps = dict(zip(other.map_fds().values(), self.map_fds().values(), strict=True))
        for name, one in other._programs.items():
            self._programs[name] = one._replace(code=with_maps(one.code, maps))
        other._programs = {}
        other.close()

    def adopt(self, programs: Mapping[str, LoadedProgram]) -> None:
        """Take programs that were loaded for the maps of this loaded object."""
        self._programs.update(programs)

    def resize(self, name: str, entries: int) -> None:
        """Set the capacity of a map; call it before :meth:`load`."""
        self.library.check(self._lib.bpf_map__set_max_entries(self.map(name), entries), f"Cannot size the map {name}")

    def set_data(self, name: str, value: bytes) -> None:
        """Set the contents of a data section; call it before :meth:`load`."""
        size = c_size_t()
        pointer = self._lib.bpf_map__initial_value(self.map(name), byref(size))
        if not pointer or size.value != len(value):
            raise SourceError(f"The probe's section {name} holds {size.value} bytes, not {len(value)}.")
        ctypes.memmove(pointer, value, len(value))

    def load(self, *, codes: bool = False) -> None:
        """Load the maps and programs into the kernel.

        :param codes: keep the programs' instructions.
        """
        self.hand_over()
        self.take_over(codes=codes)

    def hand_over(self) -> None:
        """Do the first part of :meth:`load`, which takes long; other threads may do it for other objects."""
        self.library.check(self._lib.bpf_object__load(self._opened()), "The kernel refused the probe")

    def take_over(self, *, codes: bool = False) -> None:
        """Do the rest of :meth:`load`. No other thread may open anything meanwhile: descriptors keep their numbers."""
        opened = self._opened()
        self._maps = dict(self._made(opened))
        self._programs = dict(self._accepted(opened, codes))
        self._types = self.library.check(self._lib.bpf_object__btf_fd(opened), "The probe has no BTF")
        # The instructions name maps by their descriptors, which therefore keep their numbers.
        copies = [(number, os.dup(number)) for number in self._descriptors()]
        self._lib.bpf_object__close(opened)
        self._object = None
        for number, copy in copies:
            os.dup2(copy, number, inheritable=False)
            os.close(copy)

    def drop(self, names: Set[str]) -> None:
        """Unload those of these programs that are loaded; nothing may use them yet."""
        for name in names & self._programs.keys():
            os.close(self._programs.pop(name).descriptor)

    def freeze(self, name: str) -> None:
        """Let only programs write into a map from now on; root cannot either."""
        self.library.check(self._lib.bpf_map_freeze(self.map_fd(name)), "Cannot freeze a map")

    def _each_map(self) -> Iterator[int]:
        one, opened = None, self._opened()
        while one := self._lib.bpf_object__next_map(opened, one):
            yield one

    def _each_program(self) -> Iterator[tuple[str, int]]:
        one, opened = None, self._opened()
        while one := self._lib.bpf_object__next_program(opened, one):
            yield self._lib.bpf_program__name(one).decode(), one

    def _made(self, opened: int) -> Iterator[tuple[str, LoadedMap]]:
        one, lib = None, self._lib
        while one := lib.bpf_object__next_map(opened, one):
            if (descriptor := lib.bpf_map__fd(one)) >= 0:
                found = LoadedMap(descriptor, lib.bpf_map__max_entries(one), lib.bpf_map__value_size(one))
                yield lib.bpf_map__name(one).decode(), found

    def _accepted(self, opened: int, codes: bool) -> Iterator[tuple[str, LoadedProgram]]:
        one, lib = None, self._lib
        while one := lib.bpf_object__next_program(opened, one):
            if (descriptor := lib.bpf_program__fd(one)) >= 0:
                size = INSTRUCTION * lib.bpf_program__insn_cnt(one) if codes else 0
                section = lib.bpf_program__section_name(one)
                kind, _, place = section.partition(b"/")
                tracepoint = place if kind == _RAW_TRACEPOINT else None
                code = ctypes.string_at(lib.bpf_program__insns(one), size)
                yield lib.bpf_program__name(one).decode(), LoadedProgram(descriptor, tracepoint, code, section)

    def _descriptors(self) -> Iterator[int]:
        yield from (one.descriptor for one in self._maps.values())
        yield from (one.descriptor for one in self._programs.values())
        if self._types >= 0:
            yield self._types

    def _map(self, name: str) -> LoadedMap:
        if name not in self._maps:
            raise LibbpfError(f"The map {name} is not loaded", ENOENT)
        return self._maps[name]

    def _program(self, name: str) -> LoadedProgram:
        if name not in self._programs:
            raise LibbpfError(f"The program {name} is not loaded", ENOENT)
        return self._programs[name]

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map of the loaded object."""
        return self._map(name).descriptor

    def program_fd(self, name: str) -> int:
        """Return the descriptor of a program of the loaded object."""
        return self._program(name).descriptor

    def loaded(self) -> Set[str]:
        """Return the names of the programs of the loaded object."""
        return self._programs.keys()

    def instructions(self, name: str) -> bytes:
        """Return the instructions of a program of the loaded object, as the kernel got them."""
        if not (code := self._program(name).code):
            raise LibbpfError(f"The instructions of {name} are not kept", ENOENT)
        return code

    @property
    def btf_fd(self) -> int:
        """Return the descriptor of the loaded object's BTF."""
        return self._types

    def entries(self, name: str) -> int:
        """Return the capacity of a map of the loaded object, in entries."""
        return self._map(name).entries

    def value_size(self, name: str) -> int:
        """Return the size of the values of a map of the loaded object, in bytes."""
        return self._map(name).value_size

    def put_behind(self, names: Iterable[str], programs: Sequence[int]) -> None:
        """Attach these *programs* (descriptors, which :meth:`close` closes) behind each that has one of *names*."""
        self._behind.update(dict.fromkeys(names, programs))

    def attach(self, name: str) -> None:
        """Attach a program as its section says, until :meth:`detach` or :meth:`close`."""
        program = self._program(name)
        links: list[int] = []
        try:
            for descriptor in (program.descriptor, *self._behind.get(name, ())):
                link = self._lib.bpf_raw_tracepoint_open(program.tracepoint, descriptor)
                links.append(self.library.check(link, f"Cannot attach {name}"))
        except LibbpfError:
            for link in links:
                os.close(link)
            raise
        self._links[name], *behind = links
        if behind:
            self._links_behind[name] = behind

    def detach(self, name: str) -> None:
        """Detach a program that was attached."""
        os.close(self._links.pop(name))
        for link in self._links_behind.pop(name, ()):
            os.close(link)

    def iterator(self, name: str) -> int:
        """Return the descriptor of an iterator program's link (:meth:`iterate`), which stays until :meth:`close`."""
        if name not in self._links:
            link = self._lib.bpf_link_create(self.program_fd(name), 0, _ITERATOR, None)
            self._links[name] = self.library.check(link, f"Cannot attach {name}")
        return self._links[name]

    def map_fds(self) -> dict[str, int]:
        """Return the descriptors of all maps of the loaded object, by name."""
        return {name: one.descriptor for name, one in self._maps.items()}

    def link_fds(self) -> list[int]:
        """Return the descriptors of the links of everything that is attached."""
        return [*self._links.values(), *(link for links in self._links_behind.values() for link in links)]

    def close(self) -> None:
        """Detach and unload everything."""
        for name in list(self._links):
            self.detach(name)
        if self._object is not None:
            self._lib.bpf_object__close(self._object)
            self._object = None
        for descriptor in (*self._descriptors(), *{one for behind in self._behind.values() for one in behind}):
            os.close(descriptor)
        self._maps, self._programs, self._behind, self._types = {}, {}, {}, -1
