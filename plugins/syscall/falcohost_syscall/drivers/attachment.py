"""Where calls are seen: at the tracepoint that all of them pass, or each at the kernel's function for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from falcohost_syscall.drivers.call_functions import NOT_TRACED, NotPossibleError, are_traced
from falcohost_syscall.drivers.copies import Stages
from falcohost_syscall.drivers.functions import Functions
from falcohost_syscall.drivers.libbpf import Library, Object
from falcohost_syscall.records import WANT_BY_FUNCTION, CallSpec

_TRACEPOINT: Final = "sys_exit"


class Attachment:
    """The probe's programs for calls, attached; none is before :meth:`start`.

    :ivar why_not: why calls cannot be seen by functions, although that was wanted.
    """

    def __init__(self, library: Library, probe: Object) -> None:
        self.why_not = ""
        self._library, self._probe = library, probe
        self._functions: Functions | None = None
        self._by_tracepoint = False
        self._traced: set[int] = set()

    def use_functions(self) -> None:
        """Have calls seen by functions from :meth:`start` on, if the kernel allows it; the probe is loaded."""
        try:
            self._functions = Functions(self._library, self._probe)
        except NotPossibleError as error:
            self.why_not = str(error)

    @property
    def where(self) -> str:
        """Return where calls are seen: ``tracepoint``, ``function``, or ``both``, each call at one of them."""
        if self._functions is None:
            return "tracepoint"
        return "both" if self._by_tracepoint else "function"

    @property
    def stages(self) -> Sequence[Stages]:
        """Return the copies of stages that calls go through beside the probe's own."""
        return () if self._functions is None else self._functions.stages

    def start(self) -> None:
        """Attach what is needed whatever calls are wanted."""
        self._trace(self._functions is None)

    def enter(self, calls: Mapping[int, CallSpec], traced: AbstractSet[int]) -> Mapping[int, CallSpec]:
        """Have each of these *calls* seen somewhere as well, and return them with where that is.

        Of *traced* calls functions do not see all that is wanted. What was left to the tracepoint once stays there:
        between the one and the other it could be missed.
        """
        if self._functions is None:
            return calls
        self._traced |= traced
        seen = self._functions.enter(calls.keys() - self._traced)
        if calls.keys() - seen:
            self._trace(True)
        return {
            number: spec._replace(want=spec.want | WANT_BY_FUNCTION) if number in seen else spec
            for number, spec in calls.items()
        }

    def leave(self, calls: Mapping[int, CallSpec]) -> None:
        """Have no others seen than these *calls*, as :meth:`enter` has returned them."""
        if self._functions is not None:
            self._functions.leave(calls.keys())
            self._trace(any(not spec.want & WANT_BY_FUNCTION for spec in calls.values()))

    def still_sees(self) -> bool:
        """Tell whether calls are seen where :meth:`enter` said; else it has to be called anew, for all calls."""
        if self._functions is None or are_traced():
            return True
        self.why_not = NOT_TRACED
        self._trace(True)
        self.close()
        return False

    def lost(self) -> dict[str, int]:
        """Return how many calls functions did not see although they should have, by cause."""
        return {} if self._functions is None else {"preempted": self._functions.missed()}

    def close(self) -> None:
        """Detach from functions, and unload what is there."""
        if self._functions is not None:
            self._functions.close()
            self._functions = None

    def _trace(self, on: bool) -> None:
        if on != self._by_tracepoint:
            (self._probe.attach if on else self._probe.detach)(_TRACEPOINT)
            self._by_tracepoint = on
