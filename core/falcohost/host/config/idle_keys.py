"""Falco's keys that are accepted but ignored in this version, so that one file works for both programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from falcohost.specs import ConfigKey


def _idle(section: str, reason: str, **defaults: bool | int | str) -> Iterator[ConfigKey]:
    """Yield keys of Falco's section *section* with Falco's *defaults*, which are ignored for a *reason*."""
    for name, value in defaults.items():
        key = f"{section}.{name}" if section else name
        yield ConfigKey(key=key, type=type(value), default=value, effect=False, help=reason)


#: Keys of features that this version does not have. Enabled outputs get a warning; a message
#: for each other key or section that is set says why it has no effect.
IDLE: Final = (
    *_idle("http_output", "alerts wait in the store until the receiver answers", max_consecutive_timeouts=5),
    *_idle("outputs_queue", "alerts wait in the store, and `falcohost.alerts` limits how many", capacity=0),
    *_idle("", "plugins look at the host themselves", plugins_hostinfo=True),
    *_idle(
        "libs_logger",
        "falcohost does not use Falco's libraries; `log_level` selects its own messages",
        enabled=True,
        severity="info",
    ),
)
