"""The table of falcohost's alerts about itself has all of them, and each can be switched off."""

import ast
from pathlib import Path

import pytest

import falcohost
from falcohost.errors import ConfigError
from falcohost.host.config import load_config
from falcohost.host.internal_alerts import ALERTS, FALCOS, OURS

CORE = Path(falcohost.__file__).parent


def raised():
    """Yield the names of rules that stand in the code."""
    for path in CORE.rglob("*.py"):
        if path.name != "internal_alerts.py" and "testing" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    value = node.value
                    if value.startswith((OURS, FALCOS)) and value not in (OURS, FALCOS) and len(value) < 80:
                        yield value


def test_the_table_has_all_that_are_raised():
    """Each name that stands in the code is in the table; the one that a source's policy makes is, too."""
    named = {one.rule for one in ALERTS}

    assert {*raised()} | {"Falco internal: syscall event drop"} == named
    assert len(named) == len(ALERTS)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a file with *text*."""

    def read(text):
        (tmp_path / "falco.yaml").write_text(text)
        return load_config(str(tmp_path / "falco.yaml")).internal

    return read


def test_without_configuration(read):
    """Only those that are off by default are off."""
    assert (("Falcohost internal: agent started",), 0) == (read("json_output: true\n").off, read("a: b\n").heartbeat)


@pytest.mark.parametrize("alert", [one for one in ALERTS if not one.other_key], ids=lambda one: one.name)
def test_each_is_switched_by_its_key(read, alert):
    """Its key switches it off, and on."""
    below = alert.key.removeprefix("falcohost.internal.")

    assert alert.rule in read(f"falcohost: {{internal: {{{below}: false}}}}\n").off
    assert alert.rule not in read(f"falcohost: {{internal: {{{below}: true}}}}\n").off


@pytest.mark.parametrize("value", ["0.5", "-1", "1e9", "nan"])
def test_heartbeats_that_make_no_sense(read, value):
    """A period that makes no sense is an error that names the place."""
    with pytest.raises(ConfigError, match=r"falco.yaml:1:\d+: falcohost.heartbeat "):
        read(f"falcohost: {{heartbeat: {value}}}\n")
