"""Runs filters in the kernel over scratch memory made from a record, as the probe would have filled it."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable, Iterator, Mapping
from errno import EINPROGRESS
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, SOCK_STREAM
from typing import TypeAlias

from msgspec.structs import replace
from random_processes import ABOUT_AT, ENVIRONMENT_AT, About

from falcohost_syscall.calls.rows import CALLS, Call
from falcohost_syscall.drivers.modern_ebpf.filters import OF_CALLS
from falcohost_syscall.facts import layout
from falcohost_syscall.filters.condition import Condition, Point
from falcohost_syscall.filters.load import NOT_TRIED, compiled
from falcohost_syscall.filters.site import SiteMaps
from falcohost_syscall.kernel.assembler import Assembler
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import MAP_HASH, MAP_PROG_ARRAY, PROGRAM_RAW_TRACEPOINT, Kernel
from falcohost_syscall.parameters.values import FMODE_CREATED
from falcohost_syscall.processes.table import Process
from falcohost_syscall.records import parts
from falcohost_syscall.records import record as R
from falcohost_syscall.records.text import absolute

_KINDS = {stat.S_IFDIR: R.FD_DIRECTORY, stat.S_IFIFO: R.FD_PIPE}
_PIDFS = 0x50494446
_ESTABLISHED = 1
_ADDRESSED = R.WANT_SOCKADDR | R.WANT_MSGHDR | R.WANT_SENDER
_MAPPED = bytes(10) + b"\xff\xff"
_NO_PROCESSES = struct.pack("=HH", 0, R.VIEW_UNKNOWN) * layout.PROCESS_VIEWS + b"\xff" * 4 * layout.GENERATIONS
_L4 = {1: R.L4_TCP, 2: R.L4_UDP, 3: R.L4_RAW}


class Facts:
    """``struct facts`` of a record, filled up to a point: the twin of bpf/view.bpf.h."""

    def __init__(self, record: bytes, point: Point, about: About | None = None) -> None:
        self._about = about
        self.views = dict.fromkeys(layout.VIEWS, (0, R.VIEW_UNKNOWN))
        self.local = self.remote = bytes(16)
        self.lport = self.rport = self.kind = self.l4proto = self.ip = self.addressed = self.connected = self.led_to = 0
        self.made = R.MADE_UNKNOWN
        self.structure = R.UNKNOWN_BITS
        self.names = dict.fromkeys(layout.FILE_NAMES, (0, R.VIEW_UNKNOWN))
        header = parts.header(record)
        self._ret = header.ret
        self._record = record
        self._row: Call = CALLS[header.call - 1]
        place = self._row.open_flags
        self.flags = 0 if place is None else header[R.Header._fields.index("arg0") + place] & 0xFFFFFFFF
        self._sections = {tag: (at, data) for tag, at, data in _placed(record)}
        if point >= Point.OBJECT and self._row.want & R.WANT_FD:
            self._see_object()
        if point >= Point.MEMORY:
            self._see_memory()

    def pack(self) -> bytes:
        """Return the bytes of the struct."""
        views = b"".join(struct.pack("=HH", *view) for view in self.views.values())
        numbers = [self.lport, self.rport, self.kind, self.l4proto, self.ip]
        about = self._about
        unknown = (0, R.UNKNOWN_NUMBER, R.UNKNOWN_NUMBER)
        numbers += unknown if about is None else (about.lineage, about.tty, about.exe_flags)
        processes = _NO_PROCESSES if about is None else about.pack()
        ends = struct.pack("=16s16sHHBBBBII", self.local, self.remote, *numbers)
        names = b"".join(struct.pack("=HH", *view) for view in self.names.values())
        last = struct.pack("=IBBBB", self.flags, self.addressed, self.connected, self.led_to, self.made)
        caps = R.UNKNOWN_BITS if about is None else about.caps
        env = len(about.environment) if about is not None and about.environment else R.VIEW_UNKNOWN
        return views + ends + processes + last + names + struct.pack("=HHQQ", ENVIRONMENT_AT, env, caps, self.structure)

    def _see_object(self) -> None:
        self.ip, self.l4proto, self.connected = R.IP_NO, R.L4_NONE, R.CONNECTED_NO
        if R.SEC_FD not in self._sections:
            self.kind, self.made = R.FD_NONE, R.MADE_NO
            self.names["real"] = (0, R.VIEW_ABSENT)
            self.views["filename"] = (0, R.VIEW_ABSENT)
            return
        info = R.FdInfo._make(R.FDINFO.unpack(self._sections[R.SEC_FD][1]))
        self.made = R.MADE_YES if info.fmode & FMODE_CREATED else R.MADE_NO
        kind = stat.S_IFMT(info.mode)
        if kind == stat.S_IFSOCK:
            self._see_socket()
            return
        at, path = self._sections.get(R.SEC_FDPATH, (0, None))
        named = path is not None and path.startswith(b"/")
        regular = kind == stat.S_IFREG
        self.kind = 0 if kind == 0 or (regular and (not named or info.magic == _PIDFS)) else R.FD_FILE
        self.kind = _KINDS.get(kind, self.kind)
        if self._row.opens and self.kind != R.FD_DIRECTORY:
            self.kind = R.FD_FILE
        if named:
            self.see_name(at, path)
            self.names["real"] = (at, len(path))
            if self._row.opens and self._sections.get(R.SEC_PATH, (0, b""))[1] == path:
                self.views["path"] = (at, len(path))
        elif kind == stat.S_IFIFO and path is None and not self._row.opens:
            self.views["name"] = (0, R.VIEW_NO_SLASH)
            self.names["real"] = (0, R.VIEW_ABSENT)
        if self.kind == R.FD_PIPE:
            self.views["directory"] = self.views["filename"] = (0, R.VIEW_ABSENT)

    def see_name(self, at: int, path: bytes) -> None:
        """Let the file have this name, which lies there."""
        leaf = len(path.rpartition(b"/")[2])
        self.views["name"] = (at, len(path))
        if self.kind == R.FD_DIRECTORY:
            self.views |= {"directory": (at, len(path)), "filename": (0, R.VIEW_ABSENT)}
        elif self.kind in (R.FD_FILE, R.FD_NONE):
            self.views["directory"] = (at, max(len(path) - leaf - 1, 1))
        if self.kind == R.FD_FILE:
            self.views["filename"] = (at + len(path) - leaf, leaf)

    def see_paths(self, found: Mapping[int, tuple[int, bytes]], *tags: int) -> None:
        """Let the event be seen under the paths in these sections; without them, under those that were passed."""
        for seen, passed, tag in zip(("seen", "seen2"), ("path", "path2"), (*tags, 0, 0), strict=False):
            at, data = found.get(tag, (0, b""))
            self.views[seen] = (at, len(data)) if tag in found else self.views[passed]
        self.led_to = sum(bit for tag, bit in zip(tags, (R.LED_TO, R.LED_TO2), strict=False) if tag in found)

    def see_watched(self, at: int, name: bytes) -> None:
        """Let the file have this name, by which it is watched."""
        self.see_name(at, name)
        self.names["watched"] = (at, len(name))

    def _see_socket(self) -> None:
        if R.SEC_SOCK not in self._sections:
            self.ip = self.l4proto = self.connected = 0
            return
        info = R.SockInfo._make(R.SOCKINFO.unpack(self._sections[R.SEC_SOCK][1]))
        family, kind, protocol, state = info[:4]
        if kind == SOCK_STREAM:
            self.connected = R.CONNECTED_YES if state == _ESTABLISHED else R.CONNECTED_NO
        elif info[-1]:
            self.connected = 0
        elif info[5] or any(info.raddr):
            self.connected = R.CONNECTED_YES
        self.views["directory"] = self.views["filename"] = (0, R.VIEW_ABSENT)
        if family != AF_UNIX:
            self.views["name"] = (0, R.VIEW_NO_SLASH)
        elif info[-1]:
            self.views["name"] = (0, R.VIEW_ENDS)
        if family not in (AF_INET, AF_INET6):
            self.kind = {AF_UNIX: R.FD_UNIX, AF_NETLINK: R.FD_NETLINK}.get(family, 0)
            return
        self.ip = R.IP_YES
        self.kind = R.FD_IPV4 if family == AF_INET else 0
        self.l4proto = R.L4_ICMP if protocol in (1, 58) else _L4.get(kind, R.L4_NONE)
        self.lport, self.rport = info[4:6]
        self.local, self.remote = (_MAPPED + ip[:4] if family == AF_INET else ip for ip in (info.laddr, info.raddr))
        if family == AF_INET6 and not self._row.want & (_ADDRESSED):
            self.kind = self._kind_of_ipv6()

    def _kind_of_ipv6(self) -> int:
        known = self.remote if any(self.remote) else self.local
        return R.FD_IPV4 if known.startswith(_MAPPED) else R.FD_IPV6

    def _see_memory(self) -> None:
        for name, tag in (("path", R.SEC_PATH), ("path2", R.SEC_PATH2), ("str", R.SEC_STR)):
            if tag in self._sections:
                at, data = self._sections[tag]
                self.views[name] = (at, len(data))
        self.see_paths(self._sections, R.SEC_REALPATH, R.SEC_REALPATH2)
        self._see_file_names()
        if R.SEC_STRUCT in self._sections:
            self.structure = int.from_bytes(self._sections[R.SEC_STRUCT][1][:8], "little")
        if self.kind == R.FD_NONE and (passed := requested(self._record)) is not None:
            self.see_name(len(self._record), passed)
        if self._row.want & _ADDRESSED:
            self.addressed = R.ADDRESSED_YES if R.SEC_SOCKADDR in self._sections else R.ADDRESSED_NO
        if self.ip == R.IP_YES and self._row.want & _ADDRESSED:
            if not self._is_connected():
                self._see_address(self._sections.get(R.SEC_SOCKADDR, (0, b""))[1])
            if self.kind == 0 and (R.SEC_SOCKADDR not in self._sections or self._ret >= 0):
                self.kind = self._kind_of_ipv6()

    def _see_file_names(self) -> None:
        at, host = self._sections.get(R.SEC_HOSTPATH, (0, b""))
        self.names["host"] = (at, len(host)) if host else (0, R.VIEW_ABSENT)
        at, watched = self._sections.get(R.SEC_WATCHED, (0, b""))
        self.names["watched"] = (at, watched.index(b"\0")) if watched else (0, R.VIEW_ABSENT)
        if (passed := requested(self._record)) is not None:
            self.names["requested"] = (len(self._record), len(passed))

    def _is_connected(self) -> bool:
        if self._row.name == "connect":
            return self.rport != 0 and self._ret in (0, -EINPROGRESS)
        return self.rport != 0 and self.l4proto == R.L4_TCP and self._ret >= 0

    def _see_address(self, address: bytes) -> None:
        if len(address) < 8:
            return
        family = int.from_bytes(address[:2], "little")
        if self.kind == R.FD_IPV4 and family == AF_INET:
            self.remote = _MAPPED + address[4:8]
        elif self.kind != R.FD_IPV4 and family == AF_INET6 and len(address) >= 24:
            self.remote = address[8:24]
        else:
            return
        self.rport = int.from_bytes(address[2:4], "big")


See: TypeAlias = Callable[[Facts], None]


def requested(record: bytes) -> bytes | None:
    """Return the path that was passed to open a file, made whole as text; None where the probe does not tell it."""
    row = CALLS[parts.header(record).call - 1]
    found = dict(parts.sections(record))
    path, start = found.get(R.SEC_PATH), found.get(R.SEC_DIR, b"")
    if not row.opens or path is None or not (path.startswith(b"/") or start):
        return None
    return absolute(start.decode("latin1"), path.decode("latin1")).encode("latin1")


def _names(record: bytes) -> Iterator[See | None]:
    """Yield what lets the event be seen under each of its names, a requested one behind the record; None: as it is."""
    yield None
    found = {tag: (at, data) for tag, at, data in _placed(record)}
    if R.SEC_REALPATH in found:
        hosts = (
            host if host in found else real
            for host, real in ((R.SEC_REALHOST, R.SEC_REALPATH), (R.SEC_REALHOST2, R.SEC_REALPATH2))
        )
        yield lambda facts: facts.see_paths(found)
        yield lambda facts, tags=tuple(hosts): facts.see_paths(found, *tags)  # type: ignore[misc]
    real, passed = found.get(R.SEC_FDPATH), requested(record)
    if real is None or not real[1].startswith(b"/"):
        return
    if passed is not None and passed != real[1]:
        yield lambda facts: facts.see_name(len(record), passed)
    if R.SEC_HOSTPATH in found:
        yield lambda facts: facts.see_name(*found[R.SEC_HOSTPATH])
    at, watched = found.get(R.SEC_WATCHED, (0, b""))
    for name in watched.split(b"\0")[:-1]:
        yield lambda facts, at=at, name=name: facts.see_watched(at, name)  # type: ignore[misc]
        at += len(name) + 1


def _placed(record: bytes) -> list[tuple[int, int, bytes]]:
    found, at = [], R.HEADER.size
    for tag, data in parts.sections(record):
        found.append((tag, at + R.SECTION.size, data))
        at += R.SECTION.size + len(data)
    return found


class FilterBench:
    """The maps of a probe, without the probe. Stays on one processor, so that a filter finds the scratch memory."""

    def __init__(self, kernel: Kernel | None = None) -> None:
        self.kernel = kernel or Kernel(Library())
        self._cpus = os.sched_getaffinity(0)
        self._key = struct.pack("=I", 2 * min(self._cpus))
        memory = self.kernel.array(R.SIZES["scratch"], 2 * (os.cpu_count() or 1))
        stages = self.kernel.array(4, len(Point), MAP_PROG_ARRAY)
        self._containers = self.kernel.map(MAP_HASH, 8, 1, 64)
        self.maps = SiteMaps(memory, stages, self._containers)
        passed = Assembler()
        passed.leave(1)
        self._passed = self.kernel.program(passed.assemble(), PROGRAM_RAW_TRACEPOINT)
        for point in Point:
            self.kernel.set(stages, struct.pack("=I", point), struct.pack("=I", self._passed))

    def __enter__(self) -> FilterBench:
        os.sched_setaffinity(0, {min(self._cpus)})
        return self

    def __exit__(self, *exc: object) -> None:
        os.sched_setaffinity(0, self._cpus)
        for fd in (*self.maps, self._passed):
            os.close(fd)

    def tells(self) -> bool:
        """Return whether the kernel says what a program that it runs returns."""
        return self.kernel.run(self._passed, bytes(16)) == 1

    def tell(self, key: int, place: int) -> None:
        """Say of what kind the cgroups behind *key* are."""
        self.kernel.set(self._containers, struct.pack("=Q", key), bytes([place]))

    def load(self, condition: Condition, *, late: bool = False) -> dict[Point, int]:
        """Return the programs of *condition*; :meth:`unload` closes them. *late*: as of execs, when much is known."""
        site = replace(OF_CALLS, points=(Point.PROCESS, Point.ANCESTORS)) if late else OF_CALLS
        programs, weaker = compiled(condition, self.kernel, self.maps, site)
        assert weaker in (None, NOT_TRIED), weaker
        return programs

    def unload(self, programs: dict[Point, int]) -> None:
        """Close programs."""
        for fd in programs.values():
            os.close(fd)

    def passes(self, programs: dict[Point, int], record: bytes, process: Process | None = None) -> bool:
        """Return whether the event in *record*, of *process*, gets through all programs under one of its names."""
        return any(
            all(self.run(program, record, point, see, process) for point, program in programs.items())
            for see in _names(record)
        )

    def run(
        self,
        program: int,
        record: bytes,
        point: Point,
        see: See | None = None,
        process: Process | None = None,
    ) -> bool:
        """Return whether the event gets through one program; *see*: what lets it be seen under another name."""
        about = None
        if process is not None and point >= Point.PROCESS:
            about = About(process, layout.GENERATIONS if point is Point.ANCESTORS else 1)
        facts = Facts(record, point, about)
        if see is not None and point >= Point.OBJECT:
            see(facts)
        scratch = (bytes(layout.FACTS) + facts.pack()).ljust(layout.RECORD, b"\0") + record + (requested(record) or b"")
        if about is not None:
            scratch = scratch.ljust(layout.RECORD + ENVIRONMENT_AT, b"\xaa") + about.environment
            scratch = scratch.ljust(layout.RECORD + ABOUT_AT, b"\xaa") + about.texts
        self.kernel.set(self.maps.memory, self._key, scratch.ljust(R.SIZES["scratch"], b"\xaa"))
        return self.kernel.run(program, bytes(16)) == 1
