"""Starts from the rules cache: they do what other starts do, with less."""

import re
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def cache(tmp_path, environment):
    """Return the cache's folder, which is not there yet."""
    environment["FALCOHOST_CACHE_DIR"] = str(tmp_path / "cache")
    return tmp_path / "cache"


def kept(cache):
    """Return the content of what is kept, by name."""
    folder = cache / "rules"
    return {file.name: file.read_bytes() for file in folder.iterdir()} if folder.exists() else {}


def told(done):
    """Return what was logged until the sources open, which do so in any order, and how many alerts there were."""
    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"^.*? \d{4}: ", "", line) for line in done.stderr.splitlines()]
    return lines[: lines.index("Loaded event sources: syscall, numbers, others")], done.stdout.count("Counted")


def test_the_second_start_is_like_the_first(program, setup, cache):
    """The log and the alerts are the same, and the cache entry is not changed."""
    arguments = setup(numbers={"count": 3}, others={"count": 1})
    rules = Path(arguments[3])
    rules.write_text(rules.read_text() + "- list: nobody_uses_me\n  items: [a]\n")
    first = told(program(*arguments))
    entries = kept(cache)
    second = told(program(*arguments))

    assert 1 == len(entries)
    assert entries == kept(cache)
    assert first == second
    assert 3 == second[1]
    assert any("nobody_uses_me" in line for line in second[0])


def test_a_cached_start_imports_no_compiler(program, setup, cache):
    """Neither the parser nor the compiler of rules is imported where nothing is compiled."""
    arguments = [*setup(), "--dry-run"]
    first = program(*arguments, PYTHONPROFILEIMPORTTIME="1").stderr
    second = program(*arguments, PYTHONPROFILEIMPORTTIME="1").stderr

    for module in (
        "lang.descent",
        "rules.loader",
        "rules.reader",
        "rules.compiler",
    ):
        assert f" falcohost.{module}\n" in first
        assert f" falcohost.{module}\n" not in second


def test_changed_rules_are_compiled(falcohost, program, setup, cache):
    """An entry is not used for a file of the same name with other rules."""
    falcohost(*setup(numbers={"count": 1}, others={"count": 1}), "--dry-run")
    assert 1 == len(kept(cache))
    done = program(*setup(numbers={"count": 1}, others={"count": 1}, rules=RULES_THAT_ASK_FOR_MORE))

    assert (0, 2) == (done.stdout.count("Counted"), len(kept(cache)))


RULES_THAT_ASK_FOR_MORE = """
- rule: Every number
  desc: Fires on no number.
  condition: number.value > 1000
  output: Counted (value=%number.value)
  priority: NOTICE
  source: numbers
"""


def test_the_cache_can_be_switched_off(falcohost, setup, cache):
    """``falcohost.cache: false`` neither reads nor writes."""
    done = falcohost(*setup(config="falcohost: {cache: false}\n"), "--dry-run")

    assert 0 == done.returncode, done.stderr
    assert "rules cache" not in done.stderr.lower()
    assert {} == kept(cache)


@pytest.mark.parametrize("flags", [["-L"], ["-l", "Every number"]])
def test_descriptions_do_without_it(falcohost, setup, cache, flags):
    """Descriptions, which need what no entry has, are the same before and after, and keep nothing."""
    before = falcohost(*setup(), *flags)
    assert {} == kept(cache)
    falcohost(*setup(), "--dry-run")
    after = falcohost(*setup(), *flags)

    assert before.stdout
    assert before.stdout == after.stdout


def test_validation_does_without_it(falcohost, setup, cache):
    """``-V`` compiles, and keeps nothing."""
    arguments = setup()
    done = falcohost(*arguments[:2], "-V", arguments[3])

    assert "Ok" in done.stdout
    assert {} == kept(cache)


def test_a_folder_open_to_all_is_not_used(falcohost, setup, cache):
    """Nothing is read from a cache that others can write, and nobody is bothered with it."""
    cache.mkdir()
    cache.chmod(0o777)
    done = falcohost(*setup(), "--dry-run")

    assert 0 == done.returncode, done.stderr
    assert "rules cache" not in done.stderr.lower()
    assert {} == kept(cache)


def test_starts_at_the_same_time(setup, environment, cache, tmp_path):
    """Starts that meet at an empty cache all go well and leave one entry."""
    command = [sys.executable, "-m", "falcohost", *setup(), "--dry-run"]
    starts = [subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE) for _ in range(4)]
    errors = [start.communicate()[1] for start in starts]

    assert [0] * 4 == [start.returncode for start in starts], errors
    assert 1 == len(kept(cache))
