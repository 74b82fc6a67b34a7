"""The shipped rules offline: what the probe has seen of real programs passes, and decides as many checks as it did."""

from __future__ import annotations

from pathlib import Path

import yaml

from falcohost.ruletests.reader import read_cases
from falcohost.testing import RuleTestsContract
from falcohost_containers import plugin as containers
from falcohost_syscall import plugin

HERE = Path(__file__).resolve().parent
#: Their tests are real containers, in test_container_rules.py.
IN_CONTAINERS = HERE.parent / "falcohost_syscall/rules/falcohost_run_containers_rules.yaml"


class TestRules(RuleTestsContract):
    """The tests in the folder rule_tests, which record_rule_tests.py writes and ``falcohost rules test`` runs too."""

    plugin = plugin
    tests = HERE / "rule_tests"
    rules = (HERE / "agent_outputs.yaml",)
    beside = (containers,)
    least = 90

    def test_every_rule_has_an_exemplar_and_a_benign_twin(self):
        """Each rule but those about containers is expected by a test, and another one says that it must not fire."""
        files = [path for path in plugin.falcohost_rules() if path != IN_CONTAINERS]
        names = {item["rule"] for path in files for item in yaml.safe_load(path.read_text()) if "rule" in item}
        cases = [case for path in sorted(self.tests.glob("*_test.yaml")) for case in read_cases(str(path)).cases]

        assert set() == names - {one.rule for case in cases for one in case.expected}
        assert set() == names - {name for case in cases for name in case.never}
