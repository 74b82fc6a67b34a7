"""The rows of all event types that the probe can send: one for each value of ``evt.type``.

A row says what the probe collects for a call, the call's numbers on each machine, Falco's parameters and where each
value comes from, and which descriptor ``fd.*`` describes. Nothing about a call is written anywhere else. The names and
the order of the parameters are Falco's (``driver/event_table.c``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from msgspec import Struct

from falcohost_syscall.calls.arm import ARM
from falcohost_syscall.calls.others import GENERIC, NAMES_ONLY
from falcohost_syscall.calls.table import TABLE
from falcohost_syscall.records.record import (
    LEFT_MOUNT,
    LEFT_NOTHING,
    LEFT_ROOT,
    MOMENT_FAULT,
    MOMENT_SIGNAL,
    MOMENT_SWITCH,
    NO_ARG,
    RET_ARG,
    VALUE_AT,
    VALUE_ONCE,
    VALUE_TEXT,
    WANT_ATTRIBUTE,
    WANT_BEGIN,
    WANT_BUFFER,
    WANT_CAPS,
    WANT_CONTROL,
    WANT_CWD,
    WANT_DATA,
    WANT_ENTERED,
    WANT_FAILED_ONLY,
    WANT_FD,
    WANT_FREQUENT,
    WANT_HOW,
    WANT_IOV,
    WANT_MADE,
    WANT_MESSAGES,
    WANT_MSGHDR,
    WANT_PAIR,
    WANT_PATH,
    WANT_PATH2,
    WANT_QUEUE,
    WANT_SENDER,
    WANT_SOCKADDR,
    WANT_STR,
    WANT_STRUCT,
    WANT_TAKEN,
)

_EXEC = (
    "res:errno=ret exe:str=exe args:bytes=args tid:pid=tid pid:pid=pid ptid:pid=ppid cwd:str=cwd fdlimit:u64=fdlimit "
    "pgft_maj:u64=major pgft_min:u64=minor vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped comm:str=comm "
    "cgroups:bytes=cgroups env:bytes=env tty:u32=tty vpgid:pid=vpgid loginuid:uid=loginuid flags:flags/execve=exeflags "
    "cap_inheritable:hex=cap_inheritable cap_permitted:hex=cap_permitted cap_effective:hex=cap_effective "
    "exe_ino:u64=exe_ino exe_ino_ctime:abstime=exe_ctime exe_ino_mtime:abstime=exe_mtime uid:uid=uid "
    "trusted_exepath:path=exepath pgid:pid=pgid gid:gid=gid"
)
_FORK = (
    "res:pid=child exe:str=exe args:bytes=args tid:pid=tid pid:pid=pid ptid:pid=ppid cwd:str=cwd fdlimit:i64=fdlimit "
    "pgft_maj:u64=major pgft_min:u64=minor vm_size:u32=pages vm_rss:u32=resident vm_swap:u32=swapped comm:str=comm "
    "cgroups:bytes=cgroups flags:flags/clone=cloneflags uid:u32=uid gid:u32=gid vtid:pid=vtid vpid:pid=vpid "
    "pidns_init_start_ts:u64=pidnsstart"
)
_GENERIC = "ID:syscall=call nativeID:u32=native"

EXIT = "procexit"

# After these calls the caller's root, directory or program may differ from when it named the path.
_MOVES = ("chroot", "chdir", "execve", "execveat")
_LEFT = {"root": LEFT_ROOT, "mount": LEFT_MOUNT}
_POSITIONS = ("fd", "path", "dir", "path2", "dir2", "addr", "data", "str")
_SECTIONS = {
    "fd": ("fd", WANT_FD),
    "path": ("path", WANT_PATH),
    "dir": ("dir", 0),
    "path2": ("path2", WANT_PATH2),
    "dir2": ("dir2", 0),
    "sockaddr": ("addr", WANT_SOCKADDR),
    "msghdr": ("addr", WANT_MSGHDR),
    "data": ("data", WANT_DATA),
    "str": ("str", WANT_STR),
    "pair": ("str", WANT_PAIR),
    "cwd": ("", WANT_CWD),
    "how": ("", WANT_HOW),
    "failed_only": ("", WANT_FAILED_ONLY),
    "struct": ("str", WANT_STRUCT),
    "iov": ("data", WANT_IOV),
    "messages": ("addr", WANT_MESSAGES),
    "control": ("", WANT_CONTROL),
    "sender": ("addr", WANT_SENDER),
    "caps": ("", WANT_CAPS),
    "queue": ("", WANT_QUEUE),
    "buffer": ("data", WANT_BUFFER),
    "entered": ("", WANT_ENTERED),
    "frequent": ("", WANT_FREQUENT),
    "attribute": ("", WANT_ATTRIBUTE),
    "made": ("", WANT_MADE),
    "begin": ("", WANT_BEGIN),
    "taken": ("", WANT_TAKEN),
}
#: Events that are no calls, each with the numbers of its programs in the probe's table (``enum moment``).
MOMENTS: dict[str, int] = {"signaldeliver": MOMENT_SIGNAL, "switch": MOMENT_SWITCH, "page_fault": MOMENT_FAULT}


class Param(Struct, frozen=True):
    """One of Falco's parameters of an event; *kind* selects how it is rendered, *table* the names of its flags."""

    name: str
    kind: str
    source: str
    table: str | None = None


