"""Falcohost's own program: which processes run it, by interpreter, script and environment."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

from falcohost import own_program as module
from falcohost.own_program import OwnProgram, own_program

SCRIPT = "/opt/falcohost/bin/falcohost"
OWN = OwnProgram(
    interpreter="/usr/bin/python3.13",
    inode=7,
    written=1,
    changed=2,
    scripts=frozenset({SCRIPT, "/usr/local/bin/falcohost"}),
    leading=frozenset({"PYTHONPATH=/srv/plugins"}),
)


@pytest.mark.parametrize("what", ["scripts", "purelib", "platlib"])
def test_where_python_installs(what):
    """Folders are those that Python itself says, without all that it would load for that."""
    assert Path(sysconfig.get_path(what)) == module._installed(what)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("{base}/lib/{implementation_lower}{py_version_short}{abi_thread}", sysconfig.get_path("stdlib")),
        ("{base}/{unheard_of}", "/opt/asked"),
    ],
)
def test_names_of_later_pythons(monkeypatch, name, expected):
    """Names of folders may have the parts that Python 3.13 has begun to use, and others that nobody knows yet."""
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(sysconfig, "get_path", lambda what, expand=True: "/opt/asked" if expand else name)

    assert Path(expected) == module._installed("stdlib")


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (["python3", SCRIPT, "run"], ["HOME=/root"], True),
        (["python3", "/usr/local/bin/falcohost"], [], True),
        (["python3", SCRIPT], ["PYTHONUNBUFFERED=1", "PYTHONPATH=/srv/plugins"], True),
        (["python3"], [], False),
        (["python3", "-c", "import os", SCRIPT], [], False),
        (["python3", "-m", "falcohost"], [], False),
        (["python3", f"{SCRIPT}-not"], [], False),
        (["python3", SCRIPT], ["PYTHONPATH=/tmp"], False),
        (["python3", SCRIPT], ["LD_PRELOAD=/tmp/evil.so"], False),
        (["python3", SCRIPT], ["OPENSSL_CONF=/tmp/evil.cnf"], False),
        (["python3", SCRIPT], ["PYTHONPYCACHEPREFIX=/tmp"], False),
    ],
)
def test_who_runs_it(arguments, environment, expected):
    """Only the script counts, and only if no variable leads to other code than this process has."""
    assert expected is OWN.is_started_by(arguments, environment)


@pytest.fixture
def found():
    """Look the own program up anew, before and after the test."""
    own_program.cache_clear()
    yield own_program
    own_program.cache_clear()


def test_it_is_found(found, monkeypatch):
    """It has the script of this installation, and a link to it that the process was started by."""
    monkeypatch.setattr(module, "distrust", lambda place, **_: None)

    own = found()

    assert str(Path(sysconfig.get_path("scripts"), "falcohost")) in own.scripts
    assert Path(own.interpreter).stat().st_ino == own.inode


def test_what_others_may_change_is_none(found, monkeypatch):
    """If one of its places could be changed by other users, nobody counts as falcohost."""
    monkeypatch.setattr(module, "distrust", lambda place, **_: "chmod" if str(place).endswith("falcohost") else None)

    assert found() is None
