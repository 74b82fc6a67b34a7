"""Calls seen by the kernel's functions themselves (fexit), so that a call that nobody wants costs nothing at all.

On each function that is wanted stands a program of five instructions, which goes on to copies of the probe's stages.
Calls of 32-bit programs are seen where the kernel chooses among its functions for them: such programs pay for every
call, the others for none.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from falcohost_syscall.drivers.call_functions import CallFunctions, NotPossibleError, find
from falcohost_syscall.drivers.copies import Stages
from falcohost_syscall.drivers.function_programs import Entry, FunctionKernel
from falcohost_syscall.drivers.libbpf import LibbpfError, Library, Object
from falcohost_syscall.drivers.program_info import program_info

#: Programs of the probe that are copied to stand first: for calls' own functions, those that choose among them, and the
#: one that leaves calls out.
ENTRIES: Final = ("function_returns", "choice_returns", "skipped_returns")


class Functions:
    """Entries on the functions behind calls.

    :ivar stages: what follows them, for functions of each type.
    """

    def __init__(self, library: Library, probe: Object) -> None:
        """Copy the stages of the loaded *probe*, and see the calls of 32-bit programs and skipped ones from now on.

        :raises NotPossibleError: the kernel does not allow it.
        """
        self._library = library
        self._kernel = FunctionKernel(library)
        self.stages: list[Stages] = []
        self._common: list[Entry] = []
        self._entered: dict[int, Entry] = {}
        self._without: set[int] = set()
        self._missed_before = 0
        try:
            self._copy(probe, find(self._kernel))
        except LibbpfError as error:
            self.close()
            raise NotPossibleError(str(error).splitlines()[0]) from error

    def _copy(self, probe: Object, found: CallFunctions) -> None:
        """Copy the stages for each prototype that there is.

        Those of the functions behind calls differ in how their only argument is called.
        """
        own, choosing, skipping = ENTRIES
        self._names = found.by_number
        self._types = self._kernel.types({found.skipping, *found.choosing, *found.by_number.values()})
        models = {self._types[name].prototype: name for name in found.by_number.values() if name in self._types}
        self._own = {prototype: self._add(probe, own, name) for prototype, name in models.items()}
        for entry, names in ((choosing, found.choosing), (skipping, (found.skipping,))):
            if names:
                stages = self._add(probe, entry, names[0])
                self._common += [stages.attach(name, self._types[name].function) for name in names]

    def _add(self, probe: Object, entry: str, model: str) -> Stages:
        self.stages.append(Stages(self._library, probe, entry, self._types[model].function))
        return self.stages[-1]

    def enter(self, numbers: AbstractSet[int]) -> set[int]:
        """See the calls with these *numbers* as well; return those that can be seen.

        Of most functions without arguments the kernel does not tell the type. A call that the kernel lacks is seen
        well enough.
        """
        new = numbers & self._names.keys() - self._entered.keys() - self._without
        for number, name in ((number, self._names[number]) for number in new):
            try:
                kind = self._types[name]
                self._entered[number] = self._own[kind.prototype].attach(name, kind.function)
            except (KeyError, LibbpfError):
                self._without.add(number)
        return set(numbers - self._without)

    def leave(self, numbers: AbstractSet[int]) -> None:
        """See all calls but these no longer."""
        for number in self._entered.keys() - numbers:
            entry = self._entered.pop(number)
            self._missed_before += self._misses(entry)
            entry.close()

    def missed(self) -> int:
        """Return how many calls were not seen because the processor was taken from a program in the midst of it."""
        return self._missed_before + sum(map(self._misses, (*self._common, *self._entered.values())))

    def _misses(self, entry: Entry) -> int:
        return int(program_info(self._library, entry.program).recursion_misses)

    def close(self) -> None:
        """Detach and unload."""
        for entry in (*self._common, *self._entered.values()):
            entry.close()
        for stages in self.stages:
            stages.close()
        self._common, self._entered, self.stages = [], {}, []