class Call(Struct, frozen=True):
    """The row of one event type. The ``…_arg`` members are those of ``struct call_spec`` in bpf/call_spec.h.

    :ivar call: its number in records.
    :ivar numbers: system call numbers by machine (``x86_64``, ``aarch64``; of 32 bits ``i386``, ``arm``).
    :ivar creates_fd: the event's descriptor is the call's return value.
    :ivar used_fd: else the argument that is the descriptor.
    :ivar dir_fd: else the argument that is the descriptor of a directory.
    :ivar io: ``read``, ``write`` or None.
    :ivar generic: Falco has no parameters for it (a "generic" event).
    :ivar named: it may be about a file, which may have several names.
    :ivar opens: it opens its file by the path that was passed.
    :ivar hooks: kernel hooks that the call passes with the files that its paths lead to.
    :ivar left: what it leaves behind, from which its path's file is known on return (``LEFT_…``).
    :ivar values: what is read from addresses that were passed, for rules that read such parameters (``VALUE`` in C).
    """

    name: str
    call: int
    numbers: dict[str, tuple[int, ...]]
    category: str
    want: int
    fd_arg: int
    path_arg: int
    dir_arg: int
    path2_arg: int
    dir2_arg: int
    addr_arg: int
    data_arg: int
    str_arg: int
    params: tuple[Param, ...]
    creates_fd: bool = False
    used_fd: int | None = None
    dir_fd: int | None = None
    io: str | None = None
    generic: bool = False
    named: bool = False
    opens: bool = False
    hooks: tuple[str, ...] = ()
    left: int = LEFT_NOTHING
    values: tuple[int, ...] = ()
    param_index: dict[str, int] = {}

    @property
    def open_flags(self) -> int | None:
        """The argument that holds the flags of open(2)."""
        return next((int(param.source) for param in self.params if param.kind == "open"), None)

    @property
    def leads(self) -> bool:
        """Whether a record may say which files the paths led to."""
        return bool(self.hooks or self.left)

    @property
    def returns(self) -> bool:
        """Whether its events have a result, as Falco sees it."""
        return self.is_call and not self.generic

    @property
    def is_call(self) -> bool:
        """Whether its events are calls."""
        return bool(self.numbers)

    @property
    def keeps_file(self) -> bool:
        """Whether the file behind its descriptor may be known from before it returns."""
        return self.gives_file or bool(self.want & WANT_ENTERED and self.want & WANT_FD)

    @property
    def gives_file(self) -> bool:
        """Whether it returns the descriptor of its file."""
        return bool(self.want & WANT_FD) and self.fd_arg == RET_ARG

    @property
    def has_fd(self) -> bool:
        """Whether ``fd.*`` has values in this event."""
        return self.creates_fd or self.used_fd is not None or self.dir_fd is not None


def _position(text: str) -> int:
    return RET_ARG if text == "ret" else int(text)


@cache
def _params(text: str) -> tuple[tuple[Param, ...], dict[str, int]]:
    """Return the parameters, and the place of each by its name."""
    params = tuple(map(_param, text.split()))
    return params, {param.name: place for place, param in enumerate(params)}


@cache
def _param(word: str) -> Param:
    name, _, rest = word.partition(":")
    kind, _, source = rest.partition("=")
    kind, _, table = kind.partition("/")
    return Param(name, kind, source, table or None)


def _value(text: str) -> int:
    """Return a value's place and size in the form that the probe takes."""
    place, _, what = text.partition(":")
    if what == "text":
        return int(place) | VALUE_TEXT << 16
    size, _, times = what.partition("*")
    by = VALUE_ONCE if not times else VALUE_AT | int(times[1:]) if times.startswith("@") else int(times)
    return int(place) | int(size) << 8 | by << 16


