"""What the loader tells a reader, and the names under which it hands up descriptors."""

from __future__ import annotations

from typing import Annotated

import msgspec

#: The names under which descriptors are kept: those of devices, in the order of :attr:`Status.cpus`, and of memory.
DEVICES, STATUS, REPORTED = "devices", "status", "reported"


class Status(msgspec.Struct, frozen=True):
    """What a reader wants to know of the loader.

    :ivar name: the name of the module; *api*: the major version of its interface.
    :ivar cpus: the processors whose devices are open.
    :ivar size: the size of the ring of each, in bytes.
    :ivar where: what observes calls, in words.
    """

    name: str
    api: int
    cpus: list[int]
    size: Annotated[int, msgspec.Meta(ge=1, le=1 << 31)]
    where: str = ""


class Reported(msgspec.Struct, frozen=True):
    """The module's counters of all rings when they were last reported, by name."""

    counts: dict[str, int] = {}
