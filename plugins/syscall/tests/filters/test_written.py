"""Filters that were compiled where the rules are read: the loader makes the same as if it had compiled them."""

from __future__ import annotations

import os
import struct
import zlib

import msgspec
import pytest
from test_making import CONDITION, Place, Told, descriptors
from watching import plan

from falcohost_syscall.drivers.modern_ebpf.at_first import shares
from falcohost_syscall.drivers.modern_ebpf.filters import load
from falcohost_syscall.drivers.modern_ebpf.making import Later, make_written
from falcohost_syscall.drivers.modern_ebpf.written import Making, Written, read, write
from falcohost_syscall.filters.program import begin
from falcohost_syscall.kernel.assembler import Assembler
from falcohost_syscall.kernel.instructions import INSTRUCTION, map_places, with_maps
from falcohost_syscall.processes.users import Users
from falcohost_syscall.pushdown.plan import conditions

NEW, OLD = "6.12.3-1-amd64", "6.8.0-generic"


class Whole(Told):
    """A kernel that notes programs whole, with what their maps hold in place of descriptors."""

    def __init__(self, refused=()):
        super().__init__(refused)
        self._names = {}

    def _made(self, *what):
        if what[0] == "program":
            code, *where = what[1:]
            named = [(place, self._names.get(number, number)) for place, number in map_places(code)]
            what = (
                "program",
                with_maps(code, dict.fromkeys((number for _, number in map_places(code)), 0)),
                named,
                *where,
            )
        made = super()._made(*what)
        self._names[made] = what
        return made

    def program(self, code, *where):
        """Load a program, or refuse it."""
        if sum(one[0] == "program" for one in self.told) in self._refused:
            return super().program(code, *where)
        return self._made("program", code, *where)


@pytest.fixture
def needed():
    """Return the conditions of three event types."""
    return conditions(plan(CONDITION), Users())


def made(filters, kernel):
    """Return what was made for each place of a filter."""
    found = {place: kernel._names[fd] for place, fd in filters.programs.items()}
    assert all(what[0] == "program" for what in found.values())
    return found


def compiled(needed, *, processes=True, refused=()):
    """Return what is made for each place where the filters are compiled here."""
    kernel = Whole(refused)
    filters = load(needed, Place(kernel), processes=processes)
    try:
        return made(filters, kernel), filters.weaker
    finally:
        filters.close()


def later(needed, written, *, refused=()):
    """Return the same where the loader has what was *written*, and whether its fork has had to compile."""
    kernel = Whole(refused)
    one = Later(needed, Place(kernel), written=written)
    try:
        while (filters := one.go_on(10)) is None:
            pass
        return made(filters, kernel), filters.weaker, one._begun
    finally:
        one.close()


@pytest.mark.parametrize("processes", [True, False])
def test_the_same(needed, processes):
    """Each filter has the same instructions, and maps with the same content; nothing is left open."""
    before, kernel = descriptors(), Whole()
    making = Making(read(write(needed, NEW)), Place(kernel), processes=processes)
    parts = 0
    while (filters := making.go_on(0)) is None:
        parts += 1
    found = made(filters, kernel)
    making.close()

    assert compiled(needed, processes=processes) == (found, filters.weaker)
    assert found
    assert parts > len(set(filters.programs.values()))
    assert before == descriptors()


def test_the_fork_compiles_nothing(needed):
    """The loader makes what was written; its fork ends without having begun."""
    before = descriptors()

    assert (*compiled(needed), False) == later(needed, read(write(needed, NEW)))
    assert before == descriptors()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_without_anything_written_the_fork_compiles(needed):
    """Where nothing was written, as before."""
    assert (*compiled(needed), True) == later(needed, None)


def test_what_a_kernel_refuses_is_compiled_anew(needed):
    """A kernel that refuses a program gets those that a fork compiles, weaker where it has to be."""
    before = descriptors()
    found, _, begun = later(needed, read(write(needed, NEW)), refused=(1,))

    assert found.keys() == compiled(needed)[0].keys()
    assert begun
    assert before == descriptors()


