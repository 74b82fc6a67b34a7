"""The programs do on the stack only what verifiers of old kernels allow."""

from __future__ import annotations

import struct

import pytest

from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.legacy_ebpf import bcc
from falcohost_syscall.drivers.legacy_ebpf.program import source

PROGRAMS = (
    "raw_syscalls__sys_enter",
    "raw_syscalls__sys_exit",
    "sched__sched_process_exec",
    "sched__sched_process_exit",
)
MOVE, ADD, ADD_NUMBER, CALL, STORE, LOAD = 0xBF, 0x0F, 0x07, 0x85, 0x7B, 0x79
#: Classes of instructions that write a register: loads, and arithmetic of 32 and 64 bits.
WRITES = (0, 1, 4, 7)
FRAME = 10


def calculated_places(code: bytes) -> list[int]:
    """Return the instructions that add a register to a pointer into the stack, by their number in *code*.

    Pointers are followed through registers and places where they are kept, from the first instruction to the last.
    """
    found, pointers, kept = [], {FRAME}, set()
    for at, (what, registers, offset, _) in enumerate(struct.iter_unpack("<BBhi", code)):
        to, of = registers & 15, registers >> 4
        if what == ADD and {to, of} & pointers:
            found.append(at)
        elif what == STORE and to == FRAME:
            (kept.add if of in pointers else kept.discard)(offset)
        elif (what == MOVE and of in pointers) or (what == LOAD and of == FRAME and offset in kept):
            pointers.add(to)
        elif what == CALL:
            pointers -= set(range(6))
        elif what & 7 in WRITES and what != ADD_NUMBER:
            pointers.discard(to)
    return found


@pytest.fixture(scope="module")
def compiled():
    """Return BCC's object with the programs."""
    problem = next((text for _, text in bcc.requirements() if text), None)
    if problem:
        skip_or_fail("bcc", problem)
    found = bcc.module().BPF(text=source(80).encode())
    yield found
    found.cleanup()


@pytest.mark.parametrize("name", PROGRAMS)
def test_places_on_the_stack_are_fixed(compiled, name):
    """No program calculates a place on the stack, which the verifier refuses before Linux 5.12."""
    code = compiled.dump_func(f"tracepoint__{name}".encode())

    assert len(code) > 8
    assert [] == calculated_places(code)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_calculated_place_is_found(is_kept):
    """A register that is added to a copy of the frame pointer is found, and not one that is added to a number."""
    code = struct.pack("<BBhi", MOVE, 2 | FRAME << 4, 0, 0)  # r2 = r10
    code += struct.pack("<BBhi", ADD_NUMBER, 2, 0, -88)  # r2 += -88
    if is_kept:
        code += struct.pack("<BBhi", STORE, FRAME | 2 << 4, -176, 0)  # *(u64 *)(r10 - 176) = r2
        code += struct.pack("<BBhi", 0xB7, 2, 0, 0)  # r2 = 0
        code += struct.pack("<BBhi", LOAD, 2 | FRAME << 4, -176, 0)  # r2 = *(u64 *)(r10 - 176)
    code += struct.pack("<BBhi", ADD, 3 | 1 << 4, 0, 0)  # r3 += r1
    code += struct.pack("<BBhi", ADD, 2 | 1 << 4, 0, 0)  # r2 += r1

    assert [len(code) // 8 - 1] == calculated_places(code)
