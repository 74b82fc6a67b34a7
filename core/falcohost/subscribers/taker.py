"""The interfaces of a runner: to the subscriber that takes alerts, and to the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from falcohost.alert import Alert
from falcohost.errors import OutputRefused
from falcohost.hookspecs import Output, PartwiseOutput
from falcohost.outputs.lines import ConfiguredFormat, LineOutput
from falcohost.store.arrival import Refusal, SubscriberPosition
from falcohost.subscribers.selection import EVERYTHING, Selection


class Taken(NamedTuple):
    """The result of a delivery: new alerts in order, and a new state (None: unchanged).

    :ivar refused: the indexes of delivered alerts that will never be accepted, and why.
    """

    alerts: Sequence[Alert] = ()
    state: bytes | None = None
    refused: Mapping[int, str] = MappingProxyType({})


NOTHING = Taken()

#: Told during a delivery that so many of its first alerts have been taken for good.
Arrived: TypeAlias = Callable[[int], None]


#: Returns alerts without secrets.
Redact: TypeAlias = Callable[[list[Alert]], list[Alert]]


def ignore(arrived: int) -> None:
    """Do nothing."""


class Taker(Protocol):
    """Receives alerts from a runner."""

    def take(self, mark: int, alerts: list[Alert], arrived: Arrived = ignore) -> Taken:
        """Take *alerts*, the next after number *mark*; any exception means that they were not taken.

        :param arrived: may be told of the first of them, which are taken even if there is an exception later.
        """

    def due(self) -> int | None:
        """Return when :meth:`tick` is to be called, in nanoseconds since the epoch; None: not at all."""

    def tick(self, mark: int, due: int, now: int) -> Taken:
        """Return the answer to the time *due*, after the alert number *mark*."""

    def recover(self) -> None:
        """Prepare to do the same again, after :meth:`take` or :meth:`tick` has raised."""

    def reopen(self) -> None:
        """Close and reopen files and connections."""

    def close(self) -> None:
        """Release everything."""


class RunnerStore(Protocol):
    """The part of a store that a runner uses."""

    kept: bool
    last: int

    def subscribe(self, name: str) -> SubscriberPosition:
        """Return the position of the subscriber *name*."""

    def read(self, after: int, most: int) -> list[tuple[int, Alert]]:
        """Return up to *most* alerts after number *after*, each with its number."""

    def answer(
        self,
        name: str,
        mark: int,
        alerts: Sequence[Alert] = (),
        state: bytes | None = None,
        refused: Sequence[Refusal] = (),
    ) -> None:
        """Store the answer of the subscriber *name* in one transaction, with the alerts that it has *refused*."""


@runtime_checkable
class LineStore(RunnerStore, Protocol):
    """A store that has alerts as lines, too."""

    def lines(self, after: int, most: int, form: ConfiguredFormat) -> list[tuple[int, bytes]]:
        """Return the alerts that :meth:`read` returns as lines, as *form* makes them, each with its number."""


class ToOutput:
    """Delivers those alerts to *output* that are in *selection*; it has no answer, and recovers by itself.

    :param redact: returns alerts as the output may have them.
    :ivar form: the form of the lines that :meth:`take_lines` takes instead of alerts; None: it takes none.
    """

    def __init__(self, output: Output, selection: Selection = EVERYTHING, redact: Redact | None = None) -> None:
        self._output = output
        self._redact = redact
        self._wants = None if selection == EVERYTHING else selection.wants
        self.reopen, self.close = output.reopen, output.close
        unchanged = self._wants is None and redact is None
        self.form = output.form if unchanged and isinstance(output, LineOutput) else None

    def take(self, mark: int, alerts: list[Alert], arrived: Arrived = ignore) -> Taken:
        """Deliver *alerts*; return once they are accepted, but for those that never will be."""
        places: Sequence[int] = range(len(alerts))
        if (wants := self._wants) is not None:
            places = [place for place, alert in enumerate(alerts) if wants(alert)]
        if not places:
            return NOTHING
        chosen = [alerts[place] for place in places]
        if self._redact is not None:
            chosen = self._redact(chosen)
        try:
            if isinstance(self._output, PartwiseOutput):
                for count in self._output.deliver_parts(chosen):
                    arrived(places[count] if count < len(places) else len(alerts))
            else:
                self._output.deliver(chosen)
        except OutputRefused as error:
            refused = sorted(error.refused.keys() & {*range(len(places))})
            return Taken(refused={places[index]: error.refused[index] for index in refused})
        return NOTHING

    def take_lines(self, lines: Sequence[bytes]) -> Taken:
        """Deliver alerts as *lines*, like :meth:`take`."""
        assert isinstance(self._output, LineOutput)
        self._output.write_lines(lines)
        return NOTHING

    def due(self) -> None:
        """Return None: an output does nothing by the clock."""

    def tick(self, mark: int, due: int, now: int) -> Taken:
        """Do nothing."""
        return NOTHING

    def recover(self) -> None:
        """Do nothing: an output is called again as it is."""