class Fixed:
    """A kernel that makes a map with descriptor 50 and loads any program, with those that it has been asked to load."""

    has_may_goto = True

    def __init__(self):
        self.loaded = []

    def table(self, value):
        """Make a map."""
        return 50

    hash = trie = None

    def program(self, code, kind, tracepoint):
        """Load a program."""
        self.loaded.append(code)
        return os.open(os.devnull, os.O_RDONLY)


def forged(code, places, *, steps=(), kind=26, tracepoint="sys_exit", given=(), programs=(("filters", 0, 1),)):
    """Return what a loader takes for written: a program of this *code*, with maps at *places*, and more *steps*."""
    encode = msgspec.msgpack.Encoder().encode
    steps = [("table", b"x"), ("program", code, kind, tracepoint, places), *steps]
    packed = zlib.compress(b"".join(struct.pack("=I", len(one)) + one for one in map(encode, steps)))
    return Written(True, [*given], len(steps), packed, [*programs], [])


def trivial(load=None):
    """Return the code of a program that does nothing; *load*: it loads a number as this (linux/bpf.h)."""
    asm = Assembler()
    if load is not None:
        asm.map(1, 7)
    asm.leave()
    code = asm.assemble()
    return code if load is None else code[:1] + bytes([load << 4 | 1]) + code[2:]


@pytest.mark.parametrize(
    "more",
    [
        {"given": ["ignored_pids"]},
        {"programs": [("ignored_pids", 1, 1)]},
        {"programs": [(".data.options", 0, 1)]},
        {"programs": [("stages", 0, 1)]},
        {"programs": [("filters", -1, 1)]},
    ],
)
def test_a_forged_filter_is_for_maps_of_filters(more):
    """Nothing is written into other maps of the probe, such as those that say whose calls are left out."""
    data = msgspec.msgpack.encode(forged(trivial(), [], **more))
    kernel = Fixed()

    with pytest.raises(ValueError, match=r"."):
        Making(read(data), Place(kernel), processes=True)
    assert [] == kernel.loaded


@pytest.mark.parametrize(
    "more",
    [
        {"programs": [("filters", 0, 0)]},  # a map
        {"programs": [("filters", 0, 9)]},
        {"kind": 29},  # a program of LSM
        {"tracepoint": "sys_enter"},
        {"code": trivial(3)},  # a variable of the kernel
        {"places": [(4, 9)]},
        {"places": [(1 << 20, 0)]},
        {"places": [(4, -9)]},
        {"steps": [("close", 0)]},
        {"steps": [("hash", [1], 8)]},
        {"steps": [("hash", [b"a"], 1 << 30)]},
        {"steps": [("trie", [(b"a", -1)], 8)]},
        {"steps": [("table", bytes(17 << 20))]},
        {"steps": [("table", bytes(16_000_000))] * 9},
    ],
)
def test_a_forged_step(needed, more):
    """Whatever no filter needs is not done, costs little memory, and the fork compiles."""
    before = descriptors()
    written = forged(**{"code": trivial(), "places": [], **more})

    assert None is make_written([written], Place(Opening()))
    assert (*compiled(needed), True) == later(needed, written)
    assert before == descriptors()


class Opening(Fixed):
    """The same, with descriptors that can be closed."""

    def table(self, value):
        """Make a map."""
        return os.open(os.devnull, os.O_RDONLY)

    def hash(self, keys, size):
        """Make a map."""
        assert size < 1 << 13
        return os.open(os.devnull, os.O_RDONLY)


def beginning():
    """Return an assembler with what filters begin with."""
    asm = Assembler()
    end = asm.label()
    begin(asm, 7, end)
    asm.place(end)
    return asm


@pytest.mark.parametrize("helper", [36, 109, 181])
def test_a_forged_filter_calls_only_what_filters_call(helper):
    """Not, as an example, what writes to the memory of processes or ends them."""
    kernel, asm = Fixed(), beginning()
    asm.call(helper)
    asm.leave()
    (memory, _), *_ = map_places(asm.assemble())
    making = Making(forged(asm.assemble(), [(memory, -1)], given=["scratches"]), Place(kernel), processes=True)

    with pytest.raises(ValueError, match="no filter calls"):
        making.go_on(10)
    assert [] == kernel.loaded


