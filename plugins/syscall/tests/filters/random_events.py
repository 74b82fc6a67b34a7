"""Events by chance, from small pools that rules have too (random_rules.py), so that they meet often."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX

from workload.handmade import Task, record

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost_syscall.calls.flags import O_CREAT
from falcohost_syscall.calls.rows import BY_NAME, Call
from falcohost_syscall.events.event import AT_FDCWD
from falcohost_syscall.fields.rows import FIELDS
from falcohost_syscall.parameters.values import FMODE_CREATED
from falcohost_syscall.records import record as R


def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


CATALOG = Catalog("syscall", (*GENERIC_FIELDS, *FIELDS))
EVENT_TYPES = words(
    """
    open openat openat2 creat open_by_handle_at read write connect accept4 bind listen sendto sendmsg recvfrom recvmsg
    dup dup3 close socket unlink truncate unlinkat rename renameat2 linkat symlink symlinkat chmod fchmodat mkdir mount
    chroot setuid bpf ptrace prctl setns unshare clone clone3 setresuid fchownat mknodat pipe2 fcntl getpid execve
    execveat procexit fchmodat2 preadv2 pwritev2 getsockname setsockopt semctl semop futex poll prlimit getcwd getresuid
    keyctl quotactl nanosleep mmap brk llseek signaldeliver switch page_fault
    """
)
HOST, CONTAINER, UNKNOWN = 7, 8, 9
CONTAINER_ID = "ab" * 32

PATHS = words(
    """
    /etc/shadow /etc/passwd /etc/pam.d/login /etc /var/log/syslog /root/.ssh/id_rsa /home/a/.ssh/id_ed25519.pub
    / /x /etc//shadow /etc/../x ../etc/shadow shadow /usr/lib/x.so /proc/1/mem /dev/null /tmp/é /var/log
    /etc/shadow- a/b . /root/.ssh/ /a/./b /.. /..x/.y /etc/.
    /var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs/etc/ld.so.preload
    """
)
LONG = "/long/" + "x" * 290 + "/shadow"
#: Where texts begin to be told otherwise: not looked up, told of arguments, followed without loops, or not sent at all.
LENGTHS = (247, 248, 249, 255, 256, 257, 4094, 4095)
#: What is not UTF-8, or is no more if it is cut, or changes with its case.
ODD = [b"/tmp/\xff\xe2\x82", b"/etc/\xe9tc/shadow", b"/etc/shadow\xff", "/ÉTC/ſhadow".encode(), "/etc/K\ufffd".encode()]


def long(length: int) -> str:
    """Return a path of this length."""
    return "/etc/" + "x" * (length - 12) + "/shadow"


PORTS = [0, 1, 22, 80, 443, 8080, 32767, 32768, 40000, 65535]
ERRORS = [0, 1, 3, 5, -errno.EPERM, -errno.ENOENT, -errno.EINPROGRESS, -errno.EACCES, -4000, 1 << 40]
ERRORS += [-1, -4095, -4096, (1 << 31) - 1, 1 << 31, (1 << 63) - 1]
NUMBERS = [
    0,
    1,
    2,
    3,
    5,
    16,
    AT_FDCWD & 0xFFFFFFFF,
    0o100,
    0o1101,
    0o102,
    0o2000000,
    0x40000000,
    0xFFFFFFFF,
    1 << 33,
    0o4755,
    (1 << 31) - 1,
    1 << 31,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
]
PIDS = [-1, 1, 5_000_000, 5_000_001, 5_000_002, 5_000_009, 34816]


def accounts(root: Path) -> Path:
    """Write the files of users and groups below *root*, and return that; some events are of none of them."""
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nbash:x:1000:5::/home/a:/bin/bash\n")
    (root / "etc/group").write_text("root:x:0:\nread:x:5:\n")
    return root


def event(random: Random, name: str, tasks: Sequence[Task]) -> bytes:
    """Return the record of a random event of a type, by one of *tasks*."""
    row = BY_NAME[name]
    pick = random.choice
    task = replace(
        pick(tasks),
        uid=pick((0, 1, 1000)),
        gid=pick((0, 5)),
        loginuid=pick((0xFFFFFFFF, 1000)),
        caps=random.getrandbits(41) if random.random() < 0.5 else pick((0, 1 << 21)),
        cgroup=pick((HOST, CONTAINER, UNKNOWN)),
    )
    args = tuple(pick(NUMBERS) for _ in range(6))
    sections = _sections(random, row)
    if R.SEC_FD in sections and may_make(row, args) and random.random() < 0.5:
        sections[R.SEC_FD] = R.FDINFO.pack(*R.FDINFO.unpack(sections[R.SEC_FD])[:-2], FMODE_CREATED, 0)
    hosts = {R.SEC_HOSTPATH, R.SEC_WATCHED, R.SEC_HOSTDIR, R.SEC_HOSTDIR2, R.SEC_REALHOST, R.SEC_REALHOST2}
    flags = 0 if hosts.isdisjoint(sections) else R.FLAG_OTHER_NAME
    flags |= R.FLAG_REPLACED if row.opens and random.random() < 0.1 else 0
    ret = pick([error for error in ERRORS if error <= 0] if name == "connect" else ERRORS)
    return record(R.KIND_CALL, task, sections, call=row.call, ret=ret, args=args, flags=flags)


def may_make(row: Call, args: Sequence[int]) -> bool:
    """Return whether the kernel may have created the event's file; openat2 may have changed its flags since."""
    return row.name == "openat2" or (row.open_flags is not None and bool(args[row.open_flags] & O_CREAT))


