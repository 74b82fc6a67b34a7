"""What a worker gets to record captures, as plain data."""

from __future__ import annotations

from msgspec import Struct


class CaptureData(Struct, frozen=True):
    """How a worker records.

    :ivar every_rule: all rules begin a capture, not only those that ask for it.
    :ivar duration: milliseconds after an alert, where its rule says nothing else.
    :ivar seconds: how much of the time before an alert is kept; 0: none. *memory*: most bytes of that.
    :ivar rules: what is collected besides what rules want, and what is kept before alerts, as encoded rules of which
        the first is for the former.
    """

    every_rule: bool
    duration: int
    seconds: float
    memory: int
    rules: bytes
