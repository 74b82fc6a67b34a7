"""The agent's processes: what each is there for, so that a source can tell what they do for it from anything else.

A source that sees what processes do sees the agent too. What a process of the agent does for its job is no news, and
would feed itself: an alert that is written would raise the next one. Anything else is an event like all others, since
the process may be in an attacker's hands (provisional).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from falcohost.errors import SourceError

__all__ = ["AgentProcess", "Job", "KnowsAgent", "TamperedError"]


class TamperedError(SourceError):
    """Somebody has changed what a source has in the kernel, so that its worker has to begin anew: an alert at once."""


class Job(Struct, frozen=True):
    """What a process does, once it is confined.

    :ivar calls: the kernel's names of the system calls that it makes.
    :ivar reads: files and folders that it opens for reading, with what is in them; None: any.
    :ivar writes: those that it changes; None: any.
    :ivar connects: addresses to which it connects, as ``host:port``; ``*`` stands for any host. None: any.
    :ivar root: its root directory.
    """

    calls: tuple[str, ...] = ()
    reads: tuple[str, ...] | None = ()
    writes: tuple[str, ...] | None = ()
    connects: tuple[str, ...] | None = ()
    root: str = "/"


class AgentProcess(Struct, frozen=True):
    """A process of the agent: it runs, or has ended a moment ago, so that events about it may still be unread.

    :ivar since: when it was started, in the kernel's clock ticks since the boot (``/proc/PID/stat``): with the pid this
        identifies it.
    :ivar role: ``supervisor``, ``store``, ``outputs``, ``worker`` or ``loader``.
    :ivar source: the source whose worker or loader it is.
    :ivar job: what it does; None: it still prepares it, and reads nothing from outside yet.
    :ivar begun: until when it may have prepared it, in nanoseconds by ``CLOCK_BOOTTIME``.
    :ivar ended: it runs no more.
    """

    pid: int
    since: int
    role: str
    source: str = ""
    job: Job | None = None
    begun: int = 0
    ended: bool = False


@runtime_checkable
class KnowsAgent(Protocol):
    """A source, or what loads for one, that wants to know the agent's processes."""

    def agent(self, processes: Sequence[AgentProcess]) -> None:
        """Take note that these are the agent's processes from now on. Called before the first batch is asked for.

        No two of *processes* have the same pid.
        """
