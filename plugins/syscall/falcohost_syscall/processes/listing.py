"""Lists a process of this machine, its threads and its descriptors, as the lists at the start of a capture have them.

Version 9 of entries of threads and version 2 of entries of descriptors, in Falco's numbers (``scap_savefile.c``). What
``/proc`` does not tell, such as the layer of a file in an overlay, is 0.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from struct import pack
from typing import Final

from falcohost_syscall.processes.open_files import anonymous_type

#: Most bytes of arguments and of the environment, of all threads' entries, and of the descriptors' entries.
_MOST_TEXT: Final = 4096
_MOST: Final = 100 << 10
#: Most descriptors and threads of a process that are looked at.
_MOST_DESCRIPTORS: Final = 16384
_MOST_THREADS: Final = 1024
#: Seconds for which the sockets of a network namespace are remembered.
_FRESH: Final = 2.0
#: Seconds after which they are read again for one that is not among them.
_AGAIN: Final = 0.25

_UNSET: Final = 0xFFFFFFFF
_OF_THREAD: Final = 0x2001  # Falco's flags of clone(2): a thread that shares files
_READABLE_BY: Final = ((0o200, 0), (0o020, 1), (0o002, 2))

# Falco's types of descriptors.
_DIRECTORY, _FIFO, _UNIX, _NETLINK, _FILE, _UNSUPPORTED = 2, 7, 8, 15, 16, 10
_ANONYMOUS: Final = {
    "event": 9,
    "signalfd": 11,
    "eventpoll": 12,
    "inotify": 13,
    "timerfd": 14,
    "bpf": 17,
    "userfaultfd": 18,
    "io_uring": 19,
    "pidfd": 21,
}
_MEMFD: Final = 20
# Falco's flags of open(2) by the kernel's, besides the access mode.
_OPEN_FLAGS: Final = (
    (os.O_CREAT, 0x4),
    (os.O_APPEND, 0x8),
    (os.O_DSYNC, 0x10),
    (os.O_EXCL, 0x20),
    (os.O_NONBLOCK, 0x40),
    (os.O_TRUNC, 0x100),
    (os.O_DIRECT, 0x200),
    (os.O_DIRECTORY, 0x400),
    (0o100000, 0x800),
    (os.O_CLOEXEC, 0x1000),
)
_ACCESS: Final = {os.O_RDONLY: 1, os.O_WRONLY: 2, os.O_RDWR: 3}
# Tables of sockets in /proc/PID/net, with Falco's number of the protocol.
_IP_TABLES: Final = (("tcp", 2), ("udp", 3), ("raw", 5), ("tcp6", 2), ("udp6", 3), ("raw6", 5), ("icmp", 4))
_LISTENS: Final = "0A"
#: The entry of a socket, behind its number and inode, by the inode.
_Sockets = dict[str, bytes]


@dataclass(slots=True)
class _Known:
    """The sockets of a network namespace when they were read, and when one was last looked for again."""

    since: float
    sockets: _Sockets
    again: float = 0.0


@dataclass(slots=True)
class Lister:
    """Lists processes, and remembers for a moment which sockets there are."""

    _sockets: dict[int, _Known] = field(default_factory=dict)

    def listed(self, tid: int) -> list[bytes | None] | None:
        """Return the entries of the threads of the process of a thread, those of its descriptors, and its start.

        The start is in the clock ticks of ``/proc/PID/stat``. None: there is no such process, or it may not be read.
        """
        try:
            status = _fields(_text(f"/proc/{tid}/status"))
            pid = int(status["Tgid"])
            begin = _words(_text(f"/proc/{pid}/stat"))
            entries = b"".join(_up_to(_threads(pid, tid)))
            files = pack("<q", pid) + b"".join(_up_to(self._descriptors(pid)))
            return [entries, files, begin[19].encode()]
        except (OSError, KeyError, IndexError, ValueError):
            return None

    def _descriptors(self, pid: int) -> Iterator[bytes]:
        sockets: _Known | None = None
        folder = f"/proc/{pid}/fd"
        for number in _numbers(folder, _MOST_DESCRIPTORS):
            try:
                target = os.readlink(f"{folder}/{number}")  # noqa: PTH115 (a Path costs more than the call)
                if target.startswith("socket:["):
                    if sockets is None:
                        sockets = self._sockets_of(pid)
                    inode = target[8:-1]
                    yield _entry(number, int(inode), _socket(inode, sockets, pid))
                else:
                    yield _file(pid, number, target)
            except OSError:
                continue

    def _sockets_of(self, pid: int) -> _Known:
        namespace = os.stat(f"/proc/{pid}/ns/net").st_ino  # noqa: PTH116
        now = time.monotonic()
        known = self._sockets.get(namespace)
        if known is None or now - known.since > _FRESH:
            self._sockets = {key: one for key, one in self._sockets.items() if now - one.since <= _FRESH}
            known = self._sockets[namespace] = _Known(now, dict(_all_sockets(pid)))
        return known


def _socket(inode: str, known: _Known, pid: int) -> bytes:
    """Return the entry of a socket. One that is not known is new, or was left out as others came and went meanwhile."""
    if inode not in known.sockets and (now := time.monotonic()) - known.again > _AGAIN:
        known.again = now
        known.sockets.update(_all_sockets(pid))
    return known.sockets.get(inode, pack("<B", _UNSUPPORTED) + _string(b""))


def _up_to(entries: Iterator[bytes]) -> Iterator[bytes]:
    left = _MOST
    for entry in entries:
        left -= len(entry)
        if left < 0:
            return
        yield entry


def _numbers(folder: str, most: int) -> list[int]:
    """Return the first numbers that are names in a folder; the kernel shows them in order."""
    with os.scandir(folder) as entries:
        return [int(entry.name) for entry in islice(entries, most)]


def _text(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123
        return file.read()


def _bytes(path: str, most: int) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            return file.read(most) or b""
    except OSError:
        return b""


def _link(path: str) -> bytes:
    try:
        return os.readlink(os.fsencode(path))  # noqa: PTH115
    except OSError:
        return b""


def _fields(status: str) -> dict[str, str]:
    return {name: value.strip() for name, _, value in (line.partition(":") for line in status.splitlines())}


def _words(found: str) -> list[str]:
    """Return the numbers in ``/proc/PID/stat`` from the state on, which follows the name."""
    return found.rpartition(")")[2].split()


def _string(data: bytes) -> bytes:
    data = data[:0xFFFF]
    return pack("<H", len(data)) + data


def _threads(pid: int, first: int) -> Iterator[bytes]:
    """Yield the entries of the threads of a process: of the main one, of *first*, then of the others."""
    args, env = (_bytes(f"/proc/{pid}/{name}", _MOST_TEXT) for name in ("cmdline", "environ"))
    exe, _, rest = args.partition(b"\0")
    exepath, cwd, root = (_link(f"/proc/{pid}/{name}") for name in ("exe", "cwd", "root"))
    limit = _open_files(pid)
    file = _stat_of(f"/proc/{pid}/exe")
    for tid in dict.fromkeys((pid, first, *_numbers(f"/proc/{pid}/task", _MOST_THREADS))):
        try:
            status = _fields(_text(f"/proc/{pid}/task/{tid}/status"))
            words = _words(_text(f"/proc/{pid}/task/{tid}/stat"))
        except OSError:
            continue
        uid, gid = (int(status[name].split()[1]) for name in ("Uid", "Gid"))
        body = pack("<3q", tid, pid, int(words[1])) + pack("<2q", int(words[3]), _inner(status, "NSpgid"))
        body += _string(os.fsencode(_text(f"/proc/{pid}/task/{tid}/comm").rstrip("\n"))) + _string(exe)
        body += _string(exepath) + _string(rest) + _string(cwd)
        body += pack("<Q3I", limit, 0 if tid == pid else _OF_THREAD, uid, gid)
        body += pack("<3I", *(int(status.get(name, "0 kB").split()[0]) for name in ("VmSize", "VmRSS", "VmSwap")))
        body += pack("<2Q", int(words[9]), int(words[7])) + _string(env if tid == pid else b"")
        body += pack("<2q", _inner(status, "NSpid"), _inner(status, "NStgid"))
        body += _string(cgroup_lines(_bytes(f"/proc/{pid}/task/{tid}/cgroup", _MOST_TEXT))) + _string(root)
        caps = [int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff")]
        terminal, login = int(words[4]) & _UNSET, int(_bytes(f"/proc/{pid}/task/{tid}/loginuid", 16) or _UNSET)
        body += pack("<Q2IB3QB", 0, terminal, login, _is_writable(file, uid, gid), *caps, 0)
        ino, ctime, mtime = (0, 0, 0) if file is None else (file.st_ino, file.st_ctime_ns, file.st_mtime_ns)
        body += pack("<3Q2Bq", ino, ctime, mtime, exepath.startswith(b"/memfd:"), 0, int(words[2]))
        yield pack("<I", len(body) + 4) + body


def _inner(status: dict[str, str], name: str) -> int:
    """Return the id in the innermost pid namespace."""
    return int(status[name].split()[-1])


def _open_files(pid: int) -> int:
    for line in _text(f"/proc/{pid}/limits").splitlines():
        if line.startswith("Max open files"):
            soft = line.split()[3]
            return int(soft) if soft.isdecimal() else (1 << 64) - 1
    return 0


def _stat_of(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)  # noqa: PTH116
    except OSError:
        return None


def _is_writable(file: os.stat_result | None, uid: int, gid: int) -> bool:
    """Return whether a user may write to a file, by its mode alone."""
    if file is None:
        return False
    if uid == 0:
        return True
    place = 0 if file.st_uid == uid else 1 if file.st_gid == gid else 2
    return bool(file.st_mode & _READABLE_BY[place][0])


def cgroup_lines(found: bytes) -> bytes:
    """Return cgroups as ``subsystem=path``, each with a zero behind it; version 2 has no name in front.

    :param found: the content of ``/proc/PID/cgroup``.
    """
    lines = b""
    for _, names, path in (line.split(b":", 2) for line in found.splitlines() if line.count(b":") >= 2):
        lines += b"".join(name.removeprefix(b"name=") + b"=" + path + b"\0" for name in names.split(b","))
    return lines


def _entry(number: int, ino: int, rest: bytes) -> bytes:
    return pack("<IqQ", 4 + 16 + len(rest), number, ino) + rest


def _file(pid: int, number: int, target: str) -> bytes:
    """Return the entry of a descriptor that is no socket."""
    found = os.stat(f"/proc/{pid}/fd/{number}")  # noqa: PTH116
    name = os.fsencode(target)
    if target.startswith("/memfd:"):
        return _entry(number, found.st_ino, pack("<B", _MEMFD) + _string(name.removeprefix(b"/memfd:").split(b" ")[0]))
    if target.startswith("/"):
        if stat.S_ISDIR(found.st_mode):
            return _entry(number, found.st_ino, pack("<B", _DIRECTORY) + _string(name))
        rest = pack("<BI", _FILE, _flags(pid, number)) + _string(name) + pack("<I", found.st_dev & _UNSET)
        return _entry(number, found.st_ino, rest)
    if target.startswith("pipe:"):
        return _entry(number, found.st_ino, pack("<B", _FIFO) + _string(b""))
    kind = _ANONYMOUS.get(anonymous_type(target), _UNSUPPORTED)
    return _entry(number, found.st_ino, pack("<B", kind) + _string(b""))


def _flags(pid: int, number: int) -> int:
    """Return Falco's flags with which a file was opened."""
    for line in _bytes(f"/proc/{pid}/fdinfo/{number}", 4096).splitlines():
        if line.startswith(b"flags:"):
            bits = int(line.split()[1], 8)
            return _ACCESS.get(bits & os.O_ACCMODE, 0) | sum(own for kernels, own in _OPEN_FLAGS if bits & kernels)
    return 0


