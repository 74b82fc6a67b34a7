"""The shipped rules offline: what the probe has seen of real programs passes, and decides as many checks as it did."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from falcohost.lang.printer import to_text
from falcohost.ruletests.coverage import open_sides
from falcohost.ruletests.reader import read_cases
from falcohost.testing import RuleTestsContract
from falcohost.testing.rule_tests import _loaded
from falcohost_containers import plugin as containers
from falcohost_syscall import plugin

HERE = Path(__file__).resolve().parent
#: Their tests are real containers, in test_container_rules.py.
IN_CONTAINERS = HERE.parent / "falcohost_syscall/rules/falcohost_run_containers_rules.yaml"
UNDECIDED = HERE / "undecided.yaml"

#: Most characters of a check in undecided.yaml.
LONG = 70


def _cut(text):
    return text if len(text) <= LONG else f"{text[:LONG]}…"


class TestRules(RuleTestsContract):
    """The tests in the folder rule_tests, which record_rule_tests.py writes and ``falcohost rules test`` runs too."""

    plugin = plugin
    tests = HERE / "rule_tests"
    rules = (HERE / "agent_outputs.yaml",)
    beside = (containers,)
    least = 100

    def test_what_is_not_decided_is_known(self):
        """Each answer of a check that no test has decide is in undecided.yaml, with a reason; nothing else is there."""
        listed = yaml.safe_load(UNDECIDED.read_text())
        expected = [(rule, text) for one in listed for rule, texts in one["of"].items() for text in texts]

        probes = self._probes()
        never = {name: {(node.number, answer) for node, answer in probes.never(name)} for name in probes.conditions}
        found = [
            (name, f"{_cut(to_text(node.part.node))} is {str(answer).lower()}")
            for name in probes.conditions
            for node, answer in open_sides(name, probes.conditions, probes.coverage)
            if (node.number, answer) not in never[name]
        ]
        assert sorted(expected) == sorted(found)

    def test_reasons_name_tests_that_are_there(self):
        """A test file that a reason names is one of this folder."""
        named = {
            name
            for one in yaml.safe_load(UNDECIDED.read_text())
            for name in re.findall(r"test_\w+(?:\.\w+)?", one["why"])
        }
        assert set() == named - {path.name for path in HERE.rglob("test_*.py")}

    def test_no_proof_is_wrong(self):
        """No answer that a recorded event has decide is proved impossible."""
        probes = self._probes()
        possible = probes.possible(plugin.SOURCE)
        open_ones = {
            (name, node.number, answer)
            for name in probes.conditions
            for node, answer in open_sides(name, probes.conditions, probes.coverage)
        }
        wrong = [
            (name, to_text(node.part.node), answer)
            for name, condition in probes.conditions.items()
            for node in condition.checks
            for answer in (True, False)
            if (name, node.number, answer) not in open_ones and not possible.decides(condition, node, answer=answer)
        ]
        assert [] == wrong

    def test_every_type_that_a_rule_names_may_fire_it(self):
        """No rule asks of a type what no such event has, such as a result that Falco does not know."""
        probes = self._probes()
        possible = probes.possible(plugin.SOURCE)
        rules = _loaded(plugin, (), (containers,)).outcome.ruleset.rules
        dead = {
            (rule.name, kind)
            for rule in rules
            for kind in rule.event_types or ()
            if not possible.fires(probes.conditions[rule.name], kind)
        }
        # creat(2) opens nothing for reading; rules about reading share a macro with those about writing.
        assert set() == {(name, kind) for name, kind in dead if kind != "creat"}

    def test_every_rule_has_an_exemplar_and_a_benign_twin(self):
        """Each rule but those about containers is expected by a test, and another one says that it must not fire."""
        files = [path for path in plugin.falcohost_rules() if path != IN_CONTAINERS]
        names = {item["rule"] for path in files for item in yaml.safe_load(path.read_text()) if "rule" in item}
        cases = [case for path in sorted(self.tests.glob("*_test.yaml")) for case in read_cases(str(path)).cases]

        assert set() == names - {one.rule for case in cases for one in case.expected}
        assert set() == names - {name for case in cases for name in case.never}
