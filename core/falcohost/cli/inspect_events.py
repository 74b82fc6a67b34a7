"""Reads the events of a capture, or of this host, through the source of system calls, without rules.

Fields of lookups are not among those that can be used: lookups ask what runs on this host now.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from falcohost.alert import Priority
from falcohost.cli.conditions import checked
from falcohost.cli.large_buffers import with_large_buffers
from falcohost.engine.beginnings import may_be_cut, opened
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.code.module import compile_condition, compile_values
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Expr, FieldRef, fields
from falcohost.engine.known import known
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.engine.static_fields import static_fields
from falcohost.engine.template import Template
from falcohost.engine.unknown import possible
from falcohost.errors import ConfigError, UnknownValueError
from falcohost.events import Batch, Event, Source, Viewed, complete
from falcohost.hookspecs import SourceSpec
from falcohost.host.config import Config
from falcohost.host.loading import configured_plugins
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.parser import parse_operand
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import FieldNode
from falcohost.recording import EndingSource
from falcohost.stats import SourceStats

#: The condition that every event meets.
_EVERY = "evt.num > 0"
#: Commas between fields, not those in an argument.
_COMMAS = re.compile(r",(?![^\[]*\])")


class Inspection:
    """The events of a capture, or of this host, that match a filter.

    :param config: names the capture, as for a replay, or the driver.
    :ivar catalog: the fields that events have.
    :ivar shown: number of events that matched so far.
    :ivar stopped: set it to end :meth:`events`; *seconds*: they end by themselves after so long.
    :ivar whole: these then have what happened before, which waits at the source; else only what was read by then.
    :ivar on_request: a filter that names no type gets all but these; None: the source chooses what it gets.
    """

    def __init__(self, config: Config, *filters: tuple[str, str]) -> None:
        self._plugins = configured_plugins(config)
        own = self._plugins.fields(DEFAULT_SOURCE)
        self.catalog = Catalog(DEFAULT_SOURCE, (*GENERIC_FIELDS, *static_fields(self._plugins.static), *own))
        conditions = [checked(what, text, self.catalog) for what, text in (*filters, ("", _EVERY))]
        self._condition: Expr = conditions[0] if len(conditions) == 1 else And(tuple(conditions))
        self._source: Source | None = None
        self.shown = 0
        self.stopped = False
        self.seconds: float | None = None
        self.whole = False
        self.on_request: frozenset[str] | None = None

    def template(self, text: str) -> Template:
        """Return the format *text*.

        :raises ConfigError: it has a field that events do not have.
        """
        with _told_of("--format"):
            return Template.parse(text, self.catalog)

    def columns(self, option: str, text: str) -> list[str]:
        """Return the fields in *text*, which commas separate.

        :raises ConfigError: events do not have one of them.
        """
        names = [name.strip().removeprefix("%") for name in _COMMAS.split(text)]
        with _told_of(option):
            for name in names:
                self.ref(name)
        return names

    def ref(self, name: str) -> FieldRef:
        """Return the field *name*, which may have an argument.

        :raises TypeCheckError: it is no field, or events do not have it.
        """
        try:
            node = parse_operand(name)
        except ConditionSyntaxError as error:
            raise TypeCheckError(f"expected a field such as proc.name, not {name!r}") from error
        if not isinstance(node, FieldNode):
            raise TypeCheckError(f"expected a field such as proc.name, not {name!r}")
        return self.catalog.resolve(node.name, node.arg)

    def getters(self, names: Sequence[str]) -> list[Callable[[Any], Any]]:
        """Return for each of these fields the function from an event to its value, or to what is known of it."""
        refs = [self.ref(name) for name in names]
        found, parts = compile_values(refs), compile_values([known(ref) for ref in refs])
        return [
            get if ref.field.known is None else _whole_or(get, part)
            for ref, get, part in zip(refs, found, parts, strict=True)
        ]

    @property
    def spec(self) -> SourceSpec:
        """The source of system calls."""
        return self._plugins.sources()[DEFAULT_SOURCE]

    @property
    def source(self) -> Source:
        """The source, which :meth:`open` opens."""
        if self._source is None:
            self._source = self.spec.make(with_large_buffers(self._plugins.owner(DEFAULT_SOURCE).settings))
        return self._source

    def open(self, output: Template) -> None:
        """Open the source for events of which the fields of *output* are read.

        :raises SourceError: it cannot be opened, for example because a file is no capture.
        """
        spec = self.spec
        rule = Rule(
            name="inspect",
            source=DEFAULT_SOURCE,
            priority=Priority.DEBUG,
            tags=(),
            description="",
            condition=self._condition,
            output=output,
            event_types=self._event_types(spec),
        )
        self.source.open(make_plan(DEFAULT_SOURCE, (rule,)), None)

    def _event_types(self, spec: SourceSpec) -> frozenset[str] | None:
        """Return the types of events that are asked for; None: those that are not frequent."""
        every = spec.event_types
        found = event_types(self._condition, every)
        if found is not None or every is None or self.on_request is None:
            return found
        return every - self.on_request

    def events(self) -> Iterator[Event]:
        """Yield the events that match; each is to be read before the next, since processes and descriptors go on."""
        for batch in self.batches():
            yield from batch

    def batches(self) -> Iterator[Iterator[Event]]:
        """Yield the events that match in batches, at least twice a second where they come from this host.

        Ends after the batch in which :attr:`stopped` was set, or :attr:`seconds` are over; if they are to be
        :attr:`whole`, after those that the source then still has.
        """
        matches, ends = self._matcher(), False
        end = math.inf if self.seconds is None else time.monotonic() + self.seconds
        with contextlib.closing(self.source) as source:
            for batch in source.batches():
                yield self._matching(batch, matches)
                if batch.stored is not None:  # what they were for is done
                    batch.stored()
                if not ends and (self.stopped or time.monotonic() >= end):
                    if not self.whole or not isinstance(source, EndingSource):
                        return
                    source.end()
                    ends = True

    def _matcher(self) -> Callable[[Any], object]:
        """Return the filter as a function; what the known part of a long value does not decide matches."""
        whole = compile_condition(self._condition)
        if not may_be_cut(fields(self._condition)):
            return whole
        return _whole_or(whole, compile_condition(possible(opened(self._condition))))

    def _matching(self, batch: Batch, matches: Callable[[Any], object]) -> Iterator[Event]:
        for event in batch.events:
            if matches(event):
                found: Event | None = event
            elif batch.views:
                found = next((view for view in cast(Viewed, event).alternatives if matches(view)), None)
            else:
                found = None
            if found is not None:
                if batch.matched is not None:
                    batch.matched(event)
                complete(found)
                self.shown += 1
                yield found
            if self.stopped and not self.whole:
                return

    def of_fields(self, names: Sequence[str]) -> Template:
        """Return what reads these fields."""
        return Template.parse("-", self.catalog, extra_fields=names)

    def stats(self) -> SourceStats:
        """Return what has been read and left out."""
        return SourceStats() if self._source is None else self._source.stats()


def _whole_or(whole: Callable[[Any], Any], part: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *whole*, and for events of which it asks what is not known *part*."""

    def get(event: Any) -> Any:
        try:
            return whole(event)
        except UnknownValueError:
            return part(event)

    return get


@contextlib.contextmanager
def _told_of(option: str) -> Iterator[None]:
    """Say of what is wrong in an *option* what would mend it."""
    try:
        yield
    except (ConditionSyntaxError, TypeCheckError) as error:
        hint = getattr(error, "hint", None) or "'falcohost fields syscall' lists the fields"
        raise ConfigError(f"{option}: {error.message}; {hint}") from None
