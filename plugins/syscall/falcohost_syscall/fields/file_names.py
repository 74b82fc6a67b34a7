"""Fields of the names that a file has (``fd.name.*``), whatever that is under which the event is seen."""

from __future__ import annotations

from falcohost import FieldType
from falcohost_syscall.facts.descriptors import other_name
from falcohost_syscall.fields.field import SyscallField, row

FIELDS: tuple[SyscallField, ...] = (
    row(
        "fd.name.real",
        FieldType.CHARBUF,
        "Path of the file as the kernel found it, from the root directory of the process.",
        lambda event, _: event.fdpath,
        other_name("real"),
    ),
    row(
        "fd.name.requested",
        FieldType.CHARBUF,
        "Path that was passed to open the file, made absolute by its text, as in Falco.",
        lambda event, _: event.requested,
        other_name("requested"),
    ),
    row(
        "fd.name.host",
        FieldType.CHARBUF,
        "Path by which the machine's init reaches the file, where the process reaches it by another.",
        lambda event, _: event.host_path,
        other_name("host"),
    ),
    SyscallField(
        name="fd.name.watched",
        type=FieldType.CHARBUF,
        description="Path by which the file is watched (falcohost.watch_inodes), by whatever hard link it was opened.",
        get=lambda event, _: event.watched_path,
        fact=other_name("watched"),
        names_file=True,
    ),
)
