"""Stores what has arrived in one turn, in one transaction, and tells everybody whom it concerns."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Final, TypeAlias, TypeVar

import msgspec

from falcohost.alert import Alert, Priority
from falcohost.clock import SYSTEM, Clock
from falcohost.engine.alerts import INTERNAL, AlertMaker
from falcohost.engine.facts import FactsByRule
from falcohost.host.storing.aside import Aside
from falcohost.host.storing.handled import Caution, Handled
from falcohost.host.storing.outputs import OutputsLink
from falcohost.host.storing.sources import Accuse, Sources
from falcohost.host.storing.tally import Tally
from falcohost.host.supervision.loop import Loop
from falcohost.store.admission import Admission, Refused
from falcohost.store.answers import AnswerAdmission
from falcohost.store.arrival import Answer, Arrival
from falcohost.store.limits import Limits
from falcohost.store.outline import Known, whole
from falcohost.store.store import Store

#: Seconds for which a careful store process handles each message by itself.
CAREFUL: Final = 60.0

#: Seconds for which marks wait for alerts, to be stored in the same transaction.
MARKS_WAIT: Final = 0.05

#: Returns an alert without secrets.
Redact: TypeAlias = Callable[[Alert], Alert]

_Carrier = TypeVar("_Carrier", Arrival, Answer)

_TOO_MANY = "Falcohost internal: too many alerts"
GIVEN_UP = "Falcohost internal: alerts given up"


class Intake:
    """Collects what sources send over their links, and stores it.

    :param admissions: by source, what decides which of its alerts are taken.
    :param answers: the same for what outputs and subscribers answer.
    :param on_stored: called with the sources' new alerts of each transaction.
    :param accuse: called when a source, or the outputs process, has sent what is not valid.
    :param caution: how messages are handled; *aside*: keeps messages aside.
    :param per_second: so many alerts of one source are taken, in the long run.
    :param redact: returns an alert as it is to be stored; None: as it is.
    """

    def __init__(
        self,
        loop: Loop,
        store: Store,
        maker: AlertMaker,
        admissions: Mapping[str, Admission],
        answers: AnswerAdmission,
        on_stored: Callable[[Sequence[Known]], None],
        accuse: Accuse,
        clock: Clock = SYSTEM,
        caution: Caution | None = None,
        aside: Aside | None = None,
        per_second: int = Limits.per_second,
        redact: Redact | None = None,
    ) -> None:
        self._loop = loop
        self._store = store
        self._maker = maker
        self._answer_admission = answers
        self._accuse = accuse
        self._admissions = admissions
        self._on_stored = on_stored
        self._clock = clock
        self._arrived: list[Arrival] = []
        self._answers: list[Answer] = []
        self._outputs: OutputsLink | None = None
        self._given_up = Tally(clock)
        self._marks_wait_until: float | None = None
        self._caution = caution = caution or Caution(Handled(admissions))
        self._careful_until = clock.monotonic() + CAREFUL if caution.careful else 0.0
        self._sources = Sources(loop, admissions, self.take, accuse, caution, aside or Aside(None), per_second)
        self._per_second = per_second
        self._redact = redact

    def attach(self, name: str, link: socket.socket) -> None:
        """Take what arrives on *link*, from the source *name*."""
        self._sources.attach(name, link)

    def go_over(self, number: int, facts: Mapping[str, FactsByRule]) -> None:
        """Take alerts of the rules of reload *number* from now on; *facts*: those of each source's rules."""
        for name, of_source in facts.items():
            self._admissions[name].renew(number, of_source)

    def switched(self, source: str, number: int) -> None:
        """Take note that the worker of *source* has switched to the rules of reload *number*."""
        self._admissions[source].switched(number)

    def attach_outputs(self, link: socket.socket) -> None:
        """Serve the outputs process at the other end of *link*, instead of a former one."""
        self._leave_outputs()
        self._outputs = outputs = OutputsLink(link, self._store, self._answer_admission, self._answers.append)
        self._loop.watch(outputs, lambda: self._serve(outputs))

    @property
    def delivering(self) -> bool:
        """Return whether there is an outputs process."""
        return self._outputs is not None

    @property
    def silent(self) -> bool:
        """Return whether all sources are gone."""
        return self._sources.silent

    def take(self, arrival: Arrival) -> None:
        """Add what has arrived."""
        self._arrived.append(arrival)

    def commit(self, *, last: bool = False) -> None:
        """Store what has arrived since the last call; then acknowledge it. Marks may wait, unless it is the *last*."""
        cursors: dict[str, str] = {}
        arrived, self._arrived = self._arrived, []
        if arrived and self._careful_until > self._clock.monotonic():
            for arrival in arrived:
                self._caution.handled.begin(arrival.source, arrival.number)
                cursors |= self._store_all([arrival], ())
            arrived = []
            self._caution.handled.end()
        if arrived or self._store.behind or (self._answers and (last or not self._marks_wait())):
            answers, self._answers[:] = self._answers[:], []
            self._marks_wait_until = None
            cursors |= self._store_all(arrived, answers)
        self._caution.handled.end()
        self._tell_given_up(last)
        if last and self._arrived:
            cursors |= self._store_all(self._arrived, ())
            self._arrived = []
        self._tell_waiting()
        self._sources.tell(cursors, self._store.cursor)
        if self._outputs is not None:
            self._outputs.tell()
            self._loop.watch_writing(self._outputs, self._outputs.waits_to_send)

    def _marks_wait(self) -> bool:
        """Return whether outputs have only said what they have taken, and that a moment ago.

        A transaction for each mark would cost as much as one for alerts. Until it is stored the outputs know it: they
        say it again to a store that takes this one's place.
        """
        if not all(one.is_mark for one in self._answers):
            return False
        now = self._clock.monotonic()
        if self._marks_wait_until is None:
            self._marks_wait_until = now + MARKS_WAIT
            self._loop.after(MARKS_WAIT, lambda: None)  # ends the turn
        return now < self._marks_wait_until

    def _store_all(self, arrived: Sequence[Arrival], answers: Sequence[Answer]) -> dict[str, str]:
        """Store all of these; return the cursors that are written."""
        if (redact := self._redact) is not None:
            arrived = [redacted(one, redact) for one in arrived]
            answers = [redacted(one, redact) for one in answers]
        stored = self._store.append(arrived, answers)
        self._on_stored(stored.alerts)
        return stored.cursors

    def hurry(self) -> None:
        """Let no source wait any more: the run ends."""
        self._sources.hurry()

    def close(self) -> None:
        """Close all links."""
        self._sources.close()
        self._leave_outputs()

    def _serve(self, outputs: OutputsLink) -> None:
        if outputs is not self._outputs:
            return
        try:
            outputs.serve()
        except Refused as refused:
            self._accuse("", str(refused))
            self._leave_outputs()
            return
        if outputs.closed:
            self._leave_outputs()

    def _leave_outputs(self) -> None:
        if self._outputs is not None:
            self._loop.forget(self._outputs)
            self._outputs.close()
            self._outputs = None

    def take_internal(self, rule: str, priority: Priority, text: str, fields: Mapping[str, object]) -> None:
        """Take an alert about falcohost itself, unless it is switched off."""
        if rule not in self._maker.off:
            alert = self._maker.internal(rule, priority, text, fields, self._clock.time_ns())
            self.take(Arrival(INTERNAL, [alert]))

    def _tell_waiting(self) -> None:
        """Raise an alert about sources that have to wait."""
        for name, pace in self._sources.paces.items():
            if pace.waited and pace.tells():
                text = (
                    f"event source '{name}' raises more than {self._per_second} alerts a second, and has had to "
                    f"wait for {pace.waited:.1f} s (falcohost.alerts.max_per_second)"
                )
                fields = {"source": name, "seconds": round(pace.waited, 3), "per_second": self._per_second}
                pace.waited = 0.0
                self.take_internal(_TOO_MANY, Priority.WARNING, text, fields)

    def _tell_given_up(self, last: bool) -> None:
        """Raise an alert about alerts that the store had to delete before every output had them."""
        if count := self._given_up.due(self._store.lost, last):
            text = f"{count} alerts were given up before every output had them"
            self.take_internal(GIVEN_UP, Priority.CRITICAL, text, {"count": count})


def redacted(carrier: _Carrier, redact: Redact) -> _Carrier:
    """Return what has arrived with its alerts as *redact* returns them; their bytes are made anew."""
    if not carrier.alerts:
        return carrier
    bodies = carrier.bodies or repeat(b"")
    alerts = [redact(whole(alert, body)) for alert, body in zip(carrier.alerts, bodies, strict=False)]
    return msgspec.structs.replace(carrier, alerts=alerts, bodies=())
