"""Makes Falco's events of the program's records, in the form in which captures and the kernel module have them."""

from __future__ import annotations

import platform
import socket
from collections.abc import Callable
from functools import cache
from struct import Struct
from typing import Any, Final, NamedTuple

from falcohost_syscall.calls import flags as names
from falcohost_syscall.calls.rows import BY_NAME, EXEC, EXIT, FORKS, Call, Param
from falcohost_syscall.drivers.legacy_ebpf.recipes import ABSENT, ENDED, EXECUTED, GENERIC_TYPE, in_pieces
from falcohost_syscall.events.sockets import Endpoint, parse_sockaddr
from falcohost_syscall.parameters.paths import OPENS_WITH_FLAGS
from falcohost_syscall.parameters.values import MODE_ARG, NAMES_A_THREAD, number
from falcohost_syscall.scap.event_types import TYPES, EventType
from falcohost_syscall.scap.events import CapturedCall
from falcohost_syscall.scap.generic_calls import NAMES
from falcohost_syscall.scap.writing.addresses import ip_tuple, sockaddr, unix_tuple
from falcohost_syscall.scap.writing.values import BY_NAME as KINDS
from falcohost_syscall.scap.writing.values import texts

#: The twin of ``struct record``: time, result, arguments, cgroup; inode, capabilities; ids; number, device, mode, exit
#: code; limit of descriptors; lengths; family and ends of a socket; the thread's name; an overlay's layer, two facts.
_RECORD: Final = Struct("=Qq6QQ4Q14I4IQ5HH16sH16sHH16s3B3x")
SIZE: Final = _RECORD.size
#: What tells whose call it is: the process and the number.
_CALLER: Final = Struct("=108xI48xI")
_SIZES: Final = {f"{sign}{8 * size}": size for sign in "iu" for size in (1, 2, 4, 8)}
_PAIR: Final = Struct("=ii")
_CAPSET: Final = Struct("=6I")
_HOW: Final = Struct("=3Q")
_CHILD_IN_PIDS, _VFORK = 0x20000000, 0x8000000
#: Falco's flags of executables; in those of opened files, the layers' stand so many bits further up.
_UPPER, _FROM_MEMFD, _LOWER = 2, 4, 8
_LAYER_BIT: Final = 15
_MEMFD: Final = b"memfd:"
_COMING: Final = frozenset({"accept", "accept4"})
_IDS: Final = {name: place for place, name in enumerate(NAMES)}
_SIGNAL, _CORE = 0x7F, 0x80
#: Kernel's device numbers: the minor's bits.
_MINOR_BITS: Final = 20


#: The places of its members in what is unpacked.
_PLACE: Final = {
    "time": 0,
    "result": 1,
    "cgroup": 8,
    "ino": 9,
    **{name: 13 + number for number, name in enumerate(("tid", "pid", "ptid", "vtid", "vpid"))},
    **{name: 20 + number for number, name in enumerate(("euid", "egid", "login", "tty", "pgid", "vpgid"))},
    **{name: 27 + number for number, name in enumerate(("number", "dev", "mode", "exit", "limit"))},
    "family": 37,
    "is_whole": 42,
    **{name: 44 + number for number, name in enumerate(("layer", "is_created", "is_unconfined"))},
}


def _member(name: str) -> Any:
    place = _PLACE[name]
    return property(lambda record: record.members[place])


