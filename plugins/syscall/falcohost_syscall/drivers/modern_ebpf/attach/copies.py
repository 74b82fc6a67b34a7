"""Loads the stages of calls once more: as programs for functions of one prototype, or with memory of their own.

A program can tail-call only programs of its own kind, and programs at functions are of another kind than those at
tracepoints. The copies have the instructions that libbpf has prepared for this kernel. They differ in the program
arrays through which they tail-call, and possibly in the memory in which they build records.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence, Set
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.stages import STAGES
from falcohost_syscall.kernel.assembler import R2, R3, TAIL_CALL, Assembler
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.instructions import function_places, with_maps
from falcohost_syscall.kernel.program_info import function_types
from falcohost_syscall.kernel.programs import (
    ANYWHERE,
    FUNCTION_INFO,
    MAP_PROG_ARRAY,
    PROGRAM_TRACING,
    Attach,
    Described,
    Kernel,
)
from falcohost_syscall.records import record

_U32: Final = struct.Struct("=I")
_PROGRAM_ARRAYS: Final = ("stages", "filters")
#: The array of programs that only the tracepoint's program calls.
_LOOKING: Final = "looking"
_LEFT_OUT: Final = "left_out"


class Stages:
    """Copies of the stages that follow a copy of the program *entry*.

    :ivar kernel: loads filters for them.
    """

    def __init__(
        self,
        kernel: Kernel,
        probe: Object,
        entry: str,
        kind: int,
        attach: Attach = ANYWHERE,
        memory: Sequence[str] = (),
        looking: Sequence[str] = (),
    ) -> None:
        """Copy the loaded *probe*'s programs as programs of this *kind*; the maps named in *memory* are made anew.

        :param looking: the programs of the array of that name, if it is copied; what is not loaded is left out.
        :raises LibbpfError: the kernel refused a copy.
        """
        self.kernel = kernel
        self._probe, self._kind, self._attach = probe, kind, attach
        self._maps: dict[str, int] = {}
        self._filters: frozenset[tuple[str, int]] = frozenset()
        try:
            for name in _PROGRAM_ARRAYS:
                self._maps[name] = self.kernel.array(4, probe.entries(name), MAP_PROG_ARRAY)
            for name in memory:
                self._maps[name] = self.kernel.array(probe.value_size(name), probe.entries(name))
            if looking:
                self._maps[_LOOKING] = self.kernel.array(4, len(looking), MAP_PROG_ARRAY)
            self._swapped = dict(self._maps)
            self._first = self._maps["first"] = self.kernel.array(4, 1, MAP_PROG_ARRAY)
            self._put("first", 0, entry)
            self._looking, self._copied = looking, set[str]()
            self.take_in(probe.loaded())
        except BaseException:
            self.close()
            raise

    def map_fd(self, name: str) -> int:
        """Return the descriptor of a map: the copies' own if they have one, else the probe's."""
        return self._maps[name] if name in self._maps else self._probe.map_fd(name)

    @property
    def held(self) -> Sequence[int]:
        """The descriptors of the copies' own maps: an array of programs loses them with its last descriptor."""
        return [*self._maps.values()]

    @property
    def entry(self) -> bytes:
        """A program that tail-calls the copies."""
        asm = Assembler()
        asm.map(R2, self._first)
        asm.constant(R3, 0)
        asm.call(TAIL_CALL)
        asm.leave()
        return asm.assemble()

    def copied(self, name: str) -> int:
        """Return the descriptor of a new copy of the program *name*, which the caller closes.

        :raises LibbpfError: the kernel refused it.
        """
        return copy(self.kernel, self._probe, name, self._swapped, self._kind, self._attach)

    def set_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        """Use these filters (map and index in it → descriptor) instead of the previous ones."""
        for (name, place), program in programs.items():
            self._probe.ledger.put(self._maps[name], name, _U32.pack(place), program)
        for name, place in self._filters - programs.keys():
            self._probe.ledger.delete(self._maps[name], _U32.pack(place))
        self._filters = frozenset(programs)

    def add_filters(self, programs: Mapping[tuple[str, int], int]) -> None:
        """Use these filters, too (map and index in it → descriptor)."""
        for (name, place), program in programs.items():
            self._probe.ledger.put(self._maps[name], name, _U32.pack(place), program)
        self._filters |= programs.keys()

    def take_in(self, programs: Set[str]) -> None:
        """Copy those stages among these *programs* of the probe that are not copied yet.

        :raises LibbpfError: the kernel refused a copy.
        """
        missing = programs - self._copied
        for array, names in (("stages", STAGES["stages"]), (_LOOKING, dict(enumerate(self._looking)))):
            for place, name in names.items():
                if name in missing:
                    self._put(array, place, name)
                    self._copied.add(name)

    def measure(self, on: bool) -> None:
        """Switch measuring of filtered calls on or off."""
        if on:
            self._put("stages", record.STAGE_LEFT_OUT, _LEFT_OUT)
        else:
            self._probe.ledger.delete(self._maps["stages"], _U32.pack(record.STAGE_LEFT_OUT))

    def close(self) -> None:
        """Unload the copies."""
        for fd in self._maps.values():
            self._probe.ledger.forget(fd)
            os.close(fd)
        self._maps.clear()

    def _put(self, array: str, place: int, name: str) -> None:
        program = self.copied(name)
        try:
            self._probe.ledger.put(self._maps[array], array, _U32.pack(place), program)
        finally:
            os.close(program)


def copy(
    kernel: Kernel,
    probe: Object,
    name: str,
    maps: Mapping[str, int],
    kind: int = PROGRAM_TRACING,
    attach: Attach = ANYWHERE,
) -> int:
    """Load a program of *probe* once more, with other *maps* (name → descriptor); return its descriptor.

    :raises LibbpfError: the kernel refused it.
    """
    code = probe.instructions(name)
    types = function_types(probe.library, probe.program_fd(name))
    functions = b"".join(map(FUNCTION_INFO.pack, function_places(code), types))
    described = Described(name.encode(), probe.btf_fd, functions)
    swapped = {probe.map_fd(own): other for own, other in maps.items()}
    return kernel.load(with_maps(code, swapped), kind, attach, described)
