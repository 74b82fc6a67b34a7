"""What a filter may do that others have compiled: what ours do, and nothing that the kernel would allow."""

from __future__ import annotations

import os
from random import Random

import pytest
import random_events
import random_rules
from random_cases import for_random_cases
from test_joint import RULES, checked, plan
from test_making import Place, Told

from falcohost.engine import ir
from falcohost.engine.evttypes import event_types
from falcohost.events import Plan
from falcohost_syscall.calls.rows import BY_NAME
from falcohost_syscall.drivers.modern_ebpf.filters import goes_on
from falcohost_syscall.drivers.modern_ebpf.written import Making, read, write
from falcohost_syscall.facts import layout
from falcohost_syscall.filters.allowed import Site, require_filter
from falcohost_syscall.filters.program import begin
from falcohost_syscall.kernel.assembler import (
    FP,
    MAP_LOOKUP_ELEM,
    PROBE_READ_KERNEL,
    R0,
    R1,
    R2,
    R3,
    R6,
    R7,
    TAIL_CALL,
    Assembler,
)
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.programs import MAP_PROG_ARRAY, Kernel
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.plan import conditions
from falcohost_syscall.records.record import MAX_CALLS, SIZES

SITE = Site(memory=10, stages=11, next=frozenset({2, 7}), free=layout.FREE)


def going_on(asm, stage, stages=SITE.stages):
    """Write that the filter goes on to a stage."""
    asm.arithmetic_register("=", R1, R7)
    asm.map(R2, stages)
    asm.constant(R3, stage)
    asm.call(TAIL_CALL)


def reading(asm, base=FP, size=8):
    """Write that it copies from where R3 says, to the stack or elsewhere."""
    asm.constant(R2, size)
    asm.arithmetic_register("=", R1, base)
    asm.arithmetic("+", R1, -16 if base == FP else 0)
    asm.call(PROBE_READ_KERNEL)


def filter_of(write, memory=SITE.memory):
    """Return a filter that does what *write* writes, and else nothing."""
    asm = Assembler()
    end = asm.label()
    begin(asm, memory, end)
    write(asm, end)
    asm.place(end)
    asm.leave()
    return asm.assemble()


def own_bytes(asm, end):
    """Write to the stack, to the four bytes of its own, and go on."""
    asm.store_constant(FP, -16, 0, 8)
    asm.store(R6, SITE.free, R0, 4)
    asm.load(R3, R6, 0, 8)
    reading(asm)
    going_on(asm, 7)


def event_memory(asm, end):
    """Write into the event's memory."""
    asm.store(R6, SITE.free + 4, R0, 4)


def event_memory_wider(asm, end):
    """Write more than the four bytes."""
    asm.store(R6, SITE.free, R0, 8)


def event_memory_constant(asm, end):
    """Write a constant."""
    asm.store_constant(R6, SITE.free, 1, 4)


def found(asm, end, memory=SITE.memory):
    """Write into what was looked up."""
    asm.store_constant(FP, -8, 0, 4)
    asm.map(R1, memory)
    asm.arithmetic_register("=", R2, FP)
    asm.arithmetic("+", R2, -8)
    asm.call(MAP_LOOKUP_ELEM)
    asm.jump_if(R0, "=", 0, end)
    asm.store_constant(R0, 0, 1, 4)


def moved(asm, end):
    """Move the address behind which the four bytes are."""
    asm.arithmetic("+", R6, 8)
    asm.store(R6, SITE.free, R0, 4)


def kernel_memory(asm, end):
    """Copy the kernel's memory into the event's."""
    asm.constant(R3, 1 << 40)
    reading(asm, R6)


def jumped(asm, end):
    """Copy it there by a jump to the call."""
    copy, there = asm.label(), asm.label()
    asm.constant(R3, 1 << 40)
    asm.constant(R2, 8)
    asm.arithmetic_register("=", R1, R6)
    asm.load(R0, R6, 0, 4)
    asm.jump_if(R0, "=", 5, there)
    asm.arithmetic_register("=", R1, FP)
    asm.arithmetic("+", R1, -16)
    asm.place(there)
    asm.call(PROBE_READ_KERNEL)
    asm.place(copy)


def other_stage(asm, end):
    """Go on to a stage that comes later, without what is collected before."""
    going_on(asm, 5)


def unknown_stage(asm, end):
    """Go on to a stage that is not known beforehand."""
    asm.arithmetic_register("=", R1, R7)
    asm.map(R2, SITE.stages)
    asm.load(R3, R6, 0, 4)
    asm.call(TAIL_CALL)


