"""One call says whether arrays have their values and programs; what was changed is then found entry by entry."""

from __future__ import annotations

import ctypes
import os
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falcohost_syscall.kernel import kernel_types, map_digest
from falcohost_syscall.kernel.assembler import Assembler
from falcohost_syscall.kernel.btf import Types
from falcohost_syscall.kernel.given_types import OWN
from falcohost_syscall.kernel.ledger import Difference, Ledger
from falcohost_syscall.kernel.libbpf import LibbpfError, Library
from falcohost_syscall.kernel.map_digest import MapDigest, digest, places
from falcohost_syscall.kernel.maps import Maps
from falcohost_syscall.kernel.program_info import ProgramInfo, program_info
from falcohost_syscall.kernel.programs import MAP_HASH, MAP_PROG_ARRAY, Kernel

U32 = struct.Struct("=I")
ENTRIES = 3000
NAME = "tried"


class Arrays:
    """Program arrays whose entries are expected by a ledger, half of them empty."""

    def __init__(self, kernel, maps, sizes, random):
        self.kernel, self.ledger = kernel, Ledger(maps)
        self.arrays = [kernel.array(U32.size, ENTRIES, MAP_PROG_ARRAY) for _ in sizes]
        self.full, self.empty, self.others = [], [], []
        for map_fd, size in zip(self.arrays, sizes, strict=True):
            chosen = random.sample(range(ENTRIES), size + 1)
            *inside, outside = ((map_fd, U32.pack(place)) for place in chosen)
            self.others.append(outside)
            for number, (_, key) in enumerate(inside):
                (self.full, self.empty)[number % 2].append((map_fd, key))
                if number % 2 == 0:
                    self.put(map_fd, key)
            self.ledger.expect_empty(map_fd, NAME, [key for _, key in inside])

    def program(self):
        """Return a new program that does nothing."""
        nothing = Assembler()
        nothing.leave()
        return self.kernel.program(nothing.assemble())

    def put(self, map_fd, key):
        """Put a program there that is expected to stay."""
        program = self.program()
        self.ledger.put(map_fd, NAME, key, program)
        os.close(program)

    def change(self, map_fd, key):
        """Put another program there than the one that is expected."""
        program = self.program()
        self.kernel.set(map_fd, key, U32.pack(program))
        os.close(program)

    def close(self):
        """Close the arrays."""
        for map_fd in self.arrays:
            os.close(map_fd)


class Counted:
    """A digest that counts how often it has said that all is right."""

    def __init__(self, kernel, library):
        self.digest, self.right = MapDigest(kernel, library.types), 0

    def __call__(self, version, arrays):
        """Count what it says."""
        found = self.digest.is_of(version, arrays)
        self.right += found
        return found


@pytest.fixture
def library(bpf):
    """Return libbpf."""
    return Library()


@pytest.fixture(params=[True, False], ids=["loops", "rounds"])
def kernel(library, request):
    """Return the kernel, as it is and as one without may_goto."""
    found = Kernel(library)
    if not request.param:
        found.__dict__["has_may_goto"] = False
    return found


@pytest.fixture
def counted(kernel, library):
    """Return a digest that counts."""
    found = Counted(kernel, library)
    yield found
    found.digest.close()


@pytest.fixture
def make(kernel, library):
    """Return a function that makes arrays with so many expected entries, the same in each run."""
    made = []

    def made_of(*sizes):
        made.append(Arrays(kernel, Maps(library), sizes, random.Random(7)))
        return made[-1]

    yield made_of
    for one in made:
        one.close()


def settle(arrays, counted):
    """Look as often as it takes until a digest is asked, which has to say that all is right."""
    looks = [[*arrays.ledger.differences(counted)] for _ in range(3)]

    assert [[], [], []] == looks
    assert counted.right == 2


@pytest.mark.parametrize("sizes", [(1,), (2, 5), (300,), (40, 7, 200, 1)], ids=str)
def test_nothing_changed(make, counted, sizes):
    """From the second look on, which is the first after nothing was written, entries are not read one by one."""
    settle(make(*sizes), counted)


