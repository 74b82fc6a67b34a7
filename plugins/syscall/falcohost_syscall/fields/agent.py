"""The field that says which part of the agent an event is about, so that rules need no names of programs."""

from __future__ import annotations

import re
from sys import byteorder
from typing import Final

from falcohost import Arg, FieldType
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.parameters.values import find

# Commands of bpf(2) that open what has a number, which is the first member of the structure that is passed.
_OPENED: Final = {13: "program", 14: "map", 30: "link"}
# The parameter that is the process of a call that is about another one.
_OF_PROCESSES: Final = {
    **dict.fromkeys(("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "kill", "tgkill"), "pid"),
    "tkill": "tid",
}
# Descriptors of what is in the kernel, whoever has it: hardly anybody but agents has any.
_TAKEN: Final = ("bpf-map", "bpf-prog", "bpf_link", "perf_event")
_IN_PROC: Final = re.compile(r"/(\d{1,9})/(?:task/\d+/)?(?:mem|maps|smaps|pagemap|environ|auxv|stack|syscall)$")
_OWN_MEMORY: Final = "memfd:falcohost "


def agent_part(event: SyscallEvent, _: Arg) -> str | None:
    """Return what of this agent the event is about; None: nothing, or it is not known."""
    name, parts = event.type, event.ctx.agent
    if name == "bpf":
        return _object(event)
    if name == "pidfd_getfd":
        file = event.file_name or ""
        return f"descriptor of {file}" if any(kind in file for kind in _TAKEN) or _OWN_MEMORY in file else None
    if (param := _OF_PROCESSES.get(name)) is not None:
        return parts.process(_value(event, param))
    path = event.file_name if event.row.opens else None
    if path is None:
        return None
    if _OWN_MEMORY in path:
        return f"memory {path}"
    found = _IN_PROC.search(path)
    return None if found is None else parts.process(int(found[1]))


def _object(event: SyscallEvent) -> str | None:
    kind = _OPENED.get(_value(event, "cmd"))
    if kind is None:
        return None
    passed = event.structure
    if passed is None:
        return f"{kind} whose number cannot be read"
    number = int.from_bytes(passed[:4], byteorder)
    return f"{kind} {number}" if number in event.ctx.agent.objects.get(kind, ()) else None


def _value(event: SyscallEvent, name: str) -> int:
    param = find(event.row, name)
    value = None if param is None else event.value(param)
    return value if isinstance(value, int) else -1


FIELDS = (
    SyscallField(
        name="evt.agent_part",
        type=FieldType.CHARBUF,
        description="The part of this agent that the event is about: a process that is traced or signalled or whose "
        "memory is opened, a map, program or link that is opened by its number, a descriptor of such a thing that is "
        "taken.",
        get=agent_part,
    ),
)
