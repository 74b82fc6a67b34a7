"""The keys that switch falcohost's alerts about itself off, from the table of these alerts."""

from __future__ import annotations

from typing import Final

from falcohost.host.internal_alerts import ALERTS
from falcohost.specs import ConfigKey

INTERNAL: Final = (
    ConfigKey(
        key="falcohost.heartbeat",
        type=float,
        default=0.0,
        help="seconds between two alerts `Falcohost internal: heartbeat`, from 1 to 86400; 0: there are none",
    ),
    *(
        ConfigKey(
            key=alert.key, type=bool, default=alert.default, help=f"raises the alert `{alert.rule}`: {alert.when}"
        )
        for alert in ALERTS
        if not alert.other_key
    ),
)