def _all_sockets(pid: int) -> Iterator[tuple[str, bytes]]:
    """Yield the sockets of a network namespace: the inode, and what an entry has behind it."""
    folder = Path(f"/proc/{pid}/net")
    for table, protocol in _IP_TABLES:
        for words in _rows(folder / table):
            yield words[9], _ip_socket(words, protocol)
    for words in _rows(folder / "unix"):
        path = os.fsencode(words[7]) if len(words) > 7 else b""
        yield words[6], pack("<BQQ", _UNIX, int(words[0].rstrip(":"), 16), 0) + _string(path)
    for words in _rows(folder / "netlink"):
        yield words[9], pack("<B", _NETLINK) + _string(b"")


def _rows(path: Path) -> Iterator[list[str]]:
    """Yield the words of each line but the first."""
    try:
        lines = path.read_text(errors="surrogateescape").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        if len(words := line.split(maxsplit=7) if path.name == "unix" else line.split()) > 6:
            yield words


def _ip_socket(words: list[str], protocol: int) -> bytes:
    """Return a socket: one that listens, or has no other end, has one address."""
    (own, own_port), (other, port) = _end(words[1]), _end(words[2])
    is_server = words[3] == _LISTENS or not any(other)
    kind = (5 if is_server else 3) if len(own) == 4 else (6 if is_server else 4)
    if is_server:
        return pack("<B", kind) + own + pack("<HB", own_port, protocol)
    return pack("<B", kind) + own + other + pack("<2HB", own_port, port, protocol)


def _end(shown: str) -> tuple[bytes, int]:
    """Return the address, in the order of the network, and the port of an end as shown: words of this machine."""
    address, _, port = shown.partition(":")
    words = (int(address[at : at + 8], 16) for at in range(0, len(address), 8))
    return b"".join(pack("=I", word) for word in words), int(port, 16)
