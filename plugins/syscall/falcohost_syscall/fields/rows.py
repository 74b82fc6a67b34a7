"""All fields of the syscall source, in the order in which they are listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from falcohost import FieldType
from falcohost_syscall.fields import agent as fields_agent
from falcohost_syscall.fields import container as fields_container
from falcohost_syscall.fields import event as fields_event
from falcohost_syscall.fields import event_deprecated
from falcohost_syscall.fields import fd as fields_fd
from falcohost_syscall.fields import file_names as fields_file_names
from falcohost_syscall.fields import open as fields_open
from falcohost_syscall.fields import path as fields_path
from falcohost_syscall.fields import process as fields_process
from falcohost_syscall.fields import socket as fields_socket
from falcohost_syscall.fields import user as fields_user
from falcohost_syscall.fields.field import SyscallField


def _not_collected() -> Iterator[SyscallField]:
    """Yield Falco's fields of which falcohost only knows the names."""
    for names, kind in (
        ("proc.fdopencount proc.vmsize proc.vmrss proc.vmswap proc.nthreads proc.nchilds", FieldType.UINT64),
        ("thread.pfmajor thread.pfminor thread.vmsize thread.vmrss", FieldType.UINT64),
        ("proc.fdlimit", FieldType.INT64),
        ("thread.exectime thread.totexectime", FieldType.RELTIME),
        ("proc.fdusage thread.cpu thread.cpu.user thread.cpu.system", FieldType.DOUBLE),
    ):
        for name in names.split():
            yield SyscallField(
                name=name,
                type=kind,
                description="Always absent: the probe does not measure the resources of processes.",
                get=lambda _, __: None,
            )


FIELDS: tuple[SyscallField, ...] = (
    *fields_event.FIELDS,
    *fields_agent.FIELDS,
    *fields_open.FIELDS,
    *event_deprecated.FIELDS,
    *fields_process.FIELDS,
    *fields_user.FIELDS,
    *fields_fd.FIELDS,
    *fields_file_names.FIELDS,
    *fields_socket.FIELDS,
    *fields_path.FIELDS,
    *fields_container.FIELDS,
    *_not_collected(),
)

BY_FIELD_NAME: Final = {field.name: field for field in FIELDS}
