"""Alerts: the result of a rule that matched an event. The engine makes them, subscribers and outputs receive them."""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from falcohost.subject import Subject


class Priority(enum.IntEnum):
    """Falco's severities. Lower is more severe; the numbers are syslog's."""

    EMERGENCY = 0
    ALERT = 1
    CRITICAL = 2
    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFORMATIONAL = 6
    DEBUG = 7

    @property
    def label(self) -> str:
        """Return the name as it stands in alerts: ``Warning``."""
        return _LABELS[self]

    @property
    def short(self) -> str:
        """Return the name as it stands in the end-of-run summary: ``WARNING``, ``INFO``."""
        return "INFO" if self is Priority.INFORMATIONAL else self.name


_LABELS = tuple(priority.name.capitalize() for priority in Priority)

#: What stands between the time and the message in an alert's line of text.
BEFORE_MESSAGE = {priority: f": {priority.label} " for priority in Priority}


class RuleMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Facts about the rule beyond its name, priority, source and tags.

    :ivar description: the rule's ``desc``, cut at :data:`MOST_TEXT` characters.
    :ivar file: path of the rules file that defines it, as it was configured.
    :ivar exceptions: the names of its exceptions; at most :data:`MOST_EXCEPTIONS`.
    """

    description: str = ""
    file: str = ""
    exceptions: tuple[str, ...] = ()


#: What an alert without a rule has.
NO_METADATA = RuleMetadata()

#: Most names of exceptions, and most characters of a text, in a rule's metadata.
MOST_EXCEPTIONS = 32
MOST_TEXT = 1024


class Alert(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True, weakref=True):
    """One alert. Outputs remember in its ``__dict__`` what they have made of it: a copy begins without that.

    :ivar id: stable: the same event and the same rule always give the same id.
    :ivar rule: name of the rule.
    :ivar priority: priority of the rule.
    :ivar source: name of the event source, or of the subscriber that raised it.
    :ivar time: nanoseconds since the epoch, UTC.
    :ivar message: the rule's output with its fields filled in, without time and priority.
    :ivar output: the whole text line: ``time: Priority message``.
    :ivar fields: the output fields with their JSON values (an absent one is None).
    :ivar tags: tags of the rule.
    :ivar hostname: name of the host.
    :ivar count: number of matches that this alert stands for; it shows the first of them.
    :ivar subjects: who or what the alert is about, as far as the source knows; at most 16.
    :ivar metadata: further facts about the rule.
    :ivar depth: number of subscribers in the chain that led to it: 0 for a rule's alert, 1 for an alert that a
        subscriber raised about such alerts.
    :ivar read: the values that the rule's condition read and the output does not show, as a MessagePack map by fields'
        names; about 12 KiB at most. Not delivered unless ``falcohost.json_include_condition_fields`` says so.
    """

    id: str
    rule: str
    priority: Priority
    source: str
    time: int
    message: str
    output: str
    fields: dict[str, object]
    tags: tuple[str, ...] = ()
    hostname: str = ""
    count: int = 1
    subjects: tuple[Subject, ...] = ()
    metadata: RuleMetadata = NO_METADATA
    depth: int = 0
    read: bytes = b""


class ShownAlert(msgspec.Struct, omit_defaults=True, gc=False):
    """What most lines of JSON show of a :class:`ShortAlert`."""

    id: str
    rule: str
    priority: Priority
    source: str
    time: int
    message: str
    output: str
    fields: dict[str, object]
    tags: tuple[str, ...] = ()
    hostname: str = ""


class ShortAlert(ShownAlert, omit_defaults=True, gc=False):
    """An alert without what is known elsewhere: *output* is what stands before the message in its line of text.

    It has the names of :class:`Alert`, in the same order, except for *metadata*, which all alerts of a rule share.
    """

    count: int = 1
    subjects: tuple[Subject, ...] = ()
    depth: int = 0
    read: bytes = b""


class AlertFormat(Protocol):
    """Formats alerts as configured."""

    @property
    def json(self) -> bool:
        """Return whether lines are JSON, not text (``json_output``)."""

    def line(self, alert: Alert) -> bytes:
        """Return *alert* as a line, in UTF-8, without its end."""
