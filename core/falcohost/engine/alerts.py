"""Makes alerts from rules and events, and encodes them as Falco does, as a line of text or JSON."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Set
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from falcohost.alert import BEFORE_MESSAGE, MOST_EXCEPTIONS, MOST_TEXT, Alert, Priority, RuleMetadata, ShortAlert
from falcohost.clock import SYSTEM, Clock
from falcohost.digest import blake2b
from falcohost.engine.condition_values import ConditionValues, kept_values
from falcohost.engine.per_rule import PerRule
from falcohost.engine.render import json_value, text_of
from falcohost.engine.texts import escaped_json, printable, text_bytes, valid
from falcohost.engine.times import SECOND, iso8601, local_second, local_time, rfc3339
from falcohost.events import complete_for, facts_of_event
from falcohost.subject import MOST_SUBJECTS, ProcessSubject, Subject

if TYPE_CHECKING:
    from falcohost.engine.ruleset import Rule
    from falcohost.events import Event
    from falcohost.subscriber import NewAlert

#: The source of alerts that falcohost makes about itself.
INTERNAL = "internal"

#: Most characters of the kind of a subject.
MOST_KIND = 128


#: The latest time of an alert.
MOST_TIME = (1 << 63) - 1


class JsonOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of an alert in JSON, as the ``json_include_*`` keys of the configuration choose them.

    :ivar with_id: ``id``, which Falco does not have.
    :ivar subjects: ``subjects`` and ``metadata``, which Falco does not have.
    :ivar condition_fields: ``condition_fields``, the values that only the condition read; Falco has none.
    """

    output: bool = True
    message: bool = False
    output_fields: bool = True
    tags: bool = True
    with_id: bool = False
    subjects: bool = False
    condition_fields: bool = False


class AlertMaker:
    """Makes the alerts of one host.

    :param iso8601: write times in text as ISO 8601 in UTC (``time_format_iso_8601``) instead of local time.
    :param off: the rules of falcohost's alerts about itself that are not raised.
    :ivar off: the same.
    :ivar hostname: the name of the host, as it stands in alerts.
    """

    def __init__(
        self, hostname: str, *, iso8601: bool = False, clock: Clock = SYSTEM, off: Set[str] = frozenset()
    ) -> None:
        self.off = off
        self.hostname = valid(hostname)
        self._iso8601 = iso8601
        self._rules = PerRule(functools.partial(_Rule, clock=clock))

    def make(self, rule: Rule, event: Event) -> Alert:
        """Return the alert that *rule* raises about *event*; decodes of *event* what the output reads."""
        short, metadata = self.short(rule, event)
        return Alert(
            id=short.id,
            rule=short.rule,
            priority=short.priority,
            source=short.source,
            time=short.time,
            message=short.message,
            output=f"{short.output}{short.message}",
            fields=short.fields,
            tags=short.tags,
            hostname=short.hostname,
            subjects=short.subjects,
            metadata=metadata,
            read=short.read,
        )

    def short(self, rule: Rule, event: Event) -> tuple[ShortAlert, RuleMetadata]:
        """Return the same without what is known elsewhere, and the metadata of *rule*."""
        known = self._rules.get(id(rule)) or self._rules.add(rule)
        complete_for(event, known.fields)
        message, fields = known.filled(event)
        ts, key, own_time, subjects = facts_of_event(event)
        if not -MOST_TIME <= ts <= MOST_TIME:
            ts = within(ts)
        seconds, nanoseconds = divmod(ts, SECOND)
        if self._iso8601:
            fields["evt.time.iso8601"] = ts
            before = f"{iso8601(ts)}{known.before}"
        else:
            fields["evt.time"] = ts
            before = f"{local_second(seconds)}.{nanoseconds:09}{known.before}"
        ident = _hashed(f"{known.begin}{key}{known.end}")
        if own_time is not None:
            ident = f"{(seconds if own_time == ts else own_time // SECOND) & 0xFFFFFFFF:08x}{ident}"
        return (
            ShortAlert(
                ident, known.name, known.priority, known.source, ts, message, before, fields, known.tags,
                self.hostname, 1, all_bounded(subjects), 0, known.values(event),
            ),
            known.metadata,
        )  # fmt: skip

    def internal(self, rule: str, priority: Priority, message: str, fields: Mapping[str, object], time: int) -> Alert:
        """Return the alert *message* that falcohost raises about itself, at *time* in nanoseconds."""
        message = valid(message)
        values = {valid(name): json_value(fields[name]) for name in sorted(fields)}
        shown = " ".join(f"{name}={_encoder.encode(value).decode()}" for name, value in values.items())
        return Alert(
            id=alert_id(INTERNAL, str(time), rule),
            rule=rule,
            priority=priority,
            source=INTERNAL,
            time=time,
            message=message,
            output=f"{self._time(time)}: {priority.label} {printable(message)} ({printable(shown)})",
            fields=values,
            hostname=self.hostname,
        )

    def raised(self, subscriber: str, new: NewAlert, *, key: str, time: int, depth: int) -> Alert:
        """Return the alert *new* of a subscriber, at *time* in nanoseconds.

        :param key: identifies the alert among the subscriber's; the same when it is raised again.
        """
        message = text_of(new.message)
        return Alert(
            id=alert_id(subscriber, key, new.rule),
            rule=_text(new.rule),
            priority=new.priority,
            source=subscriber,
            time=time,
            message=message,
            output=f"{self._time(time)}{BEFORE_MESSAGE[new.priority]}{message}",
            fields={valid(name): json_value(value) for name, value in new.fields.items()},
            tags=tuple(map(_text, new.tags)),
            hostname=self.hostname,
            subjects=tuple(map(bounded, new.subjects[:MOST_SUBJECTS])),
            metadata=_metadata(new.description, "", ()),
            depth=depth,
        )

    def _time(self, ts: int) -> str:
        return iso8601(ts) if self._iso8601 else local_time(ts)


