"""Tests damaged entries of the rules cache: the rules are compiled, whatever is wrong."""

import contextlib
import hashlib
import logging
import random

import msgspec
import pytest
from cached_rules import CATALOGS, OPTIONS, VERSIONS, assert_same, seed
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.codec.encode import ruleset_row
from falcohost.engine.codec.rows import CodecError
from falcohost.rules.cache_entry import from_bytes, to_bytes
from falcohost.rules.cache_key import cache_key
from falcohost.rules.loader import load_rules
from falcohost.rules.people import problem_for_people

randoms = st.randoms(use_true_random=True)


def damaged(chance, data):
    """Return *data* cut, lengthened, or with a few bytes changed."""
    kind = chance.random()
    if kind < 0.2:
        return data[: chance.randrange(len(data))]
    if kind < 0.3:
        return data + chance.randbytes(chance.randint(1, 9))
    if kind < 0.4:
        start = chance.randrange(len(data))
        return data[:start] + data[start + chance.randint(1, 40) :]
    changed = bytearray(data)
    for _ in range(chance.randint(1, 3)):
        changed[chance.randrange(len(data))] ^= chance.randint(1, 255)
    return bytes(changed)


def test_a_damaged_entry_is_compiled_anew(cache, caplog):
    """An entry that was cut or changed anywhere is passed over in silence, the rules are right, and it is mended."""
    expected = cache.load(seed(), CATALOGS, OPTIONS)
    (file,) = cache.directory.iterdir()
    whole = file.read_bytes()
    chance = random.Random(1)  # the fixtures are of one test; what may go wrong in an entry is tried below
    for _ in range(10):
        file.write_bytes(damaged(chance, whole))

        assert_same(expected, cache.load(seed(), CATALOGS, OPTIONS))
        assert whole == file.read_bytes()
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.fixture(scope="module")
def entry():
    """Return the key of an entry, and its bytes."""
    key = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    return key, to_bytes(load_rules(seed(), CATALOGS, OPTIONS), key)


@given(randoms)
def test_no_damage_is_taken_for_an_entry(entry, chance):
    """No damaged entry is read."""
    key, whole = entry
    for _ in range(10):
        with pytest.raises(CodecError):
            from_bytes(damaged(chance, whole), key, seed(), CATALOGS)


def test_an_entry_of_another_key_is_not_read(entry):
    """A file that was given another one's name is not taken for it."""
    _, data = entry
    with pytest.raises(CodecError):
        from_bytes(data, bytes(32), seed(), CATALOGS)


#: Bytes of an entry before its body: what it is, its key, its digest.
_HEAD = 18 + 64


def forged(body, key):
    """Return an entry of *body* that is whole as far as its digest can tell."""
    head = b"falcohost rules 1\n" + key
    return head + hashlib.blake2b(body, key=key, digest_size=32).digest() + body


def test_a_forged_entry_that_was_not_changed_is_the_entry(entry):
    """The forger of these tests knows how an entry is made."""
    key, whole = entry

    assert whole == forged(whole[_HEAD:], key)


@given(randoms)
def test_a_forged_entry_runs_or_is_refused(entry, chance):
    """Bytes that are changed below a digest that fits are refused, or are rules and warnings that can be told of."""
    key, whole = entry
    for _ in range(10):
        with contextlib.suppress(CodecError):
            found = from_bytes(forged(damaged(chance, whole[_HEAD:]), key), key, seed(), CATALOGS)
            for problem in found.results[0].warnings:
                problem_for_people(problem)
            ruleset_row(found.ruleset)


def test_an_entry_nested_without_end_is_refused():
    """Templates inside templates inside templates end in an error, not in the end of the process."""
    key = cache_key(seed(), CATALOGS, OPTIONS, VERSIONS)
    template = msgspec.msgpack.encode(["t", [], []])
    head = template[:-1] + b"\x91\x93\xa1x\xc0"  # a list of one extra value that is again a template
    rule = (
        msgspec.msgpack.encode(["r", "syscall", 0, [], "d", 0])[:-1] + b"\x00" + head * 200_000 + template + b"\xc0\xc3"
    )
    rule = b"\x99" + rule[1:]
    body = b"\x92" + b"\x93\x90\x90\x91" + rule + b"\x90"
    for data in (body, b"\x92" * 200_000, b"\x81" * 200_000):
        with pytest.raises(CodecError):
            from_bytes(forged(data, key), key, seed(), CATALOGS)
