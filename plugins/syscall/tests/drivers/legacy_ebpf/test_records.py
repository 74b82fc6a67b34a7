"""Records of the program become Falco's events."""

from __future__ import annotations

import os
import platform
import struct

import pytest

from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.legacy_ebpf import records
from falcohost_syscall.drivers.legacy_ebpf.recipes import CALLS, COVERED, ENDED, EXECUTED, RECIPE, numbers
from falcohost_syscall.drivers.legacy_ebpf.records import Around
from falcohost_syscall.scap.addresses import read_tuple

NOTHING = Around(b"", b"\0")
SIZES = {f"{sign}{8 * size}": size for sign in "iu" for size in (1, 2, 4, 8)}


def number(name: str) -> int:
    """Return the number of a call on this machine."""
    return BY_NAME[name].numbers[platform.machine()][0]


def record(native: int, result: int = 0, arguments: tuple[int, ...] = (), parts: tuple[bytes, ...] = (), **more):
    """Return a record as the program writes it."""
    parts = (*parts, *(b"",) * (5 - len(parts)))
    of = dict.fromkeys(("family", "own", "own_port", "other", "other_port", "is_whole", "dev", "exit", "tid"), 0)
    of |= dict.fromkeys(("layer", "is_created", "is_unconfined"), 0) | more
    data = struct.pack(
        "=Qq6QQ4Q14I4IQ5HH16sH16sHH16s3B3x",
        *(1000, result, *arguments, *(0,) * (6 - len(arguments)), 7, 99, 1, 2, 3),
        *(of["tid"], 40, 30, 4, 5, 0, 0, 1000, 1001, 0, 0, 8, 9, 0, native, of["dev"], 0, of["exit"], 1024),
        *map(len, parts),
        *(of["family"], of["own"] or b"", of["own_port"], of["other"] or b"", of["other_port"], of["is_whole"], b"sh"),
        *(of["layer"], of["is_created"], of["is_unconfined"]),
    )
    found = records.read(data + b"".join(parts), 5)
    assert found is not None
    return found


def value(call, name: str):
    """Return a parameter of an event."""
    kind = dict(call.type.params)[name]
    return call.number(name) if kind in SIZES else call.raw(name)


def test_an_open_has_falcos_flags():
    """An openat has descriptor, directory, name, Falco's flags, mode and device."""
    made = record(
        number("openat"), 3, (-100 & (1 << 64) - 1, 0, os.O_CREAT | os.O_WRONLY, 0o644), (b"/a\0",), dev=8 << 20 | 1
    )
    call = records.call(made, NOTHING, 1)

    assert (1005, 1, "openat") == (call.ts, call.cpu, call.name)
    assert [3, -100, b"/a\0", 0x6, 0o644, 0x801, 99] == [
        value(call, name) for name in ("fd", "dirfd", "name", "flags", "mode", "dev", "ino")
    ]


@pytest.mark.parametrize(("layer", "of_exec", "of_open"), [(0, 0, 0), (1, 2, 0x8000), (2, 8, 0x10000)])
def test_layers_of_an_overlay(layer, of_exec, of_open):
    """Executables and opened files have the flag of their layer in an overlay; a file that was made has another one."""
    program = records.call(record(EXECUTED, layer=layer), NOTHING, 0)
    opened = record(number("openat"), 3, (-100 & (1 << 64) - 1, 0, os.O_RDWR, 0), (b"/a\0",), layer=layer, is_created=1)
    made = records.call(record(number("creat"), 3, (0, 0o644), (b"/a\0",), layer=layer), NOTHING, 0)

    assert of_exec == value(program, "flags")
    assert 0x4003 | of_open == value(records.call(opened, NOTHING, 0), "flags")
    assert of_open >> 15 == value(made, "creat_flags")


def test_the_path_of_a_program_is_turned_around():
    """An exec has its path from the names that lead to the root, its arguments, and whether it lies in memory."""
    made = record(EXECUTED, parts=(b"sh\0-c\0x\0", b"A=1\0", b"x\0", b"sh\0bin\0usr\0"), is_whole=1, tid=40)
    call = records.call(made, Around(b"=/a\0", b""), 0)

    assert [b"/usr/bin/sh\0", b"sh\0", b"-c\0x\0", b"A=1\0", b"=/a\0", 0, 2] == [
        value(call, name) for name in ("trusted_exepath", "exe", "args", "env", "cgroups", "flags", "cap_permitted")
    ]
    hidden = records.call(record(EXECUTED, parts=(b"x\0", b"", b"x\0", b"memfd:x\0"), is_whole=1), NOTHING, 0)
    assert (b"memfd:x\0", 4) == (value(hidden, "trusted_exepath"), value(hidden, "flags"))


def test_a_path_that_is_too_long_is_what_was_passed():
    """Of a path that the program could not walk to its end, the absolute path that was passed is taken."""
    made = record(EXECUTED, parts=(b"x\0", b"", b"/deep/x\0", b"x\0deeper\0"))

    assert b"/deep/x\0" == value(records.call(made, NOTHING, 0), "trusted_exepath")


def test_ends_of_a_socket():
    """A connect has both ends; without the other one in the kernel, the address that was passed is it."""
    passed = struct.pack("=H2s4s8x", 2, (53).to_bytes(2, "big"), bytes((10, 0, 0, 1)))
    ends = {"family": 2, "own": bytes((10, 0, 0, 2)), "own_port": 4000}
    to = {"other": bytes((10, 0, 0, 9)), "other_port": int.from_bytes((80).to_bytes(2, "big"), "little")}
    connected = records.call(record(number("connect"), 0, (3,), (b"", b"", b"", passed), **ends, **to), NOTHING, 0)
    sent = records.call(record(number("sendto"), 5, (3,), (b"", b"", b"", passed, b"hello"), **ends), NOTHING, 0)

    assert "10.0.0.2:4000->10.0.0.9:80" == str(read_tuple(value(connected, "tuple")))
    assert "10.0.0.2:4000->10.0.0.1:53" == str(read_tuple(value(sent, "tuple")))
    assert b"hello" == value(sent, "data")


def test_ends_of_processes():
    """An end has its code, and the signal."""
    call = records.call(record(ENDED, exit=0x8B), NOTHING, 0)

    assert ("procexit", 0x8B, 0, 0xB, 1) == (
        call.name,
        *(value(call, name) for name in ("status", "ret", "sig", "core")),
    )


def test_numbers_of_all_calls_have_their_sizes():
    """Each call that is covered has a recipe and an event, whose numbers are as long as Falco's."""
    found = numbers(COVERED)
    assert all(native < CALLS and len(one.packed()) == RECIPE.size for native, one in found.items())

    for native in (*found, EXECUTED, ENDED):
        call = records.call(record(native, 3), NOTHING, 0)
        wrong = {
            name: len(data)
            for (name, form), data in zip(call.type.params, call.values, strict=True)
            if data and len(data) != SIZES.get(form, len(data))
        }
        assert not wrong, (call.name, wrong)


@pytest.mark.parametrize("size", [0, 1, 255])
def test_short_records_are_none(size):
    """What is shorter than a record is no event."""
    assert records.read(bytes(size), 0) is None