class Record:
    """A record, whose members are read when they are asked for.

    :ivar members: all of them in order; *data*: its bytes, with those behind it; *ts*: its time on the wall clock.
    """

    __slots__ = ("arguments", "data", "members", "ts")

    result: int = _member("result")
    cgroup: int = _member("cgroup")
    ino: int = _member("ino")
    tid: int = _member("tid")
    pid: int = _member("pid")
    ptid: int = _member("ptid")
    vtid: int = _member("vtid")
    vpid: int = _member("vpid")
    euid: int = _member("euid")
    egid: int = _member("egid")
    login: int = _member("login")
    tty: int = _member("tty")
    pgid: int = _member("pgid")
    vpgid: int = _member("vpgid")
    number: int = _member("number")
    dev: int = _member("dev")
    mode: int = _member("mode")
    exit: int = _member("exit")
    limit: int = _member("limit")
    family: int = _member("family")
    is_whole: int = _member("is_whole")
    layer: int = _member("layer")
    is_created: int = _member("is_created")
    is_unconfined: int = _member("is_unconfined")

    def __init__(self, data: bytes, offset: int) -> None:
        self.data = data
        self.members: tuple[Any, ...] = _RECORD.unpack_from(data)
        self.ts: int = self.members[0] + offset
        self.arguments: tuple[int, ...] = self.members[2:8]

    @property
    def caps(self) -> tuple[int, ...]:
        """Inheritable, permitted and effective capabilities."""
        return self.members[10:13]

    @property
    def comm(self) -> bytes:
        """The name of the thread."""
        found: bytes = self.members[43]
        return found.split(b"\0", 1)[0]

    def part(self, number: int) -> bytes:
        """Return one of the texts or bytes behind it."""
        at = SIZE + sum(self.members[_LENGTHS : _LENGTHS + number])
        return self.data[at : at + self.members[_LENGTHS + number]]

    @property
    def ends(self) -> tuple[Endpoint, Endpoint]:
        """The own and the other end of its socket."""
        own_ip, own_port, other_ip, other_port = self.members[38:42]
        size = 4 if self.family == socket.AF_INET else 16
        return Endpoint(own_ip[:size], own_port), Endpoint(other_ip[:size], socket.ntohs(other_port))


#: The place of the lengths of what is behind it.
_LENGTHS: Final = 32


def read(data: bytes, offset: int) -> Record | None:
    """Return the record in *data*, to whose time *offset* nanoseconds are added; None: it is too short."""
    return Record(data, offset) if len(data) >= SIZE else None


def caller(data: bytes) -> tuple[int, int]:
    """Return the process of the record in *data* and the number of its call; zeros: it is too short."""
    pid, native = _CALLER.unpack_from(data) if len(data) >= SIZE else (0, 0)
    return pid, native


#: What the process of a record has besides: its cgroups' lines, the arguments of its maker.
class Around(NamedTuple):
    """What user space knows of the thread of a record: the *cgroups* and, of the maker of a thread, the arguments."""

    cgroups: bytes
    args: bytes


_Made = Callable[[Record, Around], bytes]


def call(record: Record, around: Around, cpu: int) -> CapturedCall | None:
    """Return the event of a record; None: it is of a call without a row."""
    known = _encoding(record.number)
    if known is None:
        return None
    kind, makers = known
    if kind.code == GENERIC_TYPE:
        values = [one(record, around) for one in makers]
    else:
        record = _with_how(record) if kind.name == "openat2" else record
        values = [one(record, around) for one in makers]
    return CapturedCall(kind, record.ts, record.tid, cpu, values)


def _with_how(record: Record) -> Record:
    """Return a record of openat2(2) in whose arguments are, from the fourth on, what the structure says."""
    bits, mode, resolve = _HOW.unpack_from(record.part(4).ljust(_HOW.size, b"\0"))
    record.arguments = (*record.arguments[:3], bits, mode, resolve)
    return record


@cache
def _encoding(native: int) -> tuple[EventType, tuple[_Made, ...]] | None:
    if native == ENDED:
        return KINDS[EXIT], tuple(_ENDED.values())
    if native == EXECUTED:
        return KINDS[EXEC], tuple(_EXECUTED.get(name, _nothing) for name, _ in KINDS[EXEC].params)
    machine = platform.machine()
    row = next((one for one in BY_NAME.values() if native in one.numbers.get(machine, ())), None)
    if row is None:
        return None
    if row.generic or row.name not in KINDS:
        own = _packed(2, lambda record: record.number)
        return TYPES[GENERIC_TYPE], (_packed(2, lambda _: _IDS.get(row.name, 0)), own)
    kind = KINDS[row.name]
    if row.name in FORKS:
        return kind, tuple(_forked(row.name, name) for name, _ in kind.params)
    if row.name in ("execve", "execveat"):
        return kind, tuple(_FAILED.get(name) or _EXECUTED.get(name, _nothing) for name, _ in kind.params)
    return kind, tuple(_value(row, name, form) for name, form in kind.params)


