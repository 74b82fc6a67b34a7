"""The probe's programs need less stack than the kernel has, with a margin."""

from __future__ import annotations

import struct

import pytest
from read_probe import ReadProbe

from falcohost_syscall.drivers.modern_ebpf import loading
from falcohost_syscall.drivers.modern_ebpf.options import LoadSettings
from falcohost_syscall.kernel.bpf_object import Object
from falcohost_syscall.kernel.libbpf import Library

#: Bytes for functions that call each other (MAX_BPF_STACK of include/linux/filter.h). Kernels up to 6.12 refuse more.
MOST = 512
MARGIN = 32
#: The kernel rounds the need of each function up to this. Since Linux 6.8 to 16 bytes.
ROUNDED = 32

INSTRUCTION = struct.Struct("=BBhi")
#: Operations (include/uapi/linux/bpf.h), and what the upper half of the byte of registers says of their number.
CALL, LOAD_NUMBER, MOVE, ADD, FUNCTION, CALLBACK = 0x85, 0x18, 0xBF, 0x07, 1, 4
LOADS, STORES, FRAME = 1, (2, 3), 10


class Function:
    """A function of a program: how many bytes of stack it needs itself, and which functions it calls."""

    def __init__(self, code, begin, end):
        self.stack, self.calls, places = 0, set(), {}
        for place in range(begin, end):
            operation, registers, offset, number = code[place]
            to, source = registers & 15, registers >> 4
            if (operation & 7 == LOADS and source == FRAME) or (operation & 7 in STORES and to == FRAME):
                self.stack = max(self.stack, -offset)
            if operation == MOVE:
                places[to] = source == FRAME
            elif operation == ADD and places.get(to):
                self.stack = max(self.stack, -number)
            if (operation, source) in ((CALL, FUNCTION), (LOAD_NUMBER, CALLBACK)):
                self.calls.add(place + 1 + number)


def functions(program):
    """Return the functions of a program by their begin."""
    code = list(INSTRUCTION.iter_unpack(program))
    called = {
        place + 1 + number
        for place, (operation, registers, _, number) in enumerate(code)
        if (operation, registers >> 4) in ((CALL, FUNCTION), (LOAD_NUMBER, CALLBACK))
    }
    begins = sorted({0, *called})
    return {begin: Function(code, begin, end) for begin, end in zip(begins, [*begins[1:], len(code)], strict=True)}


def deepest(found, begin=0):
    """Return how many bytes a function needs with all that it calls, as the kernel counts."""
    own = max(found[begin].stack, 1)
    return -(-own // ROUNDED) * ROUNDED + max((deepest(found, called) for called in found[begin].calls), default=0)


@pytest.fixture(scope="module")
def programs(machine):
    """Return the instructions of each of the probe's programs, as they are loaded here."""
    take_over = Object.take_over
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Object, "take_over", lambda probe, codes=False: take_over(probe, codes=True)
        )  # kept in either form
        driver = ReadProbe(LoadSettings(by_perf=True))
    with driver:
        return {name: driver.object.instructions(name) for name in driver.object.loaded()}


def test_stack(programs):
    """No program needs more stack than the kernel has, less a margin, which the form for older kernels does without."""
    needed = {name: deepest(functions(code)) for name, code in programs.items()}
    most = MOST if loading.needs_older(Library()) else MOST - MARGIN

    assert {} == {name: size for name, size in needed.items() if size > most}


def test_it_is_counted(programs):
    """Functions that are called and callbacks are found: the longest chain has several."""
    assert len(functions(programs["submit_exec"])) > 8
    assert deepest(functions(programs["submit_exec"])) > 256
