"""The base class of attachments: each is one way for the probe's programs to see system calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from falcohost_syscall.drivers.modern_ebpf.attach.copies import Stages
from falcohost_syscall.records.record import CallSpec


class Attachment:
    """The probe's programs for calls, attached from :meth:`start` on.

    The methods here suit a place that all calls pass, whichever are in use.

    :ivar why_not: why calls are not seen at functions, although that was asked for.
    """

    def __init__(self, why_not: str = "") -> None:
        self.why_not = why_not

    @property
    def where(self) -> str:
        """Where calls are seen: ``tracepoint``, ``function``, or ``both``, with each call at one of them."""
        return "tracepoint"

    @property
    def told(self) -> str:
        """Where calls are seen, and why, in words."""
        reason = f", not at the kernel's functions: {self.why_not}" if self.why_not else ""
        return f"calls are seen at the tracepoint of all calls{reason}"

    @property
    def waiting(self) -> frozenset[int]:
        """The threads in calls that began before their functions were attached; they need the tracepoint."""
        return frozenset()

    @property
    def stages(self) -> Sequence[Stages]:
        """The copies of the probe's stages that calls pass through in addition to the probe's own."""
        return ()

    @property
    def held(self) -> Sequence[int]:
        """The descriptors on which it depends that calls are seen, besides those of the probe."""
        return ()

    @property
    def programs(self) -> Sequence[int]:
        """The programs that the kernel may skip for calls, of which :meth:`missed` tells."""
        return ()

    def start(self) -> None:
        """Attach what is needed for any call."""
        raise NotImplementedError

    def prepare(self, numbers: AbstractSet[int]) -> None:
        """Prepare the copies of stages for these calls."""

    def measure(self, on: bool) -> None:
        """Switch measuring of filtered calls on or off."""

    def enter(self, calls: Mapping[int, CallSpec], traced: AbstractSet[int]) -> Mapping[int, CallSpec]:
        """Start to observe *calls*; return them with the place at which each is seen.

        Functions do not show all returns of *traced* calls.
        """
        return calls

    def leave(self) -> None:
        """Stop to observe all calls that :meth:`enter` was not given last."""

    def successor(self) -> Attachment | None:
        """Return the attachment to use from now on if this one no longer sees calls; all calls have to be set again."""
        return None

    def missed(self) -> int:
        """Return how many calls may not have been seen."""
        raise NotImplementedError

    def close(self) -> None:
        """Detach from functions, and unload copies."""