def _value(row: Call, name: str, form: str) -> _Made:
    """Return what makes a parameter of a call."""
    index = row.param_index.get(name)
    if index is None:
        return _nothing
    param = row.params[index]
    source, size = param.source, _SIZES.get(form, 8)
    if source == "layer":
        return _packed(size, lambda record: record.layer)
    if source in ABSENT:
        return _nothing
    if source.isdigit():
        place = int(source)
        if in_pieces(row) and name == "size":
            return _packed(size, lambda record: max(record.result, 0))
        if form == "dyn":
            return lambda record, _: b"\0" + (record.arguments[place]).to_bytes(8, "little")
        if param.kind == "open":
            return _packed(size, lambda record: _open_flags(record, record.arguments[place] & 0xFFFFFFFF))
        return _packed(size, lambda record: _number(param, record.arguments[place]))
    if source in _PLACES:
        place = _PLACES[source]
        return lambda record, _: _text(record.part(place))
    return _sourced(row, source, size)


def _sourced(row: Call, source: str, size: int) -> _Made:
    if source == "tuple":
        return lambda record, _: _tuple(record, incoming=row.io == "read" or row.name in _COMING)
    if source == "openmode":
        place, bits = MODE_ARG[row.name], OPENS_WITH_FLAGS[row.name]
        return _packed(size, lambda record: record.arguments[place] & 0xFFF if _makes(record, bits) else 0)
    if source in ("pair0", "pair1"):
        number = int(source[-1])
        return _packed(size, lambda record: _PAIR.unpack_from(record.part(4).ljust(8, b"\0"))[number])
    return {
        "got": _packed(size, lambda record: max(record.result, 0)),
        "v0.text": lambda record, _: _text(record.part(2)) if record.result > 0 else b"",
        "prctlname": lambda record, _: _text(record.part(2)) if _names_thread(record) else b"\0",
        "prctlint": _packed(size, lambda record: 0 if _names_thread(record) else record.arguments[1]),
        "cap_effective": _packed(size, lambda record: _capabilities(record, 0)),
        "permitted": _packed(size, lambda record: _capabilities(record, 1)),
        "inheritable": _packed(size, lambda record: _capabilities(record, 2)),
        "ret": _packed(size, lambda record: record.result),
        "zero": _packed(size, lambda _: 0),
        "ino": _packed(size, lambda record: record.ino),
        "dev": _packed(size, _device),
        "sockaddr": lambda record, _: sockaddr(record.part(3)),
        "data": lambda record, _: record.part(4),
    }[source]


def _names_thread(record: Record) -> bool:
    return record.arguments[0] in NAMES_A_THREAD


def _capabilities(record: Record, which: int) -> int:
    """Return one of the sets that were passed to capset(2), which come in two halves."""
    halves = _CAPSET.unpack(record.part(4).ljust(_CAPSET.size, b"\0"))
    return int(halves[which] | halves[which + 3] << 32)


#: Where the program puts the texts of a call.
_PLACES: Final = {"path": 0, "path2": 1, "str": 2}


def _number(param: Param, raw: int) -> int:
    return number(param, raw)


def _open_flags(record: Record, bits: int) -> int:
    found = names.open_flags(bits) | record.layer << _LAYER_BIT
    return found | names.OPEN_CREATED if record.is_created else found


def _makes(record: Record, place: int) -> bool:
    return names.wants_mode(record.arguments[place])


def _nothing(_: Record, __: Around) -> bytes:
    return b""


def _packed(size: int, of: Callable[[Record], int]) -> _Made:
    mask = (1 << 8 * size) - 1
    return lambda record, _: (of(record) & mask).to_bytes(size, "little")


def _text(data: bytes) -> bytes:
    return data if data.endswith(b"\0") or not data else data + b"\0"


def _device(record: Record) -> int:
    """Return a device as Falco has it (``new_encode_dev``)."""
    major, minor = record.dev >> _MINOR_BITS, record.dev & (1 << _MINOR_BITS) - 1
    return minor & 0xFF | major << 8 | (minor & ~0xFF) << 12


def _tuple(record: Record, *, incoming: bool) -> bytes:
    if record.family == socket.AF_UNIX:
        path = record.part(3)[2:].split(b"\0", 1)[0]
        return unix_tuple((0, 0), path)
    if record.family not in (socket.AF_INET, socket.AF_INET6):
        return b""
    own, other = record.ends
    if not other.port and (passed := parse_sockaddr(record.part(3))) is not None and passed[0] == record.family:
        other = passed[1]
    if not (own.port or other.port):
        return b""
    return ip_tuple(record.family, *((other, own) if incoming else (own, other)))


