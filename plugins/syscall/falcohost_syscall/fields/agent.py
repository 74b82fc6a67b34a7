"""The field that says which part of the agent an event is about, so that rules need no names of programs."""

from __future__ import annotations

import re
from typing import Final

from falcohost import Arg, FieldType
from falcohost_syscall.calls.rows import Call
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.fields.field import SyscallField
from falcohost_syscall.parameters.values import find

# What is in the kernel, by the beginning of the name of a descriptor of it.
_KINDS: Final = {"bpf-map": "map", "bpf-prog": "program", "bpf_link": "link"}
# The parameter that is the process of a call that is about another one.
_OF_PROCESSES: Final = {
    **dict.fromkeys(("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_open", "kill", "tgkill"), "pid"),
    "tkill": "tid",
}
_IN_PROC: Final = re.compile(r"/(\d{1,9})/(?:task/\d+/)?(?:mem|maps|smaps|pagemap|environ|auxv|stack|syscall|fd/\d+)$")
_OWN_MEMORY: Final = "memfd:falcohost "


def agent_part(event: SyscallEvent, _: Arg) -> str | None:
    """Return what of this agent the event is about; None: nothing, or it is not known."""
    name, parts = event.type, event.ctx.agent
    file = event.file_name or ""
    if name in ("bpf", "pidfd_getfd"):
        part = f"memory {file}" if _OWN_MEMORY in file else _object(event, file)
        taken_from = getattr(event, "taken_from", 0)
        return parts.process(taken_from) if part is None and taken_from else part
    if (param := _OF_PROCESSES.get(name)) is not None:
        return parts.process(_value(event, param))
    path = event.file_name if event.row.opens and event.ret >= 0 else None
    if path is None:
        return None
    if _OWN_MEMORY in path:
        return f"memory {path}"
    found = _IN_PROC.search(path)
    return None if found is None else parts.process(int(found[1]))


def can_be_about_agent(row: Call) -> bool:
    """Return whether a call can be about a part of the agent."""
    return row.name in _OF_PROCESSES or row.name in ("bpf", "pidfd_getfd") or row.opens


def _object(event: SyscallEvent, file: str) -> str | None:
    """Return which map, program or link of the agent the event's descriptor is: the kernel says its number."""
    number = getattr(event.fdinfo, "bpf_id", 0)
    kind = next((kind for name, kind in _KINDS.items() if name in file), "")
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
        "memory is opened, a map, program or link that is opened by its number, a process of which a "
        "descriptor is taken.",
        get=agent_part,
    ),
)
