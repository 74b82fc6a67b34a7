"""Which rules fire in a test is what an agent with the same plugin and rules says."""

from types import SimpleNamespace

import pytest

from falcohost import Batch, RulesError, SourceSpec, SourceStats, hookimpl
from falcohost.testing import rules_fired

RULES = """
- required_plugin_versions: [{{name: {name}, version: {version}}}]
- rule: One
  desc: d
  condition: evt.num = 1
  output: o
  priority: INFO
  source: numbers
"""


class Numbers:
    """Counts to two."""

    def open(self, plan, cursor):
        """Do nothing."""

    def batches(self):
        """Yield the only batch."""
        yield Batch([SimpleNamespace(type="number", ts=n, num=n, key=str(n)) for n in (1, 2)], "2")

    def stats(self):
        """Return nothing."""
        return SourceStats()

    def close(self):
        """Do nothing."""


@pytest.fixture
def fired(tmp_path):
    """Return a function that returns what fires with rules that require a version of a plugin."""
    spec = SourceSpec(name="numbers", description="Numbers.", make=lambda settings: Numbers())
    plugin = SimpleNamespace(falcohost_sources=hookimpl(lambda settings: [spec]))

    def fired(name, version):
        (tmp_path / "rules.yaml").write_text(RULES.format(name=name, version=version))
        return rules_fired(plugin, "numbers", [tmp_path / "rules.yaml"], {})

    return fired


def test_what_every_agent_loads_is_there(fired):
    """Rules may require Falco's container plugin, as the public ones do: every agent has what stands for it."""
    assert [["One"], []] == fired("container", "0.4.0")


@pytest.mark.parametrize(("name", "version"), [("container", "9.0.0"), ("okta", "0.1.0")])
def test_what_no_agent_would_have_is_refused(fired, name, version):
    """A version that is not there, or a plugin that is loaded only where it is configured, is missing in a test too."""
    with pytest.raises(RulesError, match=f"lugin .*{name}"):
        fired(name, version)
