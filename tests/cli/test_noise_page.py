"""The examples of docs/noise.md do what the page says, with the rules that are shipped."""

import re
import shlex

import pytest
import yaml
from msgspec.structs import replace

from falcohost.cli.flags import Flags
from falcohost.cli.rules_files import load_configured
from falcohost.host.config import load_config
from falcohost.host.rate_checks import idle_limits
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.cli import run_cli
from falcohost.testing.outputs import alert

CONFIG = "engine: {kind: nodriver}\nstdout_output: {enabled: true}\n"


@pytest.fixture(scope="module")
def page(root):
    """Return the page."""
    return (root / "docs" / "noise.md").read_text()


def blocks(page, language):
    """Return the code blocks of *language*."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_commands(page, tmp_path):
    """Each command works, one after the other."""
    (tmp_path / "falco.yaml").write_text(CONFIG)
    fields = {"proc.name": "backup", "proc.pname": "cron"}
    name = re.search(r"verdict (\w{24}) ", page)[1]
    one = replace(alert("x"), id=name, rule="Password hashes read", source="syscall", fields=fields)
    store = Store(tmp_path / "state.db", Limits())
    store.append([Arrival("syscall", [one])])
    store.close()
    commands = [line for block in blocks(page, "sh") for line in block.splitlines()]

    assert len(commands) > 6
    for line in commands:
        program, *arguments = shlex.split(line)
        environment = {"FALCOHOST_STATE_DIR": str(tmp_path), "PATH": "/usr/bin:/bin"}
        done = run_cli("-c", str(tmp_path / "falco.yaml"), *arguments, folder=tmp_path, environment=environment)
        assert ("falcohost", 0, "") == (program, done.returncode, done.stderr), line
    written = yaml.safe_load((tmp_path / "tuned_rules.yaml").read_text())
    assert written == yaml.safe_load(blocks(page, "yaml")[0])


def test_limits(page, tmp_path):
    """The limits are valid, and have an effect on the rules that they name."""
    path = tmp_path / "falco.yaml"
    path.write_text(CONFIG + blocks(page, "yaml")[1])
    limits = load_config(str(path)).state.limits.rates

    assert 2 == len(limits)
    loaded = load_configured(Flags(config=str(path)))
    assert [] == list(idle_limits(limits, loaded.outcome.ruleset))