def test_a_forged_filter_names_only_its_own_maps():
    """A descriptor that stands in its code and not beside it could be any map of the loader."""
    asm = beginning()
    asm.map(1, 7)
    asm.leave()
    (memory, _), (place, _) = map_places(asm.assemble())
    right, wrong, given = Fixed(), Fixed(), ["scratches"]
    named = forged(asm.assemble(), [(memory, -1), (place, 0)], given=given)

    making = Making(named, Place(right), processes=True)
    making.go_on(10)
    making.close(but={50})
    with pytest.raises(ValueError, match="none of its own"):
        Making(forged(asm.assemble(), [(memory, -1)], given=given), Place(wrong), processes=True).go_on(10)
    assert ([1 << 30, 50], []) == ([number for _, number in map_places(right.loaded[0])], wrong.loaded)


def test_another_kernel_gets_other_loops(needed):
    """What was written for a kernel without may_goto is not used on one that has it."""
    assert not read(write(needed, OLD)).loops
    assert (*compiled(needed), True) == later(needed, read(write(needed, OLD)))


def test_maps_of_a_program():
    """Where a program names maps is found, with the value of one, too, and nothing else is taken for one."""
    asm = Assembler()
    asm.constant(1, 7)
    asm.map(1, 7)
    asm.variable(1, 7)
    asm.map_value(2, -3)
    asm.leave()
    code = asm.assemble()

    found = [*map_places(code)]
    assert [7, -3] == [number for _, number in found]
    changed = with_maps(code, {7: 70, -3: 30})
    assert [(found[0][0], 70), (found[1][0], 30)] == [*map_places(changed)]
    assert 2 == sum(a != b for a, b in zip(*map(INSTRUCTION.iter_unpack, (code, changed)), strict=True))


@pytest.mark.parametrize("data", [b"x", write({}, NEW)[:-1]])
def test_something_else(data):
    """What was not written by this is refused."""
    with pytest.raises(ValueError, match=r"."):
        read(data)


@pytest.mark.parametrize(
    "change", [lambda steps: steps[:-20], lambda steps: b"", lambda steps: steps[:50] + b"\xff" * 9]
)
def test_damaged_steps(needed, change):
    """Where steps cannot be read to their end, the fork compiles."""
    written = read(write(needed, NEW))
    damaged = msgspec.structs.replace(written, steps=change(written.steps))

    assert (*compiled(needed), True) == later(needed, damaged)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("processes", [True, False])
def test_those_of_a_start_in_shares(needed, count, processes):
    """All shares together have the filters of all conditions, and nothing is left open but these."""
    before, kernel = descriptors(), Whole()
    dealt = shares(needed, count)
    filters = make_written([read(write(share, NEW)) for share in dealt], Place(kernel), processes=processes)
    found = made(filters, kernel)
    open_then = descriptors() - before
    programs = {str(one) for one in filters.programs.values()}
    filters.close()

    assert count == len(dealt)
    assert needed == {name: condition for share in dealt for name, condition in share.items()}
    assert compiled(needed, processes=processes) == (found, filters.weaker)
    assert programs == open_then
    assert before == descriptors()


@pytest.mark.parametrize(("release", "refused"), [(OLD, ()), (NEW, (0,)), (NEW, (2,))])
def test_those_of_a_start_that_do_not_fit(needed, release, refused):
    """Where the kernel has other loops, or refuses one, none of them is used, and none is left open."""
    before = descriptors()
    written = [read(write(share, release)) for share in shares(needed, 2)]

    assert None is make_written(written, Place(Whole(refused)))
    assert before == descriptors()


def test_damaged_ones_of_a_start(needed):
    """Where the steps of one share cannot be read, none is used."""
    before = descriptors()
    whole, other = (read(write(share, NEW)) for share in shares(needed, 2))

    assert None is make_written([whole, msgspec.structs.replace(other, steps=other.steps[:-20])], Place(Whole()))
    assert before == descriptors()
