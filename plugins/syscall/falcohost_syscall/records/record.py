"""The Python twin of ``bpf/record.h``: what the probe writes, and what it is told, as bytes.

A test holds every number and every layout here against the C side. What the bytes mean for rules is not decided here.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

# header.kind
KIND_CALL: Final = 1
KIND_FORK: Final = 2
KIND_EXEC: Final = 3
KIND_EXIT: Final = 4
KIND_CGROUP: Final = 5
KIND_TASK: Final = 6

# header.flags
FLAG_COMPAT: Final = 1
FLAG_NEWTHREAD: Final = 2
FLAG_CUT: Final = 4
FLAG_UNREADABLE: Final = 8
FLAG_OTHER_NAME: Final = 16
FLAG_URING: Final = 32
FLAG_UNFINISHED: Final = 64
FLAG_SOCKET_FILE: Final = 128

# section.tag
SEC_PATH: Final = 1
SEC_PATH2: Final = 2
SEC_DIR: Final = 3
SEC_DIR2: Final = 4
SEC_FD: Final = 5
SEC_FDPATH: Final = 6
SEC_SOCK: Final = 7
SEC_UNIX: Final = 8
SEC_UNIXPEER: Final = 9
SEC_SOCKADDR: Final = 10
SEC_DATA: Final = 11
SEC_CWD: Final = 12
SEC_FORK: Final = 13
SEC_EXEC: Final = 14
SEC_EXE: Final = 15
SEC_FILENAME: Final = 16
SEC_ARGS: Final = 17
SEC_ENV: Final = 18
SEC_CGROUP: Final = 19
SEC_STR: Final = 20
SEC_PAIR: Final = 21
SEC_STRUCT: Final = 22
SEC_CAPS: Final = 23
SEC_CONTROL: Final = 24
SEC_HOSTPATH: Final = 25
SEC_HOSTDIR: Final = 26
SEC_HOSTDIR2: Final = 27
SEC_QUEUE: Final = 28
SEC_PROCESS: Final = 29
SEC_WATCHED: Final = 30
SEC_REALPATH: Final = 31
SEC_REALPATH2: Final = 32
SEC_REALHOST: Final = 33
SEC_REALHOST2: Final = 34

# struct watched_file
MAX_WATCHED: Final = 4096
WATCHED_NAMES: Final = 4
WATCHED_TEXT: Final = 1024

# struct process
EXE_KEPT: Final = 256
ARGS_KEPT: Final = 512
NOT_KEPT: Final = 0xFFFF

# execed.exe_flags
EXE_WRITABLE: Final = 1
EXE_UPPER_LAYER: Final = 2
EXE_LOWER_LAYER: Final = 4
EXE_FROM_MEMFD: Final = 8

# call_spec.want
WANT_FD: Final = 1
WANT_PATH: Final = 2
WANT_PATH2: Final = 4
WANT_SOCKADDR: Final = 8
WANT_MSGHDR: Final = 16
WANT_CWD: Final = 32
WANT_DATA: Final = 64
WANT_STR: Final = 128
WANT_PAIR: Final = 256
WANT_HOW: Final = 512
WANT_FAILED_ONLY: Final = 1024
WANT_SUCCESS_ONLY: Final = 2048
WANT_STRUCT: Final = 4096
WANT_IOV: Final = 8192
WANT_MESSAGES: Final = 16384
WANT_CAPS: Final = 32768
WANT_CONTROL: Final = 65536
WANT_SENDER: Final = 131072
WANT_QUEUE: Final = 262144
WANT_BUFFER: Final = 524288
WANT_REACHED: Final = 1048576
WANT_NAMED: Final = 134217728
WANT_LATELY: Final = 268435456
WANT_BY_FUNCTION: Final = 536870912
WANT_FILE: Final = 1073741824

COMPAT_BASE: Final = 512
MAX_NR: Final = 1024
IGNORED_HINTS: Final = 4096
WAITING_HINTS: Final = 4096
MAX_CALLS: Final = 512
COUNT_FORKS: Final = 512
COUNT_EXECS: Final = 513
COUNT_EXITS: Final = 514
NO_ARG: Final = 0xFF
RET_ARG: Final = 0xFE
STRUCT_SIZE: Final = 32

# options
OPTION_THREADS: Final = 1
OPTION_EXEC_CWD: Final = 2
OPTION_EXEC_ENV: Final = 4
OPTION_MEASURE: Final = 8
OPTION_REQUESTED: Final = 16
OPTION_ALL_PROCESSES: Final = 32
OPTION_SESSIONS: Final = 64
OPTION_EXECVE: Final = 128
OPTION_EXIT: Final = 256
OPTION_WATCHED: Final = 512
ABOUT_EXEC_AT: Final = 16
ABOUT_EXIT_AT: Final = 24

# call_spec.about
ABOUT_NAMES: Final = 15
ABOUT_TEXTS_AT: Final = 4
ABOUT_ALL: Final = 255

STAGE_LEFT_OUT: Final = 7
"""Where the program stands in ``stages`` and ``exec_stages`` that is there only while costs are measured."""
STAGE_NAMES: Final = 8
"""And the one that has filters asked again under the next name of a file."""

LOST_CAUSES: Final = ("ring_full", "proc_ring_full", "flood", "scratch", "unreadable", "cut", "real_name")
"""What ``enum lost`` counts, in its order; the last three sent their event, but incomplete."""


class Header(NamedTuple):
    """``struct header``: every record begins with it."""

    ts: int
    start: int
    cgroup: int
    caps: int
    ret: int
    arg0: int
    arg1: int
    arg2: int
    arg3: int
    arg4: int
    arg5: int
    pid: int
    tid: int
    ppid: int
    vpid: int
    vtid: int
    uid: int
    gid: int
    loginuid: int
    kind: int
    call: int
    cpu: int
    flags: int
    nsections: int
    comm: bytes


class FdInfo(NamedTuple):
    """``struct fdinfo``: the data of SEC_FD."""

    fd: int
    mode: int
    ino: int
    dev: int
    fflags: int
    magic: int
    layer: int
    nlink: int
    fmode: int


class SockInfo(NamedTuple):
    """``struct sockinfo``: the data of SEC_SOCK."""

    family: int
    type: int
    protocol: int
    state: int
    lport: int
    rport: int
    laddr: bytes
    raddr: bytes
    ino: int
    sk: int
    peer: int


class Forked(NamedTuple):
    """``struct forked``: the data of SEC_FORK."""

    pid: int
    tid: int
    vpid: int
    vtid: int
    start: int
    ppid: int


class Queue(NamedTuple):
    """``struct queue``: the data of SEC_QUEUE."""

    length: int
    most: int


class Caps(NamedTuple):
    """``struct caps``: the data of SEC_CAPS."""

    permitted: int
    inheritable: int


class Execed(NamedTuple):
    """``struct execed``: the data of SEC_EXEC."""

    exe_ino: int
    exe_ctime: int
    exe_mtime: int
    pidns_start: int
    caps_permitted: int
    caps_inheritable: int
    caps_bounding: int
    sid: int
    pgid: int
    vsid: int
    vpgid: int
    tty: int
    exe_flags: int
    uid: int
    seccomp: int
    unconfined: int
    in_host_pidns: int


class Kept(NamedTuple):
    """``struct process``: what the kernel keeps of a process, and what of it was told."""

    start: int = 0
    exec_ts: int = 0
    told_of: int = 0
    named: int = 0
    told_ts: int = 0
    told_start: int = 0
    told_cwd: bytes = b""
    checked: int = 0
    checked_ts: int = 0
    seq: int = 0
    told_seq: int = 0
    told_ppid: int = 0
    told_sid: int = 0
    told_pgid: int = 0
    exe_len: int = 0
    args_len: int = 0
    arg0_len: int = 0
    comm_len: int = 0
    known: int = 0
    has_image: int = 0
    large: int = 0
    execed: bytes = b""
    comm: bytes = b""
    exe: bytes = b""
    args: bytes = b""


class LargeImage(NamedTuple):
    """``struct large_image``: texts of a process that are too long for :class:`Kept`."""

    env_len: int
    exe: bytes
    args: bytes
    env: bytes


class InodeId(NamedTuple):
    """``struct inode_id``: what a file is known by, whatever its names."""

    ino: int
    dev: int
    generation: int


class WatchedFile(NamedTuple):
    """``struct watched_file``: the paths of a watched file; *names* are structs ``watched_name`` (WATCHED_NAME)."""

    names: bytes
    size: int
    text: bytes


IGNORED_ALONE: Final = 1
IGNORED_WITH_FORKS: Final = 2


class CallCount(NamedTuple):
    """``struct call_count``: what became of the events of one type, and what they cost."""

    seen: int = 0
    passed: int = 0
    lost: int = 0
    timed: int = 0
    ns: int = 0


#: Where what a path led to is found when the call returns; nowhere: at the kernel's hooks.
LEFT_NOTHING, LEFT_ROOT, LEFT_MOUNT = range(3)
ALL_LEAVES: Final = (1 << 64) - 1


class CallSpec(NamedTuple):
    """``struct call_spec``: how the probe reads the arguments of one system call."""

    call: int
    want: int
    fd_arg: int = NO_ARG
    path_arg: int = NO_ARG
    dir_arg: int = NO_ARG
    path2_arg: int = NO_ARG
    dir2_arg: int = NO_ARG
    addr_arg: int = NO_ARG
    data_arg: int = NO_ARG
    str_arg: int = NO_ARG
    flags_arg: int = NO_ARG
    about: int = 0
    pid_arg: int = NO_ARG
    left: int = LEFT_NOTHING
    asks: int = 0
    leaves: int = ALL_LEAVES


HEADER: Final = struct.Struct("=QQQQq6Q8I3H2B16s")
SECTION: Final = struct.Struct("=HH")
FDINFO: Final = struct.Struct("=iIQ6I")
SOCKINFO: Final = struct.Struct("=6H4x16s16s3Q")
FORKED: Final = struct.Struct("=4IQI4x")
QUEUE: Final = struct.Struct("=II")
CAPS: Final = struct.Struct("=QQ")
EXECED: Final = struct.Struct("=7Q10I")
KEPT: Final = struct.Struct("=6Q16s2Q5I3H4B2x96s16s256s512s")
LARGE_IMAGE: Final = struct.Struct("=I4x4096s4096s4096s")
INODE_ID: Final = struct.Struct("=QII")
WATCHED_NAME: Final = struct.Struct("=3H")
WATCHED_FILE: Final = struct.Struct("=24sI4x1024s")
CALL_SPEC: Final = struct.Struct("=II13B3xQ")
SETTINGS: Final = struct.Struct("=Q4I")
CALL_COUNT: Final = struct.Struct("=5Q")
TIMESTAMP: Final = struct.Struct("=Q")

LAYOUTS: Final[dict[str, tuple[struct.Struct, tuple[str, ...]]]] = {
    "header": (HEADER, Header._fields),
    "section": (SECTION, ("tag", "len")),
    "fdinfo": (FDINFO, FdInfo._fields),
    "sockinfo": (SOCKINFO, SockInfo._fields),
    "forked": (FORKED, Forked._fields),
    "queue": (QUEUE, Queue._fields),
    "caps": (CAPS, Caps._fields),
    "execed": (EXECED, Execed._fields),
    "process": (KEPT, Kept._fields),
    "large_image": (LARGE_IMAGE, LargeImage._fields),
    "inode_id": (INODE_ID, InodeId._fields),
    "watched_name": (WATCHED_NAME, ("at", "len", "leaf")),
    "watched_file": (WATCHED_FILE, WatchedFile._fields),
    "call_spec": (CALL_SPEC, CallSpec._fields),
    "settings": (SETTINGS, ("ring_bytes", "execve", "procexit", "functions", "twice")),
    "call_count": (CALL_COUNT, CallCount._fields),
}
"""C name → format and members in order; a test compares them with the compiler's."""


def header(record: bytes) -> Header:
    """Return the header of *record*."""
    return Header._make(HEADER.unpack_from(record))


def sections(record: bytes) -> list[tuple[int, bytes]]:
    """Return the sections of *record* as (tag, data), in their order."""
    found = []
    position, end = HEADER.size, len(record)
    while position + 4 <= end:
        tag, size = SECTION.unpack_from(record, position)
        position += 4
        found.append((tag, record[position : position + size]))
        position += size
    return found
