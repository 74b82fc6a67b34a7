"""The keys of Falco's block ``capture``, and what falcohost adds to it."""

from __future__ import annotations

from typing import Final

from falcohost.specs import ConfigKey

CAPTURE: Final = (
    ConfigKey(
        key="capture.enabled",
        type=bool,
        default=False,
        help="records what happens after alerts in captures ([captures](captures.md#captures-of-alerts))",
    ),
    ConfigKey(
        key="capture.mode",
        type=str,
        default="rules",
        choices=("rules", "all_rules"),
        help="`rules`: rules with `capture: true` begin a capture, `all_rules`: all rules do",
    ),
    ConfigKey(
        key="capture.path_prefix",
        type=str,
        default="/tmp/falco",
        help="how the paths of captures begin; `_TIME_NUMBER.scap` of the event follows",
    ),
    ConfigKey(
        key="capture.default_duration",
        type=int,
        default=5000,
        help="milliseconds that a capture lasts after an alert, for rules without `capture_duration`",
    ),
    ConfigKey(
        key="capture.max_file_size_mb",
        type=int,
        default=0,
        help="MiB after which a capture ends; 0: only `falcohost.capture.max_total_mb` ends it",
    ),
    ConfigKey(
        key="falcohost.capture.filter",
        type=str,
        shown_default="starts and ends of processes, connections, and changes of files and users",
        help="condition: the events that are collected for captures besides those that rules want; "
        "`none`: no others are",
    ),
    ConfigKey(
        key="falcohost.capture.max_files",
        type=int,
        default=100,
        help="captures below `capture.path_prefix`, after which no new one is begun; none is removed",
    ),
    ConfigKey(
        key="falcohost.capture.max_total_mb",
        type=int,
        default=1024,
        help="MiB of all captures below `capture.path_prefix`, after which no more is written",
    ),
    ConfigKey(
        key="falcohost.capture.min_free_mb",
        type=int,
        default=512,
        help="MiB that stay free on the disk: with less, no capture is begun, and a running one ends",
    ),
    ConfigKey(
        key="falcohost.capture.before.seconds",
        type=float,
        default=0.0,
        help="seconds before the alert with which a capture begins, at most 300; 0: it begins with the alert's event. "
        "What this costs is in [captures](captures.md#the-seconds-before-an-alert)",
    ),
    ConfigKey(
        key="falcohost.capture.before.filter",
        type=str,
        shown_default="that of `falcohost.capture.filter`",
        help="condition: the events that are kept in memory for that; they are collected even if no rule wants them",
    ),
    ConfigKey(
        key="falcohost.capture.before.memory_mb",
        type=int,
        default=16,
        help="MiB of memory for these events; with more of them, the seconds are fewer",
    ),
)