def jumped_stage(asm, end):
    """Go on to another stage by a jump."""
    there = asm.label()
    asm.load(R0, R6, 0, 4)
    asm.arithmetic_register("=", R1, R7)
    asm.map(R2, SITE.stages)
    asm.constant(R3, 5)
    asm.jump_if(R0, "=", 5, there)
    asm.arithmetic_register("=", R1, R7)
    asm.map(R2, SITE.stages)
    asm.constant(R3, 7)
    asm.place(there)
    asm.call(TAIL_CALL)


FORGED = [
    event_memory,
    event_memory_wider,
    event_memory_constant,
    found,
    moved,
    kernel_memory,
    jumped,
    other_stage,
    unknown_stage,
    jumped_stage,
]


def test_what_filters_do():
    """A filter writes to its stack and to its four bytes, and goes on to the stages behind it."""
    require_filter(filter_of(own_bytes), SITE)


@pytest.mark.parametrize("forged", FORGED, ids=lambda one: one.__name__)
def test_what_no_filter_does(forged):
    """It changes no event and no map of the probe, reads no memory into them, and leaves out no stage."""
    with pytest.raises(ValueError, match=r"^a filter (writes|moves|copies|jumps|goes on)"):
        require_filter(filter_of(forged), SITE)


@pytest.mark.parametrize("forged", FORGED, ids=lambda one: one.__name__)
def test_the_kernel_would_take_it(bpf, forged):
    """The verifier alone refuses none of these."""
    kernel = Kernel(Library())
    memory, stages = kernel.array(SIZES["scratch"], 64), kernel.map(MAP_PROG_ARRAY, 4, 4, 64)
    code = filter_of(forged, memory)
    code = code.replace(b"\x18\x12\0\0\x0b\0\0\0", b"\x18\x12\0\0" + stages.to_bytes(4, "little"))
    code = code.replace(b"\x18\x11\0\0\x0a\0\0\0", b"\x18\x11\0\0" + memory.to_bytes(4, "little"))
    for descriptor in (kernel.program(code, 17, ""), memory, stages):
        os.close(descriptor)


@pytest.mark.parametrize(
    "code",
    [
        b"",
        filter_of(own_bytes)[:-1],
        filter_of(own_bytes)[8:],
        filter_of(own_bytes, memory=12),
        filter_of(own_bytes) + b"\xdb\x16\0\0\1\0\0\0",  # an atomic addition
        filter_of(own_bytes) + b"\x06\0\0\0\xf0\xff\xff\xff",  # a jump by 32 bits
        filter_of(own_bytes) + b"\x85\x10\0\0\1\0\0\0",  # a call of a function
        filter_of(own_bytes) + b"\x05\0\xf0\xff\0\0\0\0",  # a jump into its beginning
    ],
)
def test_other_code(code):
    """What is no filter at all is refused."""
    with pytest.raises(ValueError, match="a filter "):
        require_filter(code, SITE)


@pytest.mark.parametrize(
    ("name", "point", "stages"),
    [
        ("filters", 0, {0, 7, 8}),
        ("filters", 4, {4, 7, 8}),
        ("filters", 5, {11, 12, 8}),
        ("filters", 6, set()),
        ("exec_filters", 3, {3, 7, 8}),
        ("exec_filters", 0, set()),
        ("exit_filters", 4, {4, 7, 8}),
    ],
)
def test_stages_behind_a_filter(name, point, stages):
    """They are those of its point, and those for what is left out."""
    map_of_stages = {"filters": "stages"}.get(name, name.replace("filters", "stages"))

    assert (map_of_stages, stages) == goes_on(name, point * MAX_CALLS + BY_NAME["openat"].call)


@pytest.mark.parametrize("release", ["6.12.3-1-amd64", "6.8.0-generic"])
def test_all_filters_are_allowed(release, soak):
    """Whatever rules ask for, the filters that we compile do no more than filters do."""
    made = 0

    def written(asked) -> None:
        nonlocal made
        place = Place(Told())
        making = Making(read(write(conditions(asked, Users()), release)), place, processes=True)
        filters = making.go_on(60)
        made += len(filters.programs)
        making.close()

    def rule(random: Random) -> None:
        names = random.sample(["openat", "connect", "execve", "procexit", "renameat2"], 2)
        types = checked(f"evt.type in ({', '.join(names)})")
        expr = ir.And((types, random_rules.condition(random, catalog=random_events.CATALOG)))
        fields = frozenset(ref.field.name for ref in ir.fields(expr))
        written(Plan("syscall", event_types(expr, frozenset(BY_NAME)), fields, condition=expr))

    written(plan(RULES))
    for_random_cases(soak(2000, 60), rule)
    assert made > 100
