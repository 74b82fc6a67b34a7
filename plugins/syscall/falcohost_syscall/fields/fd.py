"""Fields of the file descriptor that an event creates or uses (``fd.*``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from errno import EINPROGRESS
from typing import Any

from falcohost import Arg, ArgKind, FieldType
from falcohost_syscall.events import descriptors
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.events.sockets import LISTENING, SERVER
from falcohost_syscall.facts import descriptors as facts
from falcohost_syscall.fields.field import Get, Need, SyscallField, row
from falcohost_syscall.processes.open_files import NOT_TOLD

T = FieldType

_PATH_CALLS = frozenset({"open", "openat", "openat2", "creat", "open_by_handle_at"})
_FILES = frozenset({"file", "directory"})
_TCP_ESTABLISHED = 1
_STREAM = 1


def fd_name(event: SyscallEvent) -> str | None:
    """Return ``fd.name``: the path of a file or the tuple of a socket; "" if there is no name."""
    row = event.row
    if not row.has_fd:
        return None
    socket = event.socket
    if socket is not None:
        return socket.name
    path = event.file_name
    if path is not None:
        return path
    if event.type in _PATH_CALLS:
        return event.abspath or ""
    if row.dir_fd is not None:
        return event.dirfd_path or ""
    if event.type == "connect":  # of a socket that is not known, since the event that made it was lost
        return event.value(row.params[row.param_index["tuple"]]) or ""
    info = event.fdinfo
    return f"pipe:[{info.ino}]" if info is not None and event.fd_type == "pipe" else ""


def _type(event: SyscallEvent, _: Arg) -> str | None:
    return event.fd_type


def _directory(event: SyscallEvent, _: Arg) -> str | None:
    kind = event.fd_type
    made_none = kind is None and event.row.has_fd and (event.row.used_fd is None or event.ret < 0)
    if kind not in _FILES and not made_none:
        return None
    name = fd_name(event) or ""
    if kind == "directory":
        return name
    return name.rpartition("/")[0] or "/"


def _filename(event: SyscallEvent, _: Arg) -> str | None:
    if event.fd_type != "file":
        return None
    return (fd_name(event) or "").rpartition("/")[2]


def _in_container(get: Get) -> Get:
    def wrapped(event: SyscallEvent, arg: Arg) -> str | None:
        found = get(event, arg)
        container = event.container
        return None if found is None else f"{'' if container.is_host else container.id}:{found}"

    return wrapped


def _l4proto(event: SyscallEvent, _: Arg) -> str | None:
    if not event.row.has_fd:
        return None
    socket = event.socket
    return NOT_TOLD if socket is None else socket.l4proto


def _family(event: SyscallEvent, _: Arg) -> str | None:
    socket = event.socket
    if socket is None:
        return None
    return "ip" if socket.is_ip else "unix" if socket.kind == "unix" else None


def _is_server(event: SyscallEvent, _: Arg) -> bool | None:
    if not event.row.has_fd:
        return None
    socket = event.socket
    return socket is not None and socket.role in (SERVER, LISTENING)


def _connected(event: SyscallEvent, _: Arg) -> bool | None:
    if not event.row.has_fd:
        return None
    socket = event.socket
    if socket is None:
        return False
    if event.type == "connect":
        return event.ret in (0, -EINPROGRESS)
    if socket.type == _STREAM:
        return bool(socket.state == _TCP_ESTABLISHED)
    return socket.connected


def _types(event: SyscallEvent, arg: Arg) -> tuple[str, ...] | None:
    if not event.row.has_fd:
        return None
    if isinstance(arg, int):
        found = event.stream(arg)
        return None if found is None else (found[0],)
    return event.open_types or None


def _of_info(read: Callable[[Any], int]) -> Get:
    def get(event: SyscallEvent, _: Arg) -> int | None:
        info = event.fdinfo
        return None if info is None else read(info)

    return get


def _layer(number: int) -> Get:
    def get(event: SyscallEvent, _: Arg) -> bool | None:
        info = event.fdinfo
        return None if not event.row.has_fd else info is not None and info.layer == number

    return get


def _hex_device(event: SyscallEvent, _: Arg) -> str | None:
    info = event.fdinfo
    return None if info is None else f"{info.dev:X}"


def _major(info: Any) -> int:
    return int(info.dev >> 8 & 0xFFF)


def _minor(info: Any) -> int:
    return int(info.dev & 0xFF | info.dev >> 12 & 0xFFF00)


def _number(event: SyscallEvent, _: Arg) -> int | None:
    return event.fd_number


def _uid(event: SyscallEvent, _: Arg) -> str | None:
    number = event.fd_number
    return None if number is None else f"{event.tid}{number}"


def _raw_name(event: SyscallEvent, _: Arg) -> str | None:
    return event.opened_as if event.row.has_fd else None


def _stream(number: int, part: str) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        found = event.stream(number)
        return None if found is None else found[part == "name"]

    return get


_PLAIN: tuple[SyscallField, ...] = (
    row("fd.num", T.INT64, "Number of the descriptor.", _number, facts.descriptor),
    row(
        "fd.type",
        T.CHARBUF,
        "Type of the descriptor: file, directory, ipv4, unix, pipe, memfd and others.",
        lambda e, _: e.fd_type,
        facts.of_kind(lambda kind: kind, lambda _: None),
    ),
    row(
        "fd.typechar",
        T.CHARBUF,
        "The type as one character: f file, d directory, 4 and 6 sockets, u unix, p pipe and others.",
        lambda e, _: descriptors.type_char(e) if e.row.has_fd else None,
        facts.of_kind(lambda kind: descriptors.CHARS.get(kind, "o"), descriptors.char_without_file),
    ),
    SyscallField(
        name="fd.name",
        type=T.CHARBUF,
        description="Path of the file, or both ends of a socket. "
        "A file may have several paths: see fd.name.real and the fields below it.",
        get=lambda e, _: fd_name(e),
        fact=facts.of_file("name", rooted=True),
        names_file=True,
    ),
    row(
        "fd.nameraw",
        T.CHARBUF,
        "Path of the file as it was passed to the call that opened it.",
        _raw_name,
        facts.raw_name,
    ),
    row("fd.directory", T.CHARBUF, "Directory of the file.", _directory, facts.of_file("directory", rooted=True)),
    row("fd.filename", T.CHARBUF, "Last part of the file's path.", _filename, facts.of_file("filename", rooted=False)),
    row(
        "fd.containername",
        T.CHARBUF,
        "Container id (none on the host), a colon, and fd.name.",
        _in_container(lambda e, _: fd_name(e)),
    ),
    row(
        "fd.containerdirectory",
        T.CHARBUF,
        "Container id (none on the host), a colon, and fd.directory.",
        _in_container(_directory),
    ),
    row("fd.l4proto", T.CHARBUF, "tcp, udp, icmp, raw, or <NA>.", _l4proto, facts.l4proto),
    row("fd.sockfamily", T.CHARBUF, "ip or unix.", _family, facts.socket_family),
    row("fd.is_server", T.BOOL, "This end of the socket is the server, or it listens.", _is_server),
    row("fd.connected", T.BOOL, "The socket is connected.", _connected, facts.connected),
    row(
        "fd.name_changed",
        T.BOOL,
        "The event changed the socket's destination.",
        lambda e, _: e.moved if e.row.has_fd else None,
        facts.name_changed,
        Need.DESTINATIONS,
    ),
    row("fd.uid", T.CHARBUF, "Thread id and descriptor number, joined.", _uid),
    SyscallField(
        name="fd.dev",
        type=T.INT32,
        description="Device number of the file; outputs show it in hexadecimal digits.",
        get=_of_info(lambda info: info.dev),
        shown=_hex_device,
    ),
    row("fd.dev.major", T.INT32, "Major device number of the file.", _of_info(_major)),
    row("fd.dev.minor", T.INT32, "Minor device number of the file.", _of_info(_minor)),
    row("fd.ino", T.INT64, "Inode of the file.", _of_info(lambda info: info.ino)),
    row("fd.is_upper_layer", T.BOOL, "The file is in the upper layer of an overlay file system.", _layer(1)),
    row("fd.is_lower_layer", T.BOOL, "The file is in a lower layer of an overlay file system.", _layer(2)),
)


def _streams() -> Iterator[SyscallField]:
    for number, stream in enumerate(("stdin", "stdout", "stderr")):
        for part in ("type", "name"):
            yield SyscallField(
                name=f"proc.{stream}.{part}",
                type=T.CHARBUF,
                description=f"The {part} of the process's descriptor {number} at the time of the event.",
                get=_stream(number, part),
                needs=frozenset({Need.STREAMS}),
            )


FIELDS: tuple[SyscallField, ...] = (
    *_PLAIN,
    *_streams(),
    SyscallField(
        name="fd.types",
        type=T.CHARBUF,
        description="Types of the descriptors of the process (of the first 4,096), each once; [n]: of descriptor n.",
        get=_types,
        needs=frozenset({Need.FD_TYPES}),
        arg=ArgKind.INDEX,
        is_list=True,
        no_rhs=True,
    ),
)
