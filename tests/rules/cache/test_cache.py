"""The rules cache gives what compiling gives, and where nothing can be kept, the rules are compiled."""

import dataclasses
import logging
import re
import threading
from pathlib import Path

import pytest
from cached_rules import CATALOGS, OPTIONS, SEED, VERSIONS, assert_same, seed
from hypothesis import given
from hypothesis import strategies as st

from falcohost.engine.catalog import Catalog
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.fields import ArgKind, Field, FieldType
from falcohost.rules.append_output import AppendOutput
from falcohost.rules.cache import RulesCache
from falcohost.rules.cache_entry import from_bytes, to_bytes
from falcohost.rules.cache_key import cache_key
from falcohost.rules.loader import load_rules, read_file
from falcohost_syscall.plugin import falcohost_rules


def _nothing(event, arg):
    return None


def catalogs_for(files):
    """Return the true fields of syscall, and for other sources a text field for each name that the files have."""
    names = set(
        re.findall(r"\b(?:ka|jevt|ct|okta|github|aws|s3|json)(?:\.[a-zA-Z_0-9]+)+", "\n".join(f.text for f in files))
    )
    rows = [
        Field(name=name, type=FieldType.CHARBUF, description="", arg=ArgKind.ANY, get=_nothing)
        for name in sorted(names)
    ]
    sources = ("k8s_audit", "aws_cloudtrail", "okta", "github")
    return CATALOGS | {source: Catalog(source, (*GENERIC_FIELDS, *rows)) for source in sources}


def test_the_cache_gives_what_compiling_gives(cache, no_compiler):
    """Rules, warnings and verdicts out of the cache are those that were compiled, and nothing is compiled."""
    expected = load_rules(seed(), CATALOGS, OPTIONS)
    first = cache.load(seed(), CATALOGS, OPTIONS)
    no_compiler()
    second = cache.load(seed(), CATALOGS, OPTIONS)

    assert len({problem.code for problem in expected.results[0].warnings}) > 4
    assert_same(expected, first)
    assert_same(expected, second)


def test_public_and_shipped_rules(cache, corpus, no_compiler):
    """Every public rules file, all of them together, and the rules that are shipped are the same out of the cache."""
    public = sorted((corpus / "rules").glob("*.yaml"))
    groups = [*([path] for path in public), public, [*map(Path, falcohost_rules())]]
    files = [[read_file(str(path)) for path in group] for group in groups]
    expected = [cache.load(group, catalogs_for(group), OPTIONS) for group in files]
    no_compiler()

    assert all(loaded.ok for loaded in expected)
    assert len(expected[-2].ruleset.rules) > 190
    for group, before in zip(files, expected, strict=True):
        assert_same(before, cache.load(group, catalogs_for(group), OPTIONS))


def test_rules_of_the_regression_cases(cache, corpus, no_compiler):
    """Every rules file of the regression cases that is accepted is the same out of the cache."""
    good = 0
    for path in sorted((corpus / "regression").rglob("*.yaml")):
        files = [read_file(str(path))]
        catalogs = catalogs_for(files)
        expected = cache.load(files, catalogs, OPTIONS)
        if expected.ok:
            good += 1
            key = cache_key(files, catalogs, OPTIONS, VERSIONS)
            assert_same(expected, from_bytes(to_bytes(expected, key), key, files, catalogs))
    assert good > 30


@given(st.randoms(use_true_random=True))
def test_mutated_rules(chance):
    """All accepted rules come out of the cache as they went in."""
    lines = SEED.split("\n")
    for _ in range(chance.randint(1, 4)):
        index = chance.randrange(len(lines))
        words = re.split(r"(\W)", lines[index])
        words[chance.randrange(len(words))] = chance.choice(re.split(r"(\W)", SEED))
        lines[index] = "".join(words)
    files = seed("\n".join(lines))
    expected = load_rules(files, CATALOGS, OPTIONS)
    if expected.ok:
        key = cache_key(files, CATALOGS, OPTIONS, VERSIONS)
        assert_same(expected, from_bytes(to_bytes(expected, key), key, files, CATALOGS))


def test_rules_that_are_refused_are_not_kept(cache):
    """Errors are found anew each time."""
    for _ in range(2):
        assert not cache.load(seed(SEED + "- rule: x\n"), CATALOGS, OPTIONS).ok
        assert not cache.load(seed("- required_plugin_versions: [{name: x, version: 1.0.0}]"), CATALOGS, OPTIONS).ok
    assert not cache.directory.exists()


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_is_left_alone(cache, mode, caplog):
    """Nothing is read from it or written to it, and the rules are compiled, without a message above debug."""
    cache.directory.mkdir()
    cache.directory.chmod(mode)
    caplog.set_level(logging.DEBUG)
    loaded = cache.load(seed(), CATALOGS, OPTIONS)

    assert loaded.ok
    assert [] == [*cache.directory.iterdir()]
    assert {logging.DEBUG} == {record.levelno for record in caplog.records}
    assert "The rules cache is not read: " in caplog.text
    assert any(text in caplog.text for text in ("may be written by others", "other users can write to"))


@pytest.mark.parametrize("path", ["/dev/null", "/dev/null/below", "/proc/no/such", "/"])
def test_a_folder_that_cannot_be_written(path, caplog, tmp_path, monkeypatch):
    """Where nothing can be kept, the rules are compiled, without a message above debug."""
    if path == "/":
        monkeypatch.setattr("falcohost.rules.cache_files.os.open", _refuse)
    loaded = RulesCache(Path(path), VERSIONS).load(seed(), CATALOGS, OPTIONS)

    assert loaded.ok
    assert [] == [record for record in caplog.records if record.levelno > logging.DEBUG]


def _refuse(*args, **kwargs):
    raise PermissionError(13, "Permission denied")


def test_texts_without_bytes_are_not_kept(cache):
    """Half of a surrogate pair, which no cache can hold, comes from the command line; the rules load all the same."""
    half = dataclasses.replace(OPTIONS, append_output=(AppendOutput(extra_output="\udc80"),))

    assert cache.load(seed(), CATALOGS, half).ok
    assert not cache.directory.exists()


def test_starts_at_the_same_time(cache):
    """Many that load the same at once into an empty cache all get it right, and leave one entry."""
    expected = load_rules(seed(), CATALOGS, OPTIONS)
    found = []
    threads = [threading.Thread(target=lambda: found.append(cache.load(seed(), CATALOGS, OPTIONS))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(found)
    for loaded in found:
        assert_same(expected, loaded)
    assert 1 == len([*cache.directory.iterdir()])
