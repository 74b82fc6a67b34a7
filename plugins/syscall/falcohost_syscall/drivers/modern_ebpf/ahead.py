"""Passes the loaded probe from the process that has loaded it to the loader: descriptors, and what they are.

The kernel takes longer to check the probe than falcohost to read its rules, so that another process loads it meanwhile.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Sequence
from typing import Final

import msgspec

from falcohost_syscall.drivers.modern_ebpf.attach.call_functions import CallFunctions
from falcohost_syscall.drivers.modern_ebpf.loading import Prepared
from falcohost_syscall.kernel import kernel_types
from falcohost_syscall.kernel.bpf_object import LoadedMap, LoadedProgram, Object
from falcohost_syscall.kernel.instructions import with_maps
from falcohost_syscall.kernel.libbpf import Library

_SIZE: Final = struct.Struct("=I")
#: Most descriptors in one message (SCM_MAX_FD of include/net/scm.h).
_AT_ONCE: Final = 253


class _Sent(msgspec.Struct, frozen=True):
    """What is said of the descriptors of maps, of programs, and of types, which come in this order.

    :ivar purpose: what the probe was loaded for.
    :ivar maps: name, capacity and size of values; *numbers*: their descriptors in the instructions of programs.
    :ivar programs: name, raw tracepoint and instructions.
    :ivar known: the numbers of types in the kernel, with their names and kinds; *prototypes*: those of functions.
    :ivar places: structures, their members, and where these begin.
    """

    purpose: bytes
    maps: list[tuple[str, int, int]]
    numbers: list[int]
    programs: list[tuple[str, bytes | None, bytes]]
    functions: CallFunctions | None
    why_not: str
    hooks: frozenset[str]
    sees_requests: bool
    by_perf: bool
    older: bool
    known: list[tuple[str, int, int]]
    prototypes: dict[int, int]
    places: list[tuple[str, str, int]]


def send(link: socket.socket, prepared: Prepared, purpose: bytes) -> None:
    """Send what was loaded for a *purpose* over *link*.

    :raises OSError: nobody takes it.
    """
    maps, programs, types = prepared.probe.parts()
    copied = prepared.functions is not None or prepared.by_perf
    said = _encode(
        _Sent(
            purpose,
            [(name, one.entries, one.value_size) for name, one in maps.items()],
            [one.descriptor for one in maps.values()],
            [(name, one.tracepoint, one.code if copied else b"") for name, one in programs.items()],
            prepared.functions,
            prepared.why_not,
            prepared.hooks,
            prepared.sees_requests,
            prepared.by_perf,
            prepared.older,
            [(*what, number) for what, number in kernel_types.NUMBERS.items()],
            kernel_types.PROTOTYPES,
            [(*what, place) for what, place in kernel_types.PLACES.items()],
        )
    )
    link.sendall(_SIZE.pack(len(said)) + said)
    descriptors = [*(one.descriptor for one in maps.values()), *(one.descriptor for one in programs.values()), types]
    for start in range(0, len(descriptors), _AT_ONCE):
        socket.send_fds(link, [b"\0"], descriptors[start : start + _AT_ONCE])


def received(link: socket.socket, purpose: bytes) -> Prepared | None:
    """Return what :func:`send` has sent, once the process that has sent it is done; None: it is for another purpose.

    :raises OSError: it has ended before.
    :raises ValueError: it is something else.
    """
    said = _decode(_bytes(link, *_SIZE.unpack(_bytes(link, _SIZE.size))))
    count = len(said.maps) + len(said.programs) + 1
    descriptors: list[int] = []
    while len(descriptors) < count:
        data, some, _, _ = socket.recv_fds(link, 1, _AT_ONCE)
        if not data:
            break
        descriptors += some
    whole = len(descriptors) == count and not link.recv(1)
    if not whole or said.purpose != purpose:
        for one in descriptors:
            os.close(one)
        if not whole:
            raise ConnectionError("the process that prepares has ended early")
        return None
    for one in descriptors:
        os.set_inheritable(one, False)
    kernel_types.NUMBERS.update({(name, kind): number for name, kind, number in said.known})
    kernel_types.PROTOTYPES.update(said.prototypes)
    kernel_types.PLACES.update({(structure, member): place for structure, member, place in said.places})
    probe = _probe(said, descriptors)
    return Prepared(probe, said.functions, said.why_not, said.hooks, said.sees_requests, said.by_perf, said.older)


def _probe(said: _Sent, descriptors: Sequence[int]) -> Object:
    count, types = len(said.maps), descriptors[-1]
    maps = {
        name: LoadedMap(descriptor, entries, size)
        for (name, entries, size), descriptor in zip(said.maps, descriptors, strict=False)
    }
    # A map's descriptor has another number here, by which instructions that are copied name it.
    changed = dict(zip(said.numbers, descriptors, strict=False))
    programs = {
        name: LoadedProgram(descriptor, tracepoint, with_maps(code, changed))
        for (name, tracepoint, code), descriptor in zip(said.programs, descriptors[count:], strict=False)
    }
    return Object.of(Library(), maps, programs, types)


def _bytes(link: socket.socket, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        if not (data := link.recv(count - len(found))):
            raise ConnectionError("the process that prepares has ended early")
        found += data
    return bytes(found)


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Sent).decode
