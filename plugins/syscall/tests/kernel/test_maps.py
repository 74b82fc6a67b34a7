"""Many entries of a map are read with few calls, and what was written is compared with what is there."""

from __future__ import annotations

import os
import struct
from errno import EPERM

import pytest

from falcohost_syscall.kernel.ledger import Difference, Ledger
from falcohost_syscall.kernel.libbpf import Library
from falcohost_syscall.kernel.maps import Maps, _runs
from falcohost_syscall.kernel.programs import MAP_ARRAY, MAP_HASH, MAP_PERCPU_ARRAY

U32 = struct.Struct("=I")
ENTRIES, SIZE = 64, 12
NOBODY = b"\xff" * U32.size


@pytest.fixture
def maps(bpf):
    """Return access to maps."""
    return Maps(Library())


@pytest.fixture
def make(maps):
    """Return a function that makes a map of a kind, which is closed at the end."""
    made = []

    def made_of(kind, size=SIZE):
        made.append(maps.library.lib.bpf_map_create(kind, b"tried", U32.size, size, ENTRIES, None))
        assert made[-1] >= 0
        return made[-1]

    yield made_of
    for descriptor in made:
        os.close(descriptor)


def fill(maps, map_fd, size=SIZE, keys=range(ENTRIES)):
    """Write a value of its own for each key; return these by key."""
    values = {U32.pack(key): os.urandom(size) for key in keys}
    for key, value in values.items():
        maps.update(map_fd, key, value)
    return values


@pytest.mark.parametrize(
    "places",
    [(), (0,), (63,), (0, 1, 2), (1, 2, 5, 13, 40, 41, 63), (9, 19, 29), range(ENTRIES), range(0, ENTRIES, 9)],
    ids=str,
)
def test_places_of_an_array(maps, make, places):
    """Each is as a look-up of it alone says, whatever lies between them."""
    map_fd = make(MAP_ARRAY)
    values = fill(maps, map_fd)

    assert [values[U32.pack(place)] for place in places] == maps.places(map_fd, places, SIZE)


def test_places_that_each_processor_has(maps, make):
    """The values of all processors are behind each other."""
    map_fd, number = make(MAP_PERCPU_ARRAY, 8), maps.library.lib.libbpf_num_possible_cpus()
    values = fill(maps, map_fd, 8 * number)

    assert [values[U32.pack(place)] for place in (0, 3, 50)] == maps.places(map_fd, (0, 3, 50), 8 * number)


@pytest.mark.parametrize(("size", "runs"), [(8, [60]), (2048, [32, 28]), (100_000, [1] * 60)])
def test_bytes_that_are_read_at_once(size, runs):
    """They are few on a machine with many processors, too, whose values are large."""
    assert runs == [count for _, count, _ in _runs(tuple(range(60)), size)]
    assert [1] * 30 == [count for _, count, _ in _runs(tuple(range(0, 60, 2)), max(size, 2048))]


def test_places_where_many_cannot_be_read_at_once(maps, make, monkeypatch):
    """They are looked up one by one."""
    map_fd = make(MAP_ARRAY)
    values = fill(maps, map_fd)
    monkeypatch.setattr(maps, "_lib", _Old(maps.library.lib))

    assert [values[U32.pack(place)] for place in (0, 3, 50)] == maps.places(map_fd, (0, 3, 50), SIZE)


def test_list_of_large_values(maps, make):
    """All are listed, however few fit into what is read at once."""
    map_fd = make(MAP_HASH, 20_000)
    values = fill(maps, map_fd, 20_000)

    assert values == dict(maps.listed(map_fd, U32.size, 20_000))


def test_frozen_maps(maps, make):
    """A map that nobody can write to any more is told from others, in which nothing is removed."""
    for kind in (MAP_ARRAY, MAP_HASH):
        map_fd = make(kind)
        values = fill(maps, map_fd)

        assert not maps.is_frozen(map_fd, NOBODY)
        assert values == {key: maps.find(map_fd, key, SIZE) for key in values}
        assert 0 == maps.library.lib.bpf_map_freeze(map_fd)
        assert -EPERM == maps.library.lib.bpf_map_update_elem(map_fd, U32.pack(0), bytes(SIZE), 0)
        assert maps.is_frozen(map_fd, NOBODY)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("count", [2, 40])
@pytest.mark.parametrize("kind", [MAP_ARRAY, MAP_HASH])
def test_what_is_not_as_written(maps, make, kind, count, old, monkeypatch):
    """Each changed entry is found, and none besides; entries that were not written are nobody's."""
    map_fd, ledger = make(kind), Ledger(maps)
    for key in range(count):
        ledger.set(map_fd, "tried", U32.pack(key), os.urandom(SIZE))
    maps.update(map_fd, U32.pack(50), os.urandom(SIZE))
    if old:
        monkeypatch.setattr(maps, "_lib", _Old(maps.library.lib))

    assert [] == [*ledger.differences()]
    changed = [U32.pack(0), U32.pack(count - 1)]
    for key in changed:
        maps.update(map_fd, key, os.urandom(SIZE))
    assert [Difference(map_fd, "tried", key, False) for key in changed] == [*ledger.differences()]
    assert all(map(ledger.mend, ledger.differences()))
    assert [] == [*ledger.differences()]
    if kind == MAP_HASH:
        maps.delete(map_fd, U32.pack(1))
        assert [Difference(map_fd, "tried", U32.pack(1), False)] == [*ledger.differences()]


class _Old:
    """libbpf where the kernel cannot list many entries at once."""

    def __init__(self, lib):
        self._lib = lib

    def __getattr__(self, name):
        return (lambda *_: -22) if name == "bpf_map_lookup_batch" else getattr(self._lib, name)
