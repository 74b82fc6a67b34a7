"""Reads the events of a capture through the source of system calls, as ``falcohost run FILE.scap`` does, without rules.

Fields of lookups are not among those that can be used: lookups ask what runs on this host now.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from falcohost.alert import Priority
from falcohost.cli.conditions import checked
from falcohost.engine.catalog import Catalog, TypeCheckError
from falcohost.engine.code.module import compile_condition, compile_values
from falcohost.engine.event_fields import GENERIC_FIELDS
from falcohost.engine.evttypes import event_types
from falcohost.engine.ir import And, Expr, FieldRef
from falcohost.engine.plan import make_plan
from falcohost.engine.ruleset import Rule
from falcohost.engine.static_fields import static_fields
from falcohost.engine.template import Template
from falcohost.errors import ConfigError
from falcohost.events import Event, Source, complete
from falcohost.host.config import Config
from falcohost.host.loading import configured_plugins
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.lang.parser import parse_operand
from falcohost.lang.syntax import ConditionSyntaxError
from falcohost.lang.tree import FieldNode
from falcohost.stats import SourceStats

#: The condition that every event meets.
_EVERY = "evt.num > 0"
#: Commas between fields, not those in an argument.
_COMMAS = re.compile(r",(?![^\[]*\])")


class Inspection:
    """The events of a capture that match a filter.

    :param config: names the capture, as for a replay.
    :ivar catalog: the fields that events have.
    :ivar shown: number of events that matched so far.
    """

    def __init__(self, config: Config, *filters: tuple[str, str]) -> None:
        self._plugins = configured_plugins(config)
        own = self._plugins.fields(DEFAULT_SOURCE)
        self.catalog = Catalog(DEFAULT_SOURCE, (*GENERIC_FIELDS, *static_fields(self._plugins.static), *own))
        conditions = [checked(what, text, self.catalog) for what, text in (*filters, ("", _EVERY))]
        self._condition: Expr = conditions[0] if len(conditions) == 1 else And(tuple(conditions))
        self._source: Source | None = None
        self.shown = 0

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

        :raises ConditionSyntaxError: it is no field.
        :raises TypeCheckError: events do not have it.
        """
        node = parse_operand(name)
        if not isinstance(node, FieldNode):
            raise TypeCheckError(f"expected a field, not {name}")
        return self.catalog.resolve(node.name, node.arg)

    def getters(self, names: Sequence[str]) -> list[Callable[[Any], Any]]:
        """Return for each of these fields the function from an event to its value."""
        return compile_values([self.ref(name) for name in names])

    def open(self, output: Template) -> None:
        """Open the capture for events of which the fields of *output* are read.

        :raises SourceError: it is no capture.
        """
        spec = self._plugins.sources()[DEFAULT_SOURCE]
        rule = Rule(
            name="inspect",
            source=DEFAULT_SOURCE,
            priority=Priority.DEBUG,
            tags=(),
            description="",
            condition=self._condition,
            output=output,
            event_types=event_types(self._condition, spec.event_types),
        )
        settings: Mapping[str, Any] = self._plugins.owner(DEFAULT_SOURCE).settings
        self._source = spec.make(settings)
        self._source.open(make_plan(DEFAULT_SOURCE, (rule,)), None)

    def events(self) -> Iterator[Event]:
        """Yield the events that match; each is to be read before the next, since processes and descriptors go on."""
        if self._source is None:
            return
        matches = compile_condition(self._condition)
        with contextlib.closing(self._source):
            for batch in self._source.batches():
                for event in batch.events:
                    if matches(event):
                        complete(event)
                        self.shown += 1
                        yield event

    def of_fields(self, names: Sequence[str]) -> Template:
        """Return what reads these fields."""
        return Template.parse("-", self.catalog, extra_fields=names)

    def stats(self) -> SourceStats:
        """Return what has been read and left out."""
        return SourceStats() if self._source is None else self._source.stats()


@contextlib.contextmanager
def _told_of(option: str) -> Iterator[None]:
    """Say of what is wrong in an *option* what would mend it."""
    try:
        yield
    except (ConditionSyntaxError, TypeCheckError) as error:
        hint = getattr(error, "hint", None) or "'falcohost fields syscall' lists the fields"
        raise ConfigError(f"{option}: {error.message}; {hint}") from None