def _path(record: Record) -> bytes:
    """Return the path of the executable, whose names the program has told, the last first; else what was passed."""
    parts = record.part(3).split(b"\0")[:-1]
    passed = record.part(2).split(b"\0", 1)[0]
    if len(parts) == 1 and parts[0].startswith(_MEMFD):  # it is in no folder
        return parts[0]
    if record.is_whole or not passed.startswith(b"/"):
        return b"/" + b"/".join(reversed(parts)) if parts else b""
    return passed


def _exe_flags(record: Record) -> int:
    layer = (0, _UPPER, _LOWER)[record.layer % 3]
    return layer | (_FROM_MEMFD if _path(record).startswith(_MEMFD) else 0)


def _fork_flags(record: Record, name: str) -> int:
    table = names.TABLES["clone"]
    if name in ("fork", "vfork"):
        bits = _VFORK if name == "vfork" else 0
    elif name == "clone3":
        bits = table.convert(int.from_bytes(record.part(4)[:8], "little"))
    else:
        bits = table.convert(record.arguments[0])
    if record.result == 0 and record.vtid != record.tid:
        bits |= _CHILD_IN_PIDS
    return bits


_SHARED: Final[dict[str, _Made]] = {
    "res": _packed(8, lambda record: record.result),
    "tid": _packed(8, lambda record: record.tid),
    "pid": _packed(8, lambda record: record.pid),
    "ptid": _packed(8, lambda record: record.ptid),
    "comm": lambda record, _: record.comm + b"\0",
    "cgroups": lambda _, around: around.cgroups,
    "uid": _packed(4, lambda record: record.euid),
    "gid": _packed(4, lambda record: record.egid),
    "vtid": _packed(8, lambda record: record.vtid),
    "vpid": _packed(8, lambda record: record.vpid),
}
_FORKED: Final[dict[str, _Made]] = {
    **_SHARED,
    "exe": lambda _, around: around.args.split(b"\0", 1)[0] + b"\0",
    "args": lambda _, around: around.args.partition(b"\0")[2],
    "pidns_init_start_ts": _packed(8, lambda _: 0),
    "fdlimit": _packed(8, lambda _: -1),
}


def _forked(call_name: str, name: str) -> _Made:
    if name == "flags":
        return _packed(4, lambda record: _fork_flags(record, call_name))
    return _FORKED.get(name, _nothing)


_EXECUTED: Final[dict[str, _Made]] = {
    **_SHARED,
    "exe": lambda record, _: record.part(0).split(b"\0", 1)[0] + b"\0",
    "args": lambda record, _: texts(record.part(0).partition(b"\0")[2]),
    "env": lambda record, _: texts(record.part(1)),
    "fdlimit": _packed(8, lambda record: record.limit),
    "tty": _packed(4, lambda record: record.tty),
    "vpgid": _packed(8, lambda record: record.vpgid),
    "pgid": _packed(8, lambda record: record.pgid),
    "loginuid": _packed(4, lambda record: record.login),
    "flags": _packed(4, _exe_flags),
    "cap_inheritable": _packed(8, lambda record: record.caps[0]),
    "cap_permitted": _packed(8, lambda record: record.caps[1]),
    "cap_effective": _packed(8, lambda record: record.caps[2]),
    "exe_ino": _packed(8, lambda record: record.ino),
    "exe_ino_ctime": _packed(8, lambda _: 0),
    "exe_ino_mtime": _packed(8, lambda _: 0),
    "trusted_exepath": lambda record, _: _text(_path(record)),
    "filename": lambda record, _: _text(record.part(2)),
}
#: What is known of an exec that has failed: the program goes on.
_FAILED: Final[dict[str, _Made]] = {
    "exe": lambda record, _: _text(record.part(0)),
    "args": _nothing,
    "env": _nothing,
    "filename": lambda record, _: _text(record.part(0)),
    **dict.fromkeys(("tty", "vpgid", "pgid", "loginuid", "flags", "trusted_exepath", "fdlimit"), _nothing),
    **dict.fromkeys(("cap_inheritable", "cap_permitted", "cap_effective"), _nothing),
    **dict.fromkeys(("exe_ino", "exe_ino_ctime", "exe_ino_mtime"), _nothing),
}
_ENDED: Final[dict[str, _Made]] = {
    "status": _packed(8, lambda record: record.exit),
    "ret": _packed(8, lambda record: record.exit >> 8 & 0xFF),
    "sig": _packed(1, lambda record: record.exit & _SIGNAL),
    "core": _packed(1, lambda record: int(bool(record.exit & _CORE))),
    "reaper_tid": _packed(8, lambda _: 0),
}
