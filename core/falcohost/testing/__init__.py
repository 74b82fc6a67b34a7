"""Helps test plugins: contract classes to subclass, and skips that can be turned into failures.

It needs pytest, and only tests import it. A subclass whose name begins with ``Test`` and that names its plugin is a
complete test module; pytest finds the inherited tests.
"""

import pytest

# Lets a failed assert in a contract show its values, as in a test module. It has to come before the imports.
pytest.register_assert_rewrite(
    *(f"falcohost.testing.{name}" for name in ("lookups", "outputs", "plugins", "rule_tests", "sources", "subscribers"))
)

from falcohost.testing.firing import rules_fired  # noqa: E402
from falcohost.testing.lookups import LookupContract  # noqa: E402
from falcohost.testing.outputs import OutputContract, alert  # noqa: E402
from falcohost.testing.plugins import PluginContract  # noqa: E402
from falcohost.testing.projection import projection_problems  # noqa: E402
from falcohost.testing.rule_tests import RuleTestsContract  # noqa: E402
from falcohost.testing.server import HttpServer, Reply, Request  # noqa: E402
from falcohost.testing.skips import skip_or_fail  # noqa: E402
from falcohost.testing.sources import SourceContract  # noqa: E402
from falcohost.testing.subscribers import SubscriberContract  # noqa: E402

__all__ = [
    "HttpServer",
    "LookupContract",
    "OutputContract",
    "PluginContract",
    "Reply",
    "Request",
    "RuleTestsContract",
    "SourceContract",
    "SubscriberContract",
    "alert",
    "projection_problems",
    "rules_fired",
    "skip_or_fail",
]