@pytest.mark.parametrize("where", ["full", "empty"])
def test_another_program(make, counted, where):
    """Another program in any entry is found, also in one that has to be empty, and so is its removal."""
    arrays = make(30, 9)
    settle(arrays, counted)
    for map_fd, key in getattr(arrays, where):
        before = counted.right
        arrays.change(map_fd, key)
        for _ in range(2):
            assert [Difference(map_fd, NAME, key, True)] == [*arrays.ledger.differences(counted)]
        assert counted.right == before
        if where == "empty":
            arrays.ledger.delete(map_fd, key)
        else:
            arrays.put(map_fd, key)
        assert [] == [*arrays.ledger.differences(counted)]
        assert [] == [*arrays.ledger.differences(counted)]
        assert counted.right == before + 1


def test_a_removed_program(make, counted):
    """An entry that is empty, but has to have a program, is found."""
    arrays = make(30, 9)
    settle(arrays, counted)
    map_fd, key = arrays.full[-1]
    Maps(Library()).delete(map_fd, key)

    assert [Difference(map_fd, NAME, key, True)] == [*arrays.ledger.differences(counted)]


def test_exchanged_programs(make, counted):
    """Two programs that have changed places are found."""
    arrays = make(4, 4)
    settle(arrays, counted)
    for first, second in ((arrays.full[0], arrays.full[1]), (arrays.full[0], arrays.full[2])):
        numbers = [arrays.ledger._programs[map_fd][key] for map_fd, key in (second, first)]
        descriptors = [arrays.kernel._lib.bpf_prog_get_fd_by_id(number) for number in numbers]
        back = descriptors[::-1]
        for (map_fd, key), descriptor in zip((first, second), descriptors, strict=True):
            arrays.kernel.set(map_fd, key, U32.pack(descriptor))
        assert {first, second} == {(one.map_fd, one.key) for one in arrays.ledger.differences(counted)}
        for (map_fd, key), descriptor in zip((first, second), back, strict=True):
            arrays.kernel.set(map_fd, key, U32.pack(descriptor))
        assert [] == [*arrays.ledger.differences(counted)]
        for descriptor in descriptors:
            os.close(descriptor)


def test_entries_of_others(make, counted):
    """What is in entries about which nothing is expected is nobody's."""
    arrays = make(30, 9)
    settle(arrays, counted)
    for map_fd, key in arrays.others:
        arrays.change(map_fd, key)

    assert [] == [*arrays.ledger.differences(counted)]
    assert counted.right == 3


def test_changed_before(make, counted):
    """What was changed before a digest was asked is found, too, and after it was mended the digest is asked again."""
    arrays = make(30)
    map_fd, key = arrays.full[0]
    arrays.change(map_fd, key)
    for _ in range(4):
        assert [Difference(map_fd, NAME, key, True)] == [*arrays.ledger.differences(counted)]
    assert counted.right == 0
    arrays.put(map_fd, key)

    settle(arrays, counted)


def test_another_set_of_arrays(make, counted, kernel, library):
    """An array that is closed, and another one with its descriptor, are told apart."""
    arrays = make(30, 9)
    settle(arrays, counted)
    closed = arrays.arrays[0]
    arrays.ledger.forget(closed)
    os.close(closed)
    assert closed == kernel.array(U32.size, ENTRIES, MAP_PROG_ARRAY)
    for place in range(20):
        arrays.put(closed, U32.pack(place))
    before = counted.right

    assert [[], []] == [[*arrays.ledger.differences(counted)] for _ in range(2)]
    assert counted.right == before + 1


def test_table_that_somebody_changes(make, counted, kernel, library):
    """Who changes which entries are read has them compared one by one."""
    arrays = make(30)
    settle(arrays, counted)
    numbers = (ctypes.c_uint32 * 1)()
    asked = ProgramInfo(nr_map_ids=1, map_ids=ctypes.addressof(numbers))
    program_info(library, counted.digest._program, asked)
    table = library.lib.bpf_map_get_fd_by_id(numbers[0])
    kernel.set(table, bytes(4), bytes(4 * 30))
    os.close(table)

    assert [] == [*arrays.ledger.differences(counted)]
    assert counted.right == 2
    map_fd, key = arrays.full[0]
    arrays.change(map_fd, key)
    assert [Difference(map_fd, NAME, key, True)] == [*arrays.ledger.differences(counted)]


