"""Observes calls at their kernel functions (fexit), so that calls that no rule needs cost nothing.

A program of five instructions is attached to each function and tail-calls copies of the probe's stages. Calls of 32-bit
programs are observed where the kernel chooses the function: these programs pay for every call, others for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import CallFunctions, NotPossibleError
from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.function_programs import ATTACH_EXIT, FunctionKernel, FunctionType
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.program_info import misses
from falcohost_syscall.kernel.programs import PROGRAM_TRACING, Attach, Entry

#: The probe's programs that are copied as entries: for functions of calls, for those that choose among them, and for
#: the one that skips calls.
ENTRIES: Final = ("function_returns", "choice_returns", "skipped_returns")
_OWN, _CHOOSING, _SKIPPING = ENTRIES


class Functions:
    """Entries at the functions of calls.

    :ivar stages: the copied stages that follow the entries, for each type of function.
    """

    def __init__(self, library: Library, probe: Object, found: CallFunctions) -> None:
        """Copy the stages of the loaded *probe*, and start to observe 32-bit programs' calls and skipped calls.

        :raises NotPossibleError: the kernel does not allow it.
        """
        self._library, self._probe = library, probe
        self._kernel = FunctionKernel(library)
        self.stages: list[Stages] = []
        self._common: list[Entry] = []
        self._names = found.by_number
        self._own: dict[int, Stages | None] = {}
        self._types: dict[int, FunctionType] = {}
        self._entered: dict[int, Entry] = {}
        self._without: set[int] = set()
        self._measures = False
        self._missed_before = 0
        try:
            self._see_common(found)
        except LibbpfError as error:
            self.close()
            raise NotPossibleError(str(error).splitlines()[0]) from error

    @property
    def held(self) -> Sequence[int]:
        """The descriptors on which it depends that calls are seen."""
        return [*(entry.link for entry in self._entries), *(fd for stages in self.stages for fd in stages.held)]

    @property
    def programs(self) -> Sequence[int]:
        """The attached programs."""
        return [entry.program for entry in self._entries]

    @property
    def _entries(self) -> Sequence[Entry]:
        return (*self._common, *self._entered.values())

    def _see_common(self, found: CallFunctions) -> None:
        types = self._kernel.types({found.skipping, *found.choosing})
        for entry, names in ((_CHOOSING, found.choosing), (_SKIPPING, (found.skipping,))):
            if names:
                stages = self._add(entry, types[names[0]].function)
                self._common += [self._attach(stages, name, types[name].function) for name in names]

    def _add(self, entry: str, function: int) -> Stages:
        kernel = FunctionKernel(self._library, function)
        self.stages.append(Stages(kernel, self._probe, entry, PROGRAM_TRACING, Attach(ATTACH_EXIT, function)))
        self.stages[-1].measure(self._measures)
        return self.stages[-1]

    def _attach(self, stages: Stages, name: str, function: int) -> Entry:
        """Attach *stages* to the return of a function."""
        return self._kernel.attach(name, function, stages.entry)

    def prepare(self, numbers: AbstractSet[int]) -> None:
        """Copy the stages for each prototype among the functions of the calls with these *numbers*.

        Prototypes differ in the name of their only argument. Most functions without arguments have no type in the BTF.
        """
        new = numbers & self._names.keys() - self._types.keys() - self._without
        types = self._kernel.types({self._names[number] for number in new}) if new else {}
        for number in new:
            kind = types.get(self._names[number])
            if kind is not None and self._copy(kind):
                self._types[number] = kind
            else:
                self._without.add(number)

    def _copy(self, kind: FunctionType) -> bool:
        """Copy the stages for functions of this type; return whether the kernel accepted them."""
        if kind.prototype not in self._own:
            try:
                self._own[kind.prototype] = self._add(_OWN, kind.function)
            except LibbpfError:
                self._own[kind.prototype] = None
        return self._own[kind.prototype] is not None

    def seen(self, numbers: AbstractSet[int]) -> set[int]:
        """Return the calls among *numbers* that can be observed. A call that the kernel lacks counts as one."""
        self.prepare(numbers)
        return set(numbers - self._without)

    def enter(self, numbers: AbstractSet[int]) -> set[int]:
        """Start to observe the calls with these *numbers*; return those that are observed."""
        for number in numbers & self._types.keys() - self._entered.keys():
            kind = self._types[number]
            stages = self._own[kind.prototype]
            try:
                if stages is not None:
                    self._entered[number] = self._attach(stages, self._names[number], kind.function)
            except LibbpfError:
                self._without.add(number)
        return set(numbers - self._without)

    def measure(self, on: bool) -> None:
        """Switch measuring of filtered calls on or off."""
        self._measures = on
        for stages in self.stages:
            stages.measure(on)

    def leave(self, numbers: AbstractSet[int]) -> None:
        """Stop to observe all calls but these."""
        for number in self._entered.keys() - numbers:
            entry = self._entered.pop(number)
            self._missed_before += misses(self._library, entry.program)
            entry.close()

    def missed(self) -> int:
        """Return how many calls were missed because a program was preempted."""
        return self._missed_before + sum(misses(self._library, program) for program in self.programs)

    def close(self) -> None:
        """Detach and unload."""
        for entry in self._entries:
            entry.close()
        for stages in self.stages:
            stages.close()
        self._common, self._entered, self.stages = [], {}, []