def _sections(random: Random, row: Call) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    if row.want & R.WANT_FD:
        found |= _object(random)
    for want, tag, directory in (
        (R.WANT_PATH, R.SEC_PATH, R.SEC_DIR),
        (R.WANT_PATH2, R.SEC_PATH2, R.SEC_DIR2),
        (R.WANT_STR, R.SEC_STR, 0),
    ):
        if row.want & want and random.random() < 0.9:
            found[tag] = _text(random)
            if directory and not found[tag].startswith(b"/"):
                found[directory] = random.choice((b"/etc", b"/", b"/root/.ssh"))
            if directory and not row.want & R.WANT_FD and random.random() < 0.2:
                found[R.SEC_HOSTDIR if tag == R.SEC_PATH else R.SEC_HOSTDIR2] = b"/srv/container"
    if row.leads and random.random() < 0.4:
        found |= _led_to(random, two=not {"path_rename", "path_link"}.isdisjoint(row.hooks))
    if row.want & R.WANT_STRUCT and random.random() < 0.9:
        found[R.SEC_STRUCT] = random.choice((0, 1 << 28, 1 << 29, 0x10000, random.getrandbits(40))).to_bytes(
            32, "little"
        )
    if row.values and random.random() < 0.8:
        words = (pick.to_bytes(8, "little") for pick in random.choices((0, 1, 3, 7, (1 << 64) - 1, 1 << 33), k=9))
        found |= {R.SEC_VALUE: b"".join(words), R.SEC_VALUE2: b"/etc/shadow\0\0\0\0\0", R.SEC_VALUE3: bytes(16)}
    if random.random() < 0.3:
        found[R.SEC_RESOURCES] = R.RESOURCES.pack(300, random.choice((0, 1, 2)), 0, 0, 16, 1024, 5, 3)
        found[R.SEC_FD_TYPES] = (1 << R.TYPE_FILE | 1 << R.TYPE_IPV4).to_bytes(4, "little")
    if row.want & R.WANT_PAIR and random.random() < 0.8:
        found[R.SEC_PAIR] = bytes((5, 0, 0, 0, 6, 0, 0, 0))
    if row.want & (R.WANT_SOCKADDR | R.WANT_MSGHDR | R.WANT_SENDER) and random.random() < 0.8:
        found[R.SEC_SOCKADDR] = _sockaddr(random)
    return found


def _led_to(random: Random, *, two: bool) -> dict[int, bytes]:
    tags = {R.SEC_REALPATH: R.SEC_REALHOST} | ({R.SEC_REALPATH2: R.SEC_REALHOST2} if two else {})
    found = {tag: _path(random) for tag in tags}
    return found | {host: _path(random) for host in tags.values() if random.random() < 0.3}