def test_places_of_members(library):
    """They are those that another reader of the kernel's types finds."""
    types = Types(OWN.read_bytes())

    assert [types.place(*one) for one in map_digest._MEMBERS] == places(library.types)
    assert None is library.types.place("bpf_array", "nothing")
    assert None is library.types.place("falcohost_nothing", "id")


@pytest.mark.parametrize("lacks", ["member", "types", "program"])
def test_kernel_without_it(make, counted, library, monkeypatch, lacks):
    """Where members, types or the program are refused, entries are compared one by one."""
    arrays = make(30, 9)

    def refused(*_, **__):
        raise LibbpfError("refused", 1)

    if lacks == "member":
        monkeypatch.setattr(map_digest, "_MEMBERS", (*map_digest._MEMBERS, ("bpf_array", "nothing")))
    elif lacks == "types":
        monkeypatch.setattr(kernel_types, "PLACES", {})
        monkeypatch.setattr(library.types, "number", refused)
    else:
        monkeypatch.setattr(Kernel, "load", refused)
    assert [[], [], []] == [[*arrays.ledger.differences(counted)] for _ in range(3)]
    monkeypatch.undo()
    map_fd, key = arrays.full[0]
    arrays.change(map_fd, key)

    assert [Difference(map_fd, NAME, key, True)] == [*arrays.ledger.differences(counted)]
    assert counted.right == 0


def test_more_entries_than_are_followed(make, counted, monkeypatch):
    """A verifier that follows each round is not asked to for very many entries."""
    monkeypatch.setattr(map_digest, "_MOST", 30)
    arrays = make(29, 2)
    looks = [[*arrays.ledger.differences(counted)] for _ in range(3)]

    assert [[], [], []] == looks
    assert (2 if arrays.kernel.has_may_goto else 0) == counted.right


@given(st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=20), st.data())
def test_digest_of_others(words, data):
    """Other words have another digest, with whichever of a few keys."""
    place, word = data.draw(st.integers(0, len(words) - 1)), data.draw(st.integers(0, (1 << 64) - 1))
    others = [*words]
    others[place] = word
    for key in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03):
        assert (others == words) == (digest(others, key) == digest(words, key))


@pytest.mark.parametrize("size", [1, 4, 8, 12, 56, 128, 129, 136, 512, 8200])
def test_values(kernel, counted, library, size):
    """A changed bit of any value is found, and what is in entries about which nothing is expected is nobody's."""
    maps = Maps(library)
    ledger, chance = Ledger(maps), random.Random(size)
    map_fd = kernel.array(size, 16)
    for place in (0, 3, 4, 15):
        ledger.set(map_fd, NAME, U32.pack(place), chance.randbytes(size))
    for _ in range(3):
        assert [] == [*ledger.differences(counted)]
    assert counted.right == 2
    kernel.set(map_fd, U32.pack(7), chance.randbytes(size))
    assert [] == [*ledger.differences(counted)]
    assert counted.right == 3
    for place in (0, 3, 15):
        key, at = U32.pack(place), chance.randrange(8 * size)
        value = int.from_bytes(kernel.get(map_fd, key, size)) ^ 1 << at
        kernel.set(map_fd, key, value.to_bytes(size))
        assert [Difference(map_fd, NAME, key, False)] == [*ledger.differences(counted)]
        assert all(map(ledger.mend, ledger.differences()))
        assert [] == [*ledger.differences(counted)]
    assert counted.right == 6
    os.close(map_fd)


def test_other_maps(kernel, counted, library):
    """Maps that are no arrays are compared entry by entry, also while what they are to have changes."""
    ledger = Ledger(Maps(library))
    array, others = kernel.array(8, 4), kernel.map(MAP_HASH, U32.size, 8, 4)
    ledger.set(array, NAME, U32.pack(1), b"expected")
    for _ in range(3):
        ledger.set(others, NAME, U32.pack(2), os.urandom(8))
        assert [] == [*ledger.differences(counted)]
    assert counted.right == 2
    kernel.set(others, U32.pack(2), b"whatever")

    assert [Difference(others, NAME, U32.pack(2), False)] == [*ledger.differences(counted)]
    assert counted.right == 3
    for map_fd in (array, others):
        os.close(map_fd)
