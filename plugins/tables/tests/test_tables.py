"""Files are read again when they change; the last good table stays."""

from __future__ import annotations

import os

import pytest

from falcohost_tables.tables import Tables


@pytest.fixture
def file(tmp_path):
    """Return the file of the table."""
    return tmp_path / "assets"


@pytest.fixture
def tables(file, table):
    """Return tables with one, which is read from the file."""
    file.write_text("a\n")
    found = Tables([table(file=str(file))])
    found.look()
    return found


def known(tables, key):
    """Return whether *key* is in the table."""
    return tables.by_name["asset"].find(key) is not None


def write(file, text):
    """Write *text* in place, with a time that is surely another."""
    file.write_text(text)
    os.utime(file, ns=(0, hash(text) & 0xFFFFFFFF))


def test_a_file_that_replaces_another_is_read_at_once(tables, file):
    """A file that was renamed to the table's name counts from the next look on."""
    other = file.with_suffix(".new")
    other.write_text("b\n")
    other.rename(file)
    tables.look()

    assert [False, True] == [known(tables, key) for key in (b"a", b"b")]


def test_a_file_that_is_written_in_place_is_read_when_it_rests(tables, file):
    """A file that has changed since the last look is not read yet: it may be half of what will be there."""
    write(file, "b\n")
    tables.look()
    half = known(tables, b"b")
    write(file, "b\nc\n")
    tables.look()
    tables.look()

    assert not half
    assert [False, True, True] == [known(tables, key) for key in (b"a", b"b", b"c")]


def test_a_table_with_a_mistake_changes_nothing(tables, file):
    """What is wrong is said, the rows stay; when it is mended, the new ones count."""
    file.write_bytes(b"\xff\n")
    tables.look()
    tables.look()
    state = tables.states()["asset"]
    write(file, "b\n")
    tables.look()
    tables.look()

    assert f"{file}:1: this is not UTF-8: save the file as UTF-8" == state.problem
    assert 1 == state.taken
    assert (2, "") == (tables.states()["asset"].taken, tables.states()["asset"].problem)
    assert known(tables, b"b")


def test_a_file_that_is_gone_changes_nothing(tables, file):
    """The rows stay, the problem is said, and is over when the same file is back."""
    file.rename(file.with_suffix(".away"))
    tables.look()
    problem, kept = tables.states()["asset"].problem, known(tables, b"a")
    file.with_suffix(".away").rename(file)
    tables.look()

    assert f"{file} cannot be read: No such file or directory" == problem
    assert kept
    assert "" == tables.states()["asset"].problem


def test_a_mistake_is_read_once(tables, file, monkeypatch):
    """A large table with a mistake is not read each second."""
    reads = []
    monkeypatch.setattr("falcohost_tables.tables.read_regular", lambda *_: reads.append(1) or b"\xff")
    write(file, "x\n")
    for _ in range(5):
        tables.look()

    assert [1] == reads


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_only_regular_files_are_read(tables, file, make):
    """A FIFO or a folder in the file's place is a problem, and nobody waits for it."""
    file.unlink()
    make(file)
    tables.look()
    tables.look()

    assert "cannot be read: " in tables.states()["asset"].problem
    assert known(tables, b"a")


def test_changes_have_numbers(tables, file):
    """Each change has another number, for which a thread can wait."""
    number = tables.number
    same = tables.wait_for_change(number, 0.01)
    file.unlink()
    tables.look()

    assert number == same
    assert number != tables.wait_for_change(number)