def _text(random: Random) -> bytes:
    special = random.random()
    if special < 0.05:
        return random.choice(ODD)
    if special < 0.1:
        return random.choice((LONG, long(random.choice(LENGTHS)))).encode()
    return b"" if special < 0.13 else random.choice(PATHS).encode()


def _object(random: Random) -> dict[int, bytes]:
    kind = random.random()
    if kind < 0.15:
        return {}
    if kind < 0.5:
        info = _info(random.choice((0o100644, 0o040755, 0o020666, 0o010644)))
        host = {R.SEC_HOSTPATH: _path(random)} if random.random() < 0.3 else {}
        watched = {R.SEC_WATCHED: b"/etc/shadow\0/x\0"} if random.random() < 0.2 else {}
        return {R.SEC_FD: info, R.SEC_FDPATH: _path(random), **host, **watched}
    if kind < 0.6:
        name = random.choice((b"[eventpoll]", b"memfd:/etc/shadow", b"anon_inode:[eventfd]", b"/"))
        return {R.SEC_FD: _info(random.choice((0, 0o100600)), random.choice((0, 0x50494446))), R.SEC_FDPATH: name}
    if kind < 0.65:
        return {R.SEC_FD: _info(random.choice((0o010600, 0o100600)))}
    return {R.SEC_FD: _info(0o140777), **_socket(random)}


def _path(random: Random) -> bytes:
    special = random.random()
    if special < 0.05:
        return random.choice((LONG, long(random.choice(LENGTHS)))).encode()
    if special < 0.08:
        return random.choice(ODD)
    return random.choice([path for path in PATHS if path.startswith("/") and "//" not in path]).encode()


def _info(mode: int, magic: int = 0xEF53) -> bytes:
    return R.FDINFO.pack(42, mode, 0xFE00, magic, 0, 0, 0)


def _socket(random: Random) -> dict[int, bytes]:
    family = random.choice((AF_INET, AF_INET, AF_INET6, AF_INET6, AF_UNIX, AF_NETLINK, 17))
    ends = [_address(random, family).ljust(16, b"\0") for _ in range(2)]
    ports = [random.choice(PORTS) for _ in range(2)]
    if family not in (AF_INET, AF_INET6):
        ends, ports = [bytes(16)] * 2, [0, 0]
    kind, protocol = random.choice((1, 1, 2, 3, 5)), random.choice((0, 6, 1, 58))
    objects = (5, random.choice((0, 7))) if family == AF_UNIX else (0, 0)
    state = random.choice((1, 10))
    accepted = random.choice((0, 1)) if family in (AF_INET, AF_INET6) else 0
    found = {R.SEC_SOCK: R.SOCKINFO.pack(family, kind, protocol, state, *ports, accepted, *ends, 99, *objects)}
    if family == AF_UNIX:
        names = (b"", b"/run/docker.sock\0", b"\0abstract")
        found[R.SEC_UNIX] = random.choice(names)
        if objects[1]:
            found[R.SEC_UNIXPEER] = random.choice(names)
    return found


def _address(random: Random, family: int) -> bytes:
    if family == AF_INET:
        return random.choice((bytes(4), b"\x7f\0\0\1", b"\x0a\0\0\1", b"\xc0\xa8\1\2", b"\x08\x08\x08\x08"))
    mapped = (bytes(10) + b"\xff\xff" + end for end in (b"\x7f\0\0\1", b"\x0a\0\0\1", bytes(4)))
    linked = b"\xfe\x80" + bytes(13) + b"\1"
    return random.choice((bytes(16), bytes(15) + b"\1", b"\x20\1\x0d\xb8" + bytes(11) + b"\1", linked, *mapped))


def _sockaddr(random: Random) -> bytes:
    family = random.choice((AF_INET, AF_INET6, AF_UNIX))
    port = random.choice(PORTS).to_bytes(2, "big")
    head = family.to_bytes(2, "little")
    if family == AF_UNIX:
        return head + b"/run/docker.sock\0"
    if family == AF_INET:
        return head + port + _address(random, AF_INET) + bytes(random.choice((0, 8, 100)))
    return (head + port + bytes(4) + _address(random, AF_INET6) + bytes(4))[: random.choice((28, 28, 24, 23, 20, 2, 1))]
