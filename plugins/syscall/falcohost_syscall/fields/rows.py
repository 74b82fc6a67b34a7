"""All fields of the syscall source, in the order in which they are listed."""

from __future__ import annotations

from typing import Final

from falcohost_syscall.fields import agent as fields_agent
from falcohost_syscall.fields import container as fields_container
from falcohost_syscall.fields import event as fields_event
from falcohost_syscall.fields import event_deprecated
from falcohost_syscall.fields import fd as fields_fd
from falcohost_syscall.fields import file_names as fields_file_names
from falcohost_syscall.fields import open as fields_open
from falcohost_syscall.fields import path as fields_path
from falcohost_syscall.fields import polled as fields_polled
from falcohost_syscall.fields import process as fields_process
from falcohost_syscall.fields import resources as fields_resources
from falcohost_syscall.fields import socket as fields_socket
from falcohost_syscall.fields import user as fields_user
from falcohost_syscall.fields.compared import compared
from falcohost_syscall.fields.field import SyscallField

_ROWS: tuple[SyscallField, ...] = (
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
    *fields_polled.FIELDS,
    *fields_container.FIELDS,
    *fields_resources.FIELDS,
)

FIELDS: tuple[SyscallField, ...] = compared(_ROWS)

BY_FIELD_NAME: Final = {field.name: field for field in FIELDS}
