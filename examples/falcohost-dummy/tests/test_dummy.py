"""The contracts that falcohost has for plugins, held against this one. Nothing more is needed for most plugins."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from falcohost.testing import OutputContract, PluginContract, SourceContract, rules_fired
from falcohost_dummy import count, plugin


class TestPlugin(PluginContract):
    """Its hooks, fields and rules are sound."""

    plugin = plugin


class TestCounter(SourceContract):
    """Its source keeps the contract."""

    plugin = plugin
    source = "dummy"

    @pytest.fixture
    def config(self):
        """Count further than two batches."""
        return {"count": 25}


class TestMarkedFile(OutputContract):
    """Its output keeps the contract."""

    plugin = plugin
    output = "dummy"

    @pytest.fixture
    def config(self, tmp_path):
        """Write into the test's own folder."""
        return {"enabled": True, "filename": str(tmp_path / "alerts.txt")}

    def received(self, config):
        """Read what was written."""
        return Path(config["filename"]).read_text()


@pytest.mark.parametrize(("condition", "fires"), [("dummy.type = tick", True), ("dummy.type != tick", False)])
def test_rules_can_use_the_type_of_events(tmp_path, condition, fires):
    """The rule fires on each number, or on none."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(f"- {{rule: R, desc: D., source: dummy, condition: {condition}, output: o, priority: INFO}}\n")

    assert [["R"] if fires else []] * 3 == rules_fired(plugin, "dummy", [rules], {"count": 3})


def test_the_rule_fires():
    """It fires on the even numbers above seven."""
    (rules,) = plugin.falcohost_rules()
    fired = rules_fired(plugin, "dummy", [rules], {"count": 10})

    assert [[]] * 7 + [["Large even number"], [], ["Large even number"]] == fired


def test_counts_by_the_step():
    """The source counts by the step that the configuration says, and the command prints what it counts."""
    command = count.command({"count": 10, "dummy": {"step": 3}})

    assert CliRunner().invoke(command).output.split() == ["3", "6", "9"]
    assert CliRunner().invoke(command, ["--from", "6"]).output.split() == ["9"]
