"""The base of attachments: each is one way in which the probe's programs see calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.records.record import CallSpec


class Attachment:
    """The probe's programs for calls, attached from :meth:`start` on.

    What is here is so of a place that all calls pass, whichever are wanted.

    :ivar why_not: why calls are not seen by functions, although that was wanted.
    """

    def __init__(self, why_not: str = "") -> None:
        self.why_not = why_not

    @property
    def where(self) -> str:
        """Return where calls are seen: ``tracepoint``, ``function``, or ``both``, each call at one of them."""
        return "tracepoint"

    @property
    def told(self) -> str:
        """Return where calls are seen, and why, in words."""
        reason = f", not at the kernel's functions: {self.why_not}" if self.why_not else ""
        return f"calls are seen at the tracepoint of all calls{reason}"

    @property
    def waiting(self) -> frozenset[int]:
        """Return the threads in calls that began before their functions were attached, so that the tracepoint stays."""
        return frozenset()

    @property
    def stages(self) -> Sequence[Stages]:
        """Return the copies of stages that calls go through beside the probe's own."""
        return ()

    def start(self) -> None:
        """Attach what is needed whatever calls are wanted."""
        raise NotImplementedError

    def prepare(self, numbers: AbstractSet[int]) -> None:
        """Have the copies of stages that these calls take."""

    def measure(self, on: bool) -> None:
        """Take the time of calls that are left out, or no longer."""

    def enter(self, calls: Mapping[int, CallSpec], traced: AbstractSet[int]) -> Mapping[int, CallSpec]:
        """Have each of these *calls* seen somewhere as well, and return them with where that is.

        Of *traced* calls functions do not see all that is wanted.
        """
        return calls

    def leave(self) -> None:
        """Have no other calls seen than :meth:`enter` was given last."""

    def successor(self) -> Attachment | None:
        """Return what sees calls instead from now on, if this no longer does; it has to be given all calls anew."""
        return None

    def missed(self) -> int:
        """Return how many calls were perhaps not seen where they should have been."""
        raise NotImplementedError

    def close(self) -> None:
        """Detach what is attached to functions, and unload copies."""
