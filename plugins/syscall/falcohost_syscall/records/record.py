"""Numbers and layouts that the probe and user space share. Written by `make` in bpf/; do not edit.

bpf/record.h, bpf/call_spec.h and bpf/facts.h say what each is for. What the bytes mean for rules is decided elsewhere.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

# enum kind
KIND_CALL: Final = 1
KIND_FORK: Final = 2
KIND_EXEC: Final = 3
KIND_EXIT: Final = 4
KIND_CGROUP: Final = 5
KIND_TASK: Final = 6
KIND_MORE: Final = 7

# enum flag
FLAG_COMPAT: Final = 1
FLAG_NEWTHREAD: Final = 2
FLAG_CUT: Final = 4
FLAG_UNREADABLE: Final = 8
FLAG_OTHER_NAME: Final = 16
FLAG_URING: Final = 32
FLAG_UNFINISHED: Final = 64
FLAG_SOCKET_FILE: Final = 128
FLAG_REPLACED: Final = 1024
FLAG_UNCOMPARED: Final = 512
FLAG_REWRITTEN: Final = 256

# enum tag
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
SEC_MORE_ARGS: Final = 35
SEC_MORE_ENV: Final = 36
SEC_ENTERED_PATH: Final = 37
SEC_ENTERED_PATH2: Final = 38
SEC_ENTERED_STR: Final = 39
SEC_RESOURCES: Final = 40
SEC_FD_TYPES: Final = 41
SEC_OF_FD: Final = 42
SEC_OF_FD_PATH: Final = 43
SEC_OF_FD_SOCK: Final = 44
SEC_OF_FD_UNIX: Final = 45
SEC_OF_FD_UNIXPEER: Final = 46
SEC_VALUE: Final = 47
SEC_VALUE2: Final = 48
SEC_VALUE3: Final = 49

# enum exe_flag
EXE_WRITABLE: Final = 1
EXE_UPPER_LAYER: Final = 2
EXE_LOWER_LAYER: Final = 4
EXE_FROM_MEMFD: Final = 8
EXE_ENTERED: Final = 16
EXE_FROM_TMPFS: Final = 32
EXE_PLACE_KNOWN: Final = 64

# enum fd_type
TYPE_OTHER: Final = 0
TYPE_FILE: Final = 1
TYPE_DIRECTORY: Final = 2
TYPE_PIPE: Final = 3
TYPE_IPV4: Final = 4
TYPE_IPV6: Final = 5
TYPE_UNIX: Final = 6
TYPE_NETLINK: Final = 7
TYPE_EVENT: Final = 8
TYPE_SIGNALFD: Final = 9
TYPE_EVENTPOLL: Final = 10
TYPE_INOTIFY: Final = 11
TYPE_TIMERFD: Final = 12
TYPE_BPF: Final = 13
TYPE_USERFAULTFD: Final = 14
TYPE_IO_URING: Final = 15
TYPE_MEMFD: Final = 16
TYPE_PIDFD: Final = 17
TYPES: Final = 18

# enum want
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
WANT_ENTERED: Final = 2097152
WANT_FREQUENT: Final = 8388608
WANT_MADE: Final = 4194304
WANT_SENTINEL: Final = 16777216
WANT_ATTRIBUTE: Final = 33554432
WANT_BEGIN: Final = 67108864
WANT_NAMED: Final = 134217728
WANT_LATELY: Final = 268435456
WANT_BY_FUNCTION: Final = 536870912
WANT_FILE: Final = 1073741824
WANT_TAKEN: Final = 2147483648

# enum left
LEFT_NOTHING: Final = 0
LEFT_ROOT: Final = 1
LEFT_MOUNT: Final = 2

# enum option
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
OPTION_MORE_ARGS: Final = 1024

# enum count_row
COUNT_FORKS: Final = 512
COUNT_EXECS: Final = 513
COUNT_EXITS: Final = 514
COUNT_ROWS: Final = 515

# enum moment
MOMENT_SIGNAL: Final = 0
MOMENT_SWITCH: Final = 1
MOMENT_FAULT: Final = 2
MOMENTS: Final = 3

# enum lost
LOST_RING_FULL: Final = 0
LOST_PROC_RING_FULL: Final = 1
LOST_FLOOD: Final = 2
LOST_SCRATCH: Final = 3
LOST_UNREADABLE: Final = 4
LOST_CUT: Final = 5
LOST_REAL_NAME: Final = 6
LOST_MORE: Final = 7
LOST_MAX: Final = 8

# enum stage
STAGE_OBJECTS: Final = 0
STAGE_MEMORY: Final = 1
STAGE_PROCESS: Final = 2
STAGE_ANCESTORS: Final = 3
STAGE_TELL: Final = 4
STAGE_SUBMIT: Final = 5
STAGE_MESSAGES: Final = 6
STAGE_LEFT_OUT: Final = 7
STAGE_NAMES: Final = 8
STAGE_ARGUMENTS: Final = 9
STAGE_PRESENT: Final = 10
STAGE_UNWANTED: Final = 11
STAGE_WANTED: Final = 12
STAGES: Final = 13

# enum exec_stage
EXEC_WANTED: Final = 0
EXEC_ANCESTORS: Final = 3
EXEC_SUBMIT: Final = 4
EXEC_LEFT_OUT: Final = 7
EXEC_NAMES: Final = 8
EXEC_STAGES: Final = 9

# enum exit_stage
EXIT_WANTED: Final = 2
EXIT_SUBMIT: Final = 4
EXIT_STAGES: Final = 5

# enum view_index
VIEW_NAME: Final = 0
VIEW_DIRECTORY: Final = 1
VIEW_FILENAME: Final = 2
VIEW_PATH: Final = 3
VIEW_PATH2: Final = 4
VIEW_STR: Final = 5
VIEW_SEEN: Final = 6
VIEW_SEEN2: Final = 7
VIEW_FOLDER: Final = 8
VIEWS: Final = 9

# enum process_text
TEXT_EXEPATH: Final = 0
TEXT_EXE: Final = 1
TEXT_ARGS: Final = 2
TEXT_CMDLINE: Final = 3
PROCESS_TEXTS: Final = 4

# enum lineage
LINEAGE_UNKNOWN: Final = 0
LINEAGE_WHOLE: Final = 1
LINEAGE_LONGER: Final = 2

# enum fd_kind
FD_UNKNOWN: Final = 0
FD_NONE: Final = 1
FD_FILE: Final = 2
FD_DIRECTORY: Final = 3
FD_PIPE: Final = 4
FD_IPV4: Final = 5
FD_IPV6: Final = 6
FD_UNIX: Final = 7
FD_NETLINK: Final = 8

# enum l4proto
L4_UNKNOWN: Final = 0
L4_TCP: Final = 1
L4_UDP: Final = 2
L4_ICMP: Final = 3
L4_RAW: Final = 4
L4_NONE: Final = 5

# enum ip
IP_UNKNOWN: Final = 0
IP_YES: Final = 1
IP_NO: Final = 2

# enum addressed
ADDRESSED_UNKNOWN: Final = 0
ADDRESSED_YES: Final = 1
ADDRESSED_NO: Final = 2

# enum made
MADE_UNKNOWN: Final = 0
MADE_YES: Final = 1
MADE_NO: Final = 2

# enum connected
CONNECTED_UNKNOWN: Final = 0
CONNECTED_YES: Final = 1
CONNECTED_NO: Final = 2
CONNECTED_ACCEPTED: Final = 3

# enum led_to
LED_TO: Final = 1
LED_TO2: Final = 2

# #define, in record.h, call_spec.h, facts.h, scratch.bpf.h
ENTERED_KEPT: Final = 256
UNMATCHED_FOR: Final = 20000000000
DESCRIPTORS_TOLD: Final = 4096
EXE_KEPT: Final = 256
ARGS_KEPT: Final = 512
NOT_KEPT: Final = 0xFFFF
MAX_WATCHED: Final = 4096
WATCHED_NAMES: Final = 4
WATCHED_TEXT: Final = 1024
IGNORED_HINTS: Final = 4096
WAITING_HINTS: Final = 4096
ABOUT_EXEC_AT: Final = 16
ABOUT_EXIT_AT: Final = 24
PRESENT_AT: Final = 11
MAX_CALLS: Final = 512
COMPAT_BASE: Final = 512
MAX_NR: Final = 1024
NO_ARG: Final = 0xFF
RET_ARG: Final = 0xFE
NAMED_AT: Final = 4
TAKEN_AT: Final = 3
STRUCT_SIZE: Final = 32
VALUE_ONCE: Final = 0xFF
VALUE_TEXT: Final = 0xFE
VALUE_AT: Final = 8
ABOUT_NAMES: Final = 15
ABOUT_TEXTS_AT: Final = 4
ABOUT_ALL: Final = 255
VIEW_LONGEST: Final = 4096
VIEW_UNKNOWN: Final = 0xFFFF
VIEW_NO_SLASH: Final = 0xFFFE
VIEW_ABSENT: Final = 0xFFFD
VIEW_BEGIN: Final = 0xFFFB
BEGIN_TOLD: Final = 256
VIEW_ENDS: Final = 0xFFFC
GENERATIONS: Final = 8
UNKNOWN_NUMBER: Final = 0xFFFFFFFF
UNCONFINED: Final = 0x10000
UNKNOWN_BITS: Final = (1 << 64) - 1
ASKS_REQUESTED: Final = 1
ASKS_ENVIRONMENT: Final = 2
ASKS_RESOURCES: Final = 4
ASKS_STREAMS: Final = 8
ASKS_FD_TYPES: Final = 16
ASKS_VALUES: Final = 32
ASKS_POLLED: Final = 64
ASKED_OF_PROCESSES_AT: Final = 2
ASKED_OF_PROCESSES: Final = 7
SIEVE_SIZES: Final = 4
SIEVE_BITS: Final = 65536
RECORD_SIZE: Final = 32768
CHUNK: Final = 4096
NAME_SIZE: Final = 256
ADDRESS_UNREAD: Final = 0xFFFFFFFF
WAKE_SHARE: Final = 16
WAKE_BAND: Final = 8192


class Header(NamedTuple):
    """``struct header``: the start of every record."""

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
    comm: bytes


class Section(NamedTuple):
    """``struct section``: the start of each section, before its data."""

    tag: int
    len: int


class FdInfo(NamedTuple):
    """``struct fdinfo``: the data of SEC_FD."""

    ino: int
    mode: int
    dev: int
    magic: int
    layer: int
    fmode: int
    bpf_id: int


class SockInfo(NamedTuple):
    """``struct sockinfo``: the data of SEC_SOCK."""

    family: int
    type: int
    protocol: int
    state: int
    lport: int
    rport: int
    accepted: int
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


class OfFd(NamedTuple):
    """``struct of_fd``: the data of SEC_OF_FD."""

    number: int
    info: bytes


class Resources(NamedTuple):
    """``struct resources``: the data of SEC_RESOURCES."""

    size: int
    resident: int
    swapped: int
    major: int
    minor: int
    fd_limit: int
    fds: int
    threads: int


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
    sid: int
    pgid: int
    vsid: int
    vpgid: int
    tty: int
    exe_flags: int
    unconfined: int
    args_size: int
    env_size: int


class Caller(NamedTuple):
    """``struct caller``: who makes calls of one kind."""

    who: int
    call: int
    by_user: int


class Kept(NamedTuple):
    """``struct process``: the cached context of a process, and what of it was sent."""

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

    payer: int
    payer_kind: int
    env_len: int
    exe: bytes
    args: bytes
    env: bytes


class InodeId(NamedTuple):
    """``struct inode_id``: the identity of a file, whatever its names."""

    ino: int
    dev: int
    generation: int


class WatchedName(NamedTuple):
    """``struct watched_name``: the place of one of the paths of a watched file."""

    at: int
    len: int
    leaf: int


class WatchedFile(NamedTuple):
    """``struct watched_file``: the paths of a watched file; *names* are structs ``watched_name``."""

    names: bytes
    size: int
    text: bytes


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
    left: int = 0
    asks: int = 0
    folders: int = 0
    sort_arg: int = NO_ARG
    value_arg: int = NO_ARG
    value2_arg: int = NO_ARG
    value3_arg: int = NO_ARG
    sorts: int = (1 << 64) - 1
    leaves: int = (1 << 64) - 1


class LoadedSettings(NamedTuple):
    """``struct settings``: settings that are fixed while the probe is loaded."""

    ring_bytes: int
    execve: int
    procexit: int
    functions: int
    installs: int
    secret: bytes
    snaplen: int
    proc_ring_bytes: int


class CallCount(NamedTuple):
    """``struct call_count``: counters of the events of one type, and what they cost."""

    seen: int = 0
    passed: int = 0
    lost: int = 0
    timed: int = 0
    ns: int = 0


HEADER: Final = struct.Struct("=4Qq6Q8I4H16s")
SECTION: Final = struct.Struct("=2H")
FDINFO: Final = struct.Struct("=Q6I")
SOCKINFO: Final = struct.Struct("=6HI16s16s3Q")
FORKED: Final = struct.Struct("=4IQI4x")
OF_FD: Final = struct.Struct("=i4x32s")
RESOURCES: Final = struct.Struct("=6Q2I")
QUEUE: Final = struct.Struct("=2I")
CAPS: Final = struct.Struct("=2Q")
EXECED: Final = struct.Struct("=6Q9I4x")
CALLER: Final = struct.Struct("=Q2I")
KEPT: Final = struct.Struct("=6Q16s2Q5I3H4B2x88s16s256s512s")
LARGE_IMAGE: Final = struct.Struct("=Q2I4096s4096s4096s")
INODE_ID: Final = struct.Struct("=Q2I")
WATCHED_NAME: Final = struct.Struct("=3H")
WATCHED_FILE: Final = struct.Struct("=24sI4x1024s")
CALL_SPEC: Final = struct.Struct("=2I15B1x3I4x2Q")
SETTINGS: Final = struct.Struct("=Q4I16s2I")
CALL_COUNT: Final = struct.Struct("=5Q")

ENUMS: Final = {
    "lost": (
        "ring_full",
        "proc_ring_full",
        "flood",
        "scratch",
        "unreadable",
        "cut",
        "real_name",
        "more",
    ),
    "view_index": (
        "name",
        "directory",
        "filename",
        "path",
        "path2",
        "str",
        "seen",
        "seen2",
        "folder",
    ),
    "process_text": (
        "exepath",
        "exe",
        "args",
        "cmdline",
    ),
}
"""Names in the order of their numbers, without the last, which counts them."""

PLACES: Final = {
    "header": {
        "ts": 0,
        "start": 8,
        "cgroup": 16,
        "caps": 24,
        "ret": 32,
        "args": 40,
        "pid": 88,
        "tid": 92,
        "ppid": 96,
        "vpid": 100,
        "vtid": 104,
        "uid": 108,
        "gid": 112,
        "loginuid": 116,
        "kind": 120,
        "call": 122,
        "cpu": 124,
        "flags": 126,
        "comm": 128,
    },
    "facts": {
        "views": 0,
        "local": 36,
        "remote": 52,
        "lport": 68,
        "rport": 70,
        "kind": 72,
        "l4proto": 73,
        "ip": 74,
        "lineage": 75,
        "tty": 76,
        "exe_flags": 80,
        "process": 84,
        "pids": 244,
        "flags": 276,
        "addressed": 280,
        "connected": 281,
        "led_to": 282,
        "made": 283,
        "names": 284,
        "environment": 300,
        "caps_permitted": 304,
        "structure": 312,
    },
    "file_names": {
        "real": 0,
        "host": 4,
        "watched": 8,
        "requested": 12,
    },
    "names": {
        "mnt": 0,
        "reached": 8,
        "dentry": 24,
        "inode": 32,
        "name": 40,
        "gathered": 41,
        "host_leaf": 42,
        "host": 44,
        "watched": 48,
        "at": 72,
        "size": 76,
        "dots": 80,
        "rules": 84,
        "judged": 88,
        "left_out": 89,
        "pad": 90,
        "folder": 96,
    },
    "scratch": {
        "spec": 0,
        "pos": 56,
        "walk": 64,
        "facts": 120,
        "header": 440,
        "record": 440,
        "path": 37304,
        "began": 41656,
        "file": 41664,
        "address": 41672,
        "self": 41676,
        "names": 41680,
        "task": 41784,
        "now": 41792,
    },
}
"""Members of structs, in bytes from the start of each."""

SIZES: Final = {
    "call_count": 40,
    "call_spec": 56,
    "caller": 16,
    "caps": 16,
    "execed": 88,
    "facts": 320,
    "fdinfo": 32,
    "file_names": 16,
    "forked": 32,
    "header": 144,
    "inode_id": 16,
    "large_image": 12304,
    "names": 104,
    "of_fd": 40,
    "process": 984,
    "queue": 8,
    "resources": 56,
    "scratch": 41840,
    "section": 4,
    "settings": 48,
    "sockinfo": 72,
    "watched_file": 1056,
    "watched_name": 6,
}
