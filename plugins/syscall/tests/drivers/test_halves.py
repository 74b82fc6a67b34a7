"""The probe that is loaded in two halves: it is the same as in one, and nothing is left of one that is refused."""

import ctypes
import functools
import os
import random
import struct

import pytest

from falcohost_syscall.calls.rows import BY_NAME, EXEC
from falcohost_syscall.drivers.modern_ebpf import loading, parts, stages
from falcohost_syscall.drivers.modern_ebpf.forms import needs_older
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings, Options
from falcohost_syscall.kernel import halves, object_file
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.instructions import INSTRUCTION
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.program_info import program_info

ARRAYS = ("stages", "exec_stages", "exit_stages")
LOAD = 0x18
SOCKET_FILTER = 1


@pytest.fixture
def prepare(monkeypatch):
    """Return a function that sets up a probe, always for as many processes."""
    monkeypatch.setattr(loading, "_running", lambda: 100)
    library = Library()
    if needs_older(library):
        pytest.skip("the form of the probe for older kernels is loaded as a whole")
    settings = LoadSettings(execve=BY_NAME[EXEC].call, by_perf=True)
    wanted = loading.Wanted(settings, Options(), frozenset(), sees_requests=False, older=False)
    return functools.partial(loading._prepare, library, wanted=wanted)


def descriptors():
    """Return how many descriptors there are."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


def both(names):
    """Return all programs in two halves."""
    return parts.halved(names)


def in_arrays(probe):
    """Return the names of the programs in program arrays, by place."""
    stages.fill(probe)
    names = {program_info(probe.library, probe.program_fd(name)).id: name for name in probe.loaded()}
    found = {}
    for array in ARRAYS:
        for place in range(probe.entries(array)):
            program = probe.find(probe.map_fd(array), struct.pack("=I", place), 4)
            if program is not None:
                found[array, place] = names[struct.unpack("=I", program)[0]]
    return found


def instructions(probe, name):
    """Return the instructions of a program, with names of maps in place of descriptors."""
    maps = {descriptor: place for place, descriptor in enumerate(probe.map_fds().values())}
    return [
        (operation, registers, offset, maps[number] if operation == LOAD and registers >> 4 in (1, 2) else number)
        for operation, registers, offset, number in INSTRUCTION.iter_unpack(probe.instructions(name))
    ]


def known(probe):
    """Return what is known of the maps of a probe; names of libbpf's own sections have an address in them."""
    return [(name[-4:], one.entries, one.value_size) for name, one in probe.parts()[0].items()]


def test_the_same(machine, prepare):
    """Maps, programs with their instructions, and what is in program arrays are as in a probe that is loaded whole."""
    library = Library()
    whole = Object(library, loading.image())
    prepare(whole)
    whole.load(codes=True)
    try:
        halved = halves.load(library, loading.image(), prepare, both, codes=True)
        try:
            assert {*whole.loaded()} == {*halved.loaded()}
            assert known(whole) == known(halved)
            assert in_arrays(whole) == in_arrays(halved)
            assert {name: whole.parts()[1][name].tracepoint for name in whole.loaded()} == {
                name: halved.parts()[1][name].tracepoint for name in whole.loaded()
            }
            for name in whole.loaded():
                assert instructions(whole, name) == instructions(halved, name)
        finally:
            halved.close()
    finally:
        whole.close()


@pytest.mark.parametrize("refused", ["tell_call", "process_exit"])
def test_a_refused_half(machine, prepare, refused):
    """Where the kernel refuses a program of one half, nothing is left of either, and the next is loaded as ever."""
    library = Library()
    prepared = descriptors()

    def damage(probe):
        prepare(probe)
        # A socket filter may not do such things.
        library.lib.bpf_program__set_type(ctypes.c_void_p(probe.program(refused)), SOCKET_FILTER)

    with pytest.raises(LibbpfError):
        halves.load(library, loading.image(), damage, both)

    assert prepared == descriptors()
    halves.load(library, loading.image(), prepare, both).close()
    assert prepared == descriptors()


def test_what_is_wrong_is_told(machine, prepare, monkeypatch):
    """A probe that is refused in halves is loaded as a whole, and what libbpf says of it is told."""
    wanted = prepare.keywords["wanted"]._replace(settings=LoadSettings(execve=BY_NAME[EXEC].call))
    monkeypatch.setattr(loading, "_prepare", lambda library, probe, wanted: probe.resize("processes", 0))

    with pytest.raises(LibbpfError, match="processes"):
        loading._loaded(Library(), wanted, loading.everything)


def test_a_damaged_file():
    """Whatever is damaged in an object file, it is read, or refused by an error of its own."""
    image, chosen, refused = loading.image(), random.Random(1), 0
    table = struct.unpack_from("<Q", image, 40)[0]
    counts = struct.unpack_from("<H", image, 60)[0]
    damaged = [image[:size] for size in (0, 13, 47, 63, 64, 4096, table, len(image) - 1)]
    for _ in range(300):
        changed = bytearray(image)
        place = chosen.choice([*range(40, 64), *range(table, table + 64 * counts)])
        changed[place] ^= 1 << chosen.randrange(8)
        damaged.append(bytes(changed))
    for one in damaged:
        try:
            object_file.without(one, object_file.TYPES)
        except object_file.UnreadableError:
            refused += 1

    assert len(damaged) > refused > 8
