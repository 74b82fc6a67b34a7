"""What a plugin's own tests are made with: contract classes to subclass, and skips that can be made failures.

Needs pytest, and is imported by tests only. A subclass whose name begins with ``Test`` and that says what plugin it is
about is a whole test module; pytest finds the inherited tests.
"""

import pytest

# So that a failed assert in a contract shows its values, as one in a test module does. Has to come before the imports.
pytest.register_assert_rewrite(
    *(f"falcohost.testing.{name}" for name in ("lookups", "outputs", "plugins", "sources", "subscribers"))
)

from falcohost.testing.firing import rules_fired  # noqa: E402
from falcohost.testing.lookups import LookupContract  # noqa: E402
from falcohost.testing.outputs import OutputContract, alert  # noqa: E402
from falcohost.testing.plugins import PluginContract  # noqa: E402
from falcohost.testing.projection import projection_problems  # noqa: E402
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
    "SourceContract",
    "SubscriberContract",
    "alert",
    "projection_problems",
    "rules_fired",
    "skip_or_fail",
]