class _Rule:
    """What all alerts of *rule* have in common; *begin* and *end* of what their ids are made of."""

    __slots__ = (
        "before",
        "begin",
        "end",
        "fields",
        "filled",
        "metadata",
        "name",
        "priority",
        "source",
        "tags",
        "values",
    )

    def __init__(self, rule: Rule, clock: Clock) -> None:
        self.values = ConditionValues(rule, clock).of
        self.fields = rule.output.fields
        self.filled = rule.output.filled
        self.name = rule.name
        self.source = rule.source
        self.priority = rule.priority
        self.tags = rule.tags
        self.metadata = metadata_of(rule)
        self.before = BEFORE_MESSAGE[rule.priority]
        self.begin, self.end = f"{rule.source}\0", f"\0{rule.name}"


def within(time: int) -> int:
    """Return *time* within the range that a database takes; a source may pass on any number."""
    return time if -MOST_TIME <= time <= MOST_TIME else MOST_TIME if time > 0 else -MOST_TIME


def alert_id(source: str, key: str, rule: str, time: int | None = None) -> str:
    """Return the id of an alert; it depends only on the arguments, so rereading an event gives the same id.

    With the *time* of its event, it begins with that, in seconds: ids of one time are neighbours in an index.
    """
    ident = _hashed("\0".join((source, key, rule)))
    return ident if time is None else f"{time // SECOND & 0xFFFFFFFF:08x}{ident}"


def _hashed(name: str) -> str:
    return blake2b(name.encode() if name.isascii() else text_bytes(name), digest_size=12).hexdigest()


def all_bounded(subjects: tuple[Subject, ...]) -> tuple[Subject, ...]:
    """Return *subjects*, each as :func:`bounded` returns it."""
    for subject in subjects:
        if isinstance(subject, ProcessSubject):
            continue
        kind, name = subject.kind, subject.name
        if not (kind.isascii() and name.isascii() and len(kind) <= MOST_KIND and len(name) <= MOST_TEXT):
            return tuple(map(bounded, subjects))
    return subjects  # as they are, which most are


def bounded(subject: Subject) -> Subject:
    """Return *subject* with kind and name that are valid Unicode and not too long, since both may come from events."""
    if isinstance(subject, ProcessSubject):
        return subject
    kind, name = subject.kind, subject.name
    if kind.isascii() and name.isascii() and len(kind) <= MOST_KIND and len(name) <= MOST_TEXT:
        return subject  # as most are
    kind, name = valid(kind[:MOST_KIND]), valid(name[:MOST_TEXT])
    return subject if (kind, name) == (subject.kind, subject.name) else type(subject)(kind, name)


def metadata_of(rule: Rule) -> RuleMetadata:
    """Return the metadata of *rule*."""
    return _metadata(rule.description, rule.file, rule.exceptions)


@functools.lru_cache(maxsize=1024)
def _metadata(description: str, file: str, exceptions: tuple[str, ...]) -> RuleMetadata:
    return RuleMetadata(
        description=_text(description),
        file=_text(file),
        exceptions=tuple(map(_text, exceptions[:MOST_EXCEPTIONS])),
    )


def _text(text: str) -> str:
    return valid(text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…")


class _Line(msgspec.Struct):
    """Falco's line of JSON: its keys in alphabetical order; those that are unset are left out."""

    condition_fields: dict[str, object] | msgspec.UnsetType
    hostname: str
    id: str | msgspec.UnsetType
    message: str | msgspec.UnsetType
    metadata: RuleMetadata | msgspec.UnsetType
    output: str | msgspec.UnsetType
    output_fields: dict[str, object] | msgspec.UnsetType
    priority: str
    rule: str
    source: str
    subjects: tuple[Subject, ...] | msgspec.UnsetType
    tags: list[str] | msgspec.UnsetType
    time: str


def encode_json(alert: Alert, options: JsonOptions) -> bytes:
    """Return *alert* as Falco's line of JSON, without the newline: keys in alphabetical order, no blanks."""
    internal = alert.source == INTERNAL
    line = _Line(
        condition_fields=(kept_values(alert.read) or UNSET) if options.condition_fields else UNSET,
        hostname=alert.hostname,
        id=alert.id if options.with_id else UNSET,
        message=alert.message if options.message and not internal else UNSET,
        metadata=alert.metadata if options.subjects else UNSET,
        output=valid(alert.message) if internal else alert.output if options.output else UNSET,
        # Receivers refuse alerts without any fields, as those of subscribers may be.
        output_fields=alert.fields or {"evt.time": alert.time} if options.output_fields or internal else UNSET,
        priority=alert.priority.label,
        rule=valid(alert.rule),
        source=alert.source,
        subjects=alert.subjects if options.subjects else UNSET,
        tags=_sorted(alert.tags) if options.tags and not internal else UNSET,
        time=rfc3339(alert.time),
    )
    return escaped_json(_encoder.encode(line))


@functools.lru_cache(maxsize=1024)
def _sorted(tags: tuple[str, ...]) -> list[str]:
    return [valid(tag) for tag in sorted(tags)]


_encoder = msgspec.json.Encoder(order="deterministic")
