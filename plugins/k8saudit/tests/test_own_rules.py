"""The rules that the plugin ships: each fires on its events and on none of the close ones beside them."""

from pathlib import Path

from falcohost.testing import RuleTestsContract
from falcohost_k8saudit import plugin


class TestRules(RuleTestsContract):
    """The tests in the folder rule_tests, which ``falcohost rules test`` runs too."""

    plugin = plugin
    tests = Path(__file__).parent / "rule_tests"
    least = 100
