"""The table for searching many constants at once, walked here as a filter walks it."""

from __future__ import annotations

import struct
from random import Random

import pytest
import random_events
from workload.handmade import Task, call

from falcohost_syscall.facts import layout
from falcohost_syscall.filters import searching
from falcohost_syscall.filters.condition import Literal, Point, Text
from falcohost_syscall.records import record as R


def found(table: bytes, text: bytes) -> bool:
    """Walk *table* over *text*; return whether it says that a constant is there."""
    entries = struct.unpack(f"={(len(table) - searching.CLASSES) // searching.ENTRY}I", table[searching.CLASSES :])
    place = 0
    for byte in text:
        place = entries[place // searching.ENTRY + table[byte]]
        if place == searching.HIT:
            return True
    return False


@pytest.mark.parametrize("fold", [False, True])
def test_finds_what_is_there(fold):
    """The table finds a constant exactly where one of them is in the text, however they overlap."""
    random = Random(4)
    for _ in range(2000):
        constants = {bytes(random.choices(b"abAB/", k=random.randint(1, 5))) for _ in range(random.randint(1, 6))}
        text = bytes(random.choices(b"abAB/\xe9", k=random.randint(0, 12)))
        table = searching.table(constants, fold=fold)
        lowered = {constant.lower() for constant in constants} if fold else constants

        assert any(constant in (text.lower() if fold else text) for constant in lowered) == found(table, text)
        assert len(table) <= searching.size(constants)


def test_letters_beyond_ascii_have_one_case():
    """Only ASCII's letters are equal in both cases."""
    table = searching.table({"é".encode()}, fold=True)

    assert found(table, "é".encode())
    assert not found(table, "É".encode())


@pytest.mark.parametrize("op", ["contains", "icontains"])
@pytest.mark.parametrize("loops", [True, False])
def test_texts_without_a_rare_byte(filter_bench, monkeypatch, op, loops):
    """The kernel finds a constant exactly where it is, wherever the byte stands by which most texts are left out."""
    monkeypatch.setattr(filter_bench.kernel, "has_may_goto", loops and filter_bench.kernel.has_may_goto)
    random, found = Random(7), 0
    for _ in range(60):
        constants = frozenset(
            bytes(random.choices(b"_aB/", k=random.randint(0, 4))) + b"_" for _ in range(random.randint(1, 3))
        )
        view = layout.view("name", Point.OBJECT)
        programs = filter_bench.load(Literal(Text(view, op, constants)))
        assert searching.rare_byte(constants, fold=op == "icontains") is not None
        for _ in range(30):
            path = b"/" + bytes(random.choices(b"aabb/_A", (6, 6, 6, 6, 6, 1, 1), k=random.randint(0, 40)))
            sections = {R.SEC_FD: R.FDINFO.pack(42, 0o100644, 0, 0xEF53, 0, 0, 0), R.SEC_FDPATH: path}
            record = call("read", Task(4242, cgroup=random_events.HOST), 3, (3,), sections)
            text, wanted = (path.lower(), {c.lower() for c in constants}) if op == "icontains" else (path, constants)
            expected = any(constant in text for constant in wanted)
            found += expected

            assert filter_bench.passes(programs, record) is expected, (constants, path)
        filter_bench.unload(programs)
    assert 200 < found < 1600


def test_rare_bytes():
    """A byte is rare if paths seldom have it, and is taken only if every constant has it, in one case."""
    assert searching.rare_byte({b"id_rsa", b"id_ecdsa"}, fold=False) == ord("_")
    assert searching.rare_byte({b"../"}, fold=False) == ord(".")
    assert searching.rare_byte({b"xmrig"}, fold=False) == ord("x")
    assert searching.rare_byte({b"xmrig"}, fold=True) is None
    assert searching.rare_byte({b"id_rsa", b"/etc/x"}, fold=False) is None
    assert searching.rare_byte({b"/root"}, fold=False) is None


def test_ten_thousand_searches(filter_bench):
    """The constants of ten thousand rules are searched for at once, and none of them is given up."""
    constants = frozenset(f"secret{number}x".encode() for number in range(10_000))
    test = Literal(Text(layout.view("name", Point.OBJECT), "contains", constants))
    programs = filter_bench.load(test)
    texts = ["/srv/secret1x", "/srv/secret9999x/a", "/srv/secret10000x", "/srv/secret/1x"]
    info = R.FDINFO.pack(42, 0o100644, 0xFE00, 0xEF53, 0, 0, 0)
    records = [call("read", Task(4242), 3, (3,), {R.SEC_FD: info, R.SEC_FDPATH: text.encode()}) for text in texts]
    passed = [filter_bench.run(programs[Point.OBJECT], record, Point.OBJECT) for record in records]
    filter_bench.unload(programs)

    assert [True, True, False, False] == passed
