"""What a source may say: the one place where a decoded message is checked before it is stored."""

from __future__ import annotations

from falcohost.host.data import Alerts


def check(source: str, message: Alerts) -> None:
    """Check a message of *source*, which is known by its socket.

    :raises ValueError: the source may not say so; its worker is to be ended.
    """
    for alert in message.alerts:
        if alert.source != source:
            raise ValueError(f"an alert of the source '{alert.source}'")