def _probe(text: str) -> tuple[int, dict[str, Any]]:
    want = 0
    found: dict[str, Any] = {f"{position}_arg": NO_ARG for position in _POSITIONS}
    for word in text.split():
        name, _, source = word.partition("=")
        if name == "hook":
            found["hooks"] = tuple(source.split(","))
            continue
        if name == "value":
            found["values"] = (*found.get("values", ()), _value(source))
            continue
        if name == "left":
            found["left"] = _LEFT[source]
            continue
        position, bit = _SECTIONS[name]
        want |= bit
        if source:
            found[f"{position}_arg"] = _position(source)
    return want, found


def _numbers(name: str, text: str) -> dict[str, tuple[int, ...]]:
    machines = zip(("x86_64", "aarch64", "i386"), text.split(), strict=True)
    found = {machine: tuple(int(n) for n in words.split(",")) for machine, words in machines if words != "-"}
    if arm := ARM.get(name, found.get("i386", ())):
        found["arm"] = arm
    return found


def _row(call: int, head: str, params: str, *, generic: bool = False) -> Call:
    name, numbers, category, fd, probe = (part.strip() for part in head.split("|"))
    want, found = _probe("" if probe == "-" else probe)
    parsed, places = _params(params.replace("EXEC", _EXEC).replace("FORK", _FORK))
    words = fd.split()
    fds = [int(param.source) for param in parsed if param.kind == "fd" and param.source.isdigit()]
    told = found.get("fd_arg")
    return Call(
        name=name,
        call=call,
        numbers=_numbers(name, numbers),
        category=category,
        want=want,
        **found,
        params=parsed,
        creates_fd="creates" in words,
        used_fd=(told if told in fds else fds[0]) if "uses" in words else None,
        dir_fd=next((int(word[6:]) for word in words if word.startswith("dirfd=")), None),
        io="read" if "read" in words else "write" if "write" in words else None,
        generic=generic,
        opens="creates" in words and bool(want & WANT_PATH),
        named=bool(want & (WANT_FD | WANT_PATH | WANT_PATH2)) and name not in _MOVES,
        param_index=places,
    )


def _generic(call: int, line: str) -> Call:
    head, probe, params = (*line.split("|"), "", "")[:3]
    name, numbers = head.split(maxsplit=1)
    fd = "creates" if "fd=ret" in probe else "uses" if "fd=" in probe else "-"
    return _row(call, f"{name} | {numbers} | other | {fd} | {probe or '-'}", f"{_GENERIC} {params}", generic=True)


def _rows() -> tuple[Call, ...]:
    texts: list[list[str]] = []
    for line in TABLE.strip().splitlines():
        if line.startswith(" "):
            texts[-1].append(line)
        elif not line.startswith("#"):
            texts.append([line])
    rows = [_row(number, text[0], " ".join(text[1:])) for number, text in enumerate(texts, 1)]
    rows += [_generic(number, line) for number, line in enumerate(GENERIC.strip().splitlines(), len(rows) + 1)]
    for cached in (_params, _param):  # equal rows share what they have, and the texts are not needed any more
        cached.cache_clear()
    return tuple(rows)


#: All rows; the one with number n is at index n - 1.
CALLS: tuple[Call, ...] = _rows()
BY_NAME: dict[str, Call] = {row.name: row for row in CALLS}
#: Frequent calls: not collected unless a rules file asks for them by name.
_FREQUENT = """
    sendfile splice copy_file_range mmap mmap2 munmap mprotect close fcntl lseek ioctl stat lstat fstat newfstatat
    access getdents getdents64 io_uring_enter setsockopt getsockopt close_range
    getuid geteuid getgid getegid getresuid getresgid mlock mlock2 munlock mlockall munlockall semget semctl semop
    brk epoll_wait futex getcwd getpeername getsockname getrlimit setrlimit prlimit llseek nanosleep poll ppoll select
"""
_ASKED_FOR = frozenset(_FREQUENT.split()) | MOMENTS.keys()
NOT_BY_DEFAULT = _ASKED_FOR | frozenset(row.name for row in CALLS if row.io or row.generic)
#: All values that ``evt.type`` may be compared with; a name without a row never occurs in an event.
EVENT_NAMES = NAMES_ONLY | frozenset(BY_NAME)
#: The name of every successful exec, whichever call asked for it, as in Falco.
EXEC = "execve"
FORKS = frozenset({"clone", "clone3", "fork", "vfork"})
