"""Fields of the event that old rules may name: they have no meaning here, since only returns of calls are reported."""

from __future__ import annotations

from collections.abc import Iterator

from falcohost import FieldType
from falcohost_syscall.fields.field import SyscallField


def _without_value() -> Iterator[SyscallField]:
    for name in ("evt.latency", "evt.latency.s", "evt.latency.ns", "evt.wait_latency"):
        yield SyscallField(
            name=name,
            type=FieldType.RELTIME,
            description="Always 0, since only returns are reported. Kept for old rules.",
            get=lambda _, __: 0,
            deprecated=True,
        )
    yield SyscallField(
        name="evt.latency.human",
        type=FieldType.CHARBUF,
        description="Always 0ns, since only returns are reported. Kept for old rules.",
        get=lambda _, __: "0ns",
        deprecated=True,
    )


FIELDS: tuple[SyscallField, ...] = tuple(_without_value())
