"""Reads Falco's block ``capture``, and what falcohost adds to it."""

from __future__ import annotations

import os
from typing import Final

from msgspec import Struct

from falcohost.host.config.reader import Reader

#: The longest time before an alert, in seconds.
LONGEST_BEFORE: Final = 300.0
#: The value of a filter that no event passes.
NONE: Final = "none"


class CaptureConfig(Struct, frozen=True):
    """What is recorded after alerts.

    :ivar prefix: how the absolute paths of the files begin.
    :ivar every_rule: all rules begin a capture, not only those that ask for it.
    :ivar duration: milliseconds after an alert, where its rule says nothing else.
    :ivar file_size: most bytes of a file; 0: no limit of its own.
    :ivar filter: the condition of the events that are collected for it; empty: that of the source, *NONE*: none are.
    :ivar files: most files; *total*: most bytes of all of them; *free*: bytes that stay free on the disk.
    :ivar seconds: how much of the time before an alert is kept; 0: none.
    :ivar before: the condition of the events that are kept for that; empty: *filter*.
    :ivar memory: most bytes of these events.
    """

    enabled: bool = False
    prefix: str = ""
    every_rule: bool = False
    duration: int = 5000
    file_size: int = 0
    filter: str = ""
    files: int = 100
    total: int = 1 << 30
    free: int = 1 << 29
    seconds: float = 0.0
    before: str = ""
    memory: int = 1 << 24


def read_capture(reader: Reader) -> CaptureConfig:
    """Return what is recorded.

    :raises ConfigError: a value makes no sense.
    """
    falcos, ours = reader.section("capture"), reader.section("falcohost").section("capture")
    before = ours.section("before")
    mode = falcos.choice("mode", "capture.mode '{}' is not a valid mode; use rules or all_rules")
    prefix, seconds = falcos.text("path_prefix"), before.number("seconds")
    if not 0 <= seconds <= LONGEST_BEFORE:
        raise before.error("seconds", f"has to be 0 to {LONGEST_BEFORE:.0f}, not {seconds:g}")
    if prefix.endswith("/") or "\0" in prefix:
        raise falcos.error("path_prefix", "has to end with the begin of a file name, such as /var/captures/falco")
    return CaptureConfig(
        enabled=falcos.boolean("enabled"),
        prefix=os.path.abspath(prefix),  # noqa: PTH100 # without following links
        every_rule=mode == "all_rules",
        duration=falcos.integer("default_duration", at_least=1),
        file_size=falcos.integer("max_file_size_mb") << 20,
        filter=ours.text("filter"),
        files=ours.integer("max_files", at_least=1),
        total=ours.integer("max_total_mb", at_least=1) << 20,
        free=ours.integer("min_free_mb") << 20,
        seconds=seconds,
        before=before.text("filter"),
        memory=before.integer("memory_mb", at_least=1) << 20,
    )
