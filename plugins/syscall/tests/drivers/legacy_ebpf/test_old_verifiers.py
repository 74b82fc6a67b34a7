"""The programs do only what verifiers of old kernels allow: with the stack, and with sizes."""

from __future__ import annotations

import struct

import pytest

from falcohost.testing import skip_or_fail
from falcohost_syscall.drivers.legacy_ebpf import bcc, program

PROGRAMS = (
    "raw_syscalls__sys_enter",
    "raw_syscalls__sys_exit",
    "sched__sched_process_exec",
    "sched__sched_process_exit",
)
MOVE, ADD, ADD_NUMBER, CALL, STORE, LOAD = 0xBF, 0x0F, 0x07, 0x85, 0x7B, 0x79
MOVE_NUMBER, AND_NUMBER, LEFT, RIGHT = 0xB7, 0x57, 0x67, 0x77
#: Classes of instructions that write a register: loads, and arithmetic of 32 and 64 bits.
WRITES = (0, 1, 4, 7)
FRAME = 10
#: By the number of a helper: the register with a size that may not be zero.
SIZES = {4: 2, 25: 5, 45: 2}  # bpf_probe_read, bpf_perf_event_output, bpf_probe_read_str
PROBE_READ, CGROUP_ID = 4, 80


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


def sizes_that_may_be_zero(code: bytes) -> list[int]:
    """Return the calls of helpers with a size that Linux 4.14 thinks may be zero, by their number in *code*.

    It does not learn from a comparison with zero, so a size is what a positive number was added to, or one itself. Both
    are followed as above.
    """
    found: list[int] = []
    least: dict[int, int] = {}
    kept: dict[int, int] = {}
    for at, (what, registers, offset, number) in enumerate(struct.iter_unpack("<BBhi", code)):
        to, of = registers & 15, registers >> 4
        if what == CALL:
            if number in SIZES and least.get(SIZES[number], 0) < 1:
                found.append(at)
            least = {one: value for one, value in least.items() if one > 5}
        elif what == STORE and to == FRAME:
            kept[offset] = least.get(of, 0)
        elif what == LOAD and of == FRAME:
            least[to] = kept.get(offset, 0)
        elif what == MOVE:
            least[to] = least.get(of, 0)
        elif what == MOVE_NUMBER:
            least[to] = number
        elif what == ADD_NUMBER:
            least[to] = least.get(to, 0) + number
        elif what & 7 in WRITES and not (what in (LEFT, RIGHT) and number == 32):  # what cuts a number to 32 bits
            least[to] = 0
    return found


def made(release):
    """Yield BCC's object with the programs, as they are for the running kernel or for Linux *release*."""
    problem = next((text for _, text in bcc.requirements() if text), None)
    if problem:
        skip_or_fail("bcc", problem)
    with pytest.MonkeyPatch.context() as patched:
        if release is not None:
            patched.setattr(program, "release", lambda: release)
        found = bcc.module().BPF(text=program.source(80).encode())
    yield found
    found.cleanup()


@pytest.fixture(scope="module")
def compiled():
    """Return BCC's object with the programs for this kernel."""
    yield from made(None)


@pytest.fixture(scope="module")
def compiled_for_old():
    """Return BCC's object with the programs for the last kernel without a helper that tells the cgroup."""
    yield from made((4, 17))


@pytest.mark.parametrize("name", PROGRAMS)
def test_places_on_the_stack_are_fixed(compiled, name):
    """No program calculates a place on the stack, which the verifier refuses before Linux 5.12."""
    code = compiled.dump_func(f"tracepoint__{name}".encode())

    assert len(code) > 8
    assert [] == calculated_places(code)


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_size_may_be_zero(compiled, name):
    """Whatever is read or sent, the verifier of Linux 4.14 sees that it is a byte or more; else it refuses it."""
    code = compiled.dump_func(f"tracepoint__{name}".encode())

    assert len(code) > 8
    assert [] == sizes_that_may_be_zero(code)


def helpers(bpf, name):
    """Return the numbers of the helpers that a program calls, in its order."""
    code = bpf.dump_func(f"tracepoint__{name}".encode())
    return [number for what, _, _, number in struct.iter_unpack("<BBhi", code) if what == CALL]


@pytest.mark.parametrize("name", PROGRAMS[1:])
def test_a_cgroup_without_the_helper(compiled, compiled_for_old, name):
    """Before Linux 4.18 the number of the cgroup is read in the kernel's memory: by four pointers and numbers."""
    now, before = helpers(compiled, name), helpers(compiled_for_old, name)

    assert CGROUP_ID in now
    assert CGROUP_ID not in before
    assert now.count(PROBE_READ) + 4 == before.count(PROBE_READ)


def test_a_size_that_may_be_zero_is_found():
    """A number that was only cut is one that may be zero, even if it is compared with zero; one more than it is not."""
    cut = struct.pack("<BBhi", AND_NUMBER, 8, 0, 4095)  # r8 &= 4095
    cut += struct.pack("<BBhi", 0x15, 8, 2, 0)  # if r8 == 0 goto +2
    code = cut + struct.pack("<BBhi", MOVE, 2 | 8 << 4, 0, 0) + struct.pack("<BBhi", CALL, 0, 0, 4)
    one_more = struct.pack("<BBhi", ADD_NUMBER, 8, 0, 1)  # r8 += 1
    right = cut + one_more + struct.pack("<BBhi", MOVE, 2 | 8 << 4, 0, 0) + struct.pack("<BBhi", CALL, 0, 0, 4)

    assert [3] == sizes_that_may_be_zero(code)
    assert [] == sizes_that_may_be_zero(right)


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
