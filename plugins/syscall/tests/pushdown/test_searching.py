"""The table for searching many constants at once, walked here as a filter walks it."""

from __future__ import annotations

import struct
from random import Random

import pytest

from falcohost_syscall.pushdown import searching


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
