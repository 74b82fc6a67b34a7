"""Fields of all names that a file has (``fd.name.*``), independent of the name under which the event is matched."""

from __future__ import annotations

from falcohost import FieldType
from falcohost_syscall.facts.descriptors import other_name
from falcohost_syscall.fields.field import SyscallField, row

FIELDS: tuple[SyscallField, ...] = (
    row(
        "fd.name.real",
        FieldType.CHARBUF,
        "Path of the file as the kernel resolved it, from the root directory of the process.",
        lambda event, _: event.fdpath,
        other_name("real"),
    ),
    row(
        "fd.name.requested",
        FieldType.CHARBUF,
        "Path that was passed to open the file, made absolute without following links, as in Falco.",
        lambda event, _: event.requested,
        other_name("requested"),
    ),
    row(
        "fd.name.host",
        FieldType.CHARBUF,
        "Path by which the machine's init reaches the file, if it differs from the process's.",
        lambda event, _: event.host_path,
        other_name("host"),
    ),
    SyscallField(
        name="fd.name.watched",
        type=FieldType.CHARBUF,
        description="Path by which the file is watched (falcohost.watch_inodes), whatever hard link opened it.",
        get=lambda event, _: event.watched_path,
        fact=other_name("watched"),
        names_file=True,
    ),
)
