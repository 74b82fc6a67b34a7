"""The store process: it alone has the database. Takes alerts from workers, and hands them to the outputs process.

It is forked by the supervisor, and never returns into the code that forked it; it ends with ``os._exit``.
"""

from __future__ import annotations

import os
import signal
import socket
import traceback
from collections.abc import Collection, Container, Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

import msgspec
from msgspec import Struct

from falcohost import log
from falcohost.alert import Priority
from falcohost.counters import from_attributes
from falcohost.engine.alerts import INTERNAL
from falcohost.engine.facts import FactsByRule, RuleFacts
from falcohost.engine.times import rfc3339
from falcohost.host.channel import Channel
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.forked import end_after, take_over
from falcohost.host.memory import settle
from falcohost.host.numbers import StoreNumbers
from falcohost.host.sealed import read_sealed, sealed
from falcohost.host.storing import messages
from falcohost.host.storing.carrying import TRIES, carry_over, take_carried
from falcohost.host.storing.desk import Desk, trusted_users
from falcohost.host.storing.given import StoreGiven
from falcohost.host.storing.handled import Caution
from falcohost.host.storing.intake import Intake, Redact
from falcohost.host.storing.opened import Opened, opened
from falcohost.host.storing.overseer import LOOKS, Notice, Overseer
from falcohost.host.summary import Counts
from falcohost.host.supervision.loop import Loop
from falcohost.host.trimming import Trimming
from falcohost.host.wire import LogLine
from falcohost.outputs.redaction_settings import Redaction
from falcohost.store.admission import Admission
from falcohost.store.answers import AnswerAdmission, InternalAdmission
from falcohost.store.outline import Known
from falcohost.store.silences import RULE, told
from falcohost.subscriber import MOST_TAKEN

#: The name of the process.
NAME: Final = "falcohost-store"

#: Tells what limits have held back, if no alert has told it.
HELD_BACK: Final = "Falcohost internal: alerts held back"

#: Tells that the file of the store was gone, and that it was damaged.
DELETED: Final = "Falcohost internal: state deleted"
DAMAGED: Final = "Falcohost internal: state damaged"
_BEGUN_ANEW: Final = (
    "the state was damaged, and a new database was begun with what outputs still need, as far as it could be read;"
    " the log has the name of the old one"
)

#: Arguments of :meth:`Intake.take_internal`.
Internal: TypeAlias = tuple[str, Priority, str, Mapping[str, object]]

#: Seconds between two reports.
PAUSE: Final = 1.0

#: Seconds for which a supervisor that has ended unasked is outlived, to deliver that; and when the kernel ends that.
LAST, LONGEST_LAST = 2.0, 4


class Rules(Struct, frozen=True):
    """The facts of the rules of all sources.

    :ivar former: those before the last reload, which has *number*; the same if there was none.
    """

    former: Mapping[str, FactsByRule]
    facts: Mapping[str, FactsByRule]
    number: int = 0

    def admissions(self, hostname: str) -> dict[str, Admission]:
        """Return what decides by these facts which alerts are taken, by source."""
        found: dict[str, Admission] = {INTERNAL: InternalAdmission(hostname)}
        for name, facts in self.facts.items():
            found[name] = Admission(name, hostname, self.former[name])
            if self.number:
                found[name].renew(self.number, facts)
        return found


def run_store(
    given: StoreGiven, rules: Rules, link: socket.socket, parent: int, counted: int | None, caution: Caution
) -> NoReturn:
    """Run the store process.

    :param rules: the facts of the rules that sources have now.
    :param link: the socket to the supervisor.
    :param counted: the number of the last alert that a former store process has counted; None: there was none.
    :param caution: how it handles messages.
    """
    status = 1
    try:
        kept = {one for one in (given.lock, given.carried) if one is not None}
        take_over({link.fileno()} | kept, parent, NAME)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor says when to end
        control: Channel[messages.FromSupervisor] = Channel(link, messages.FromSupervisor, attached=True)
        log.forward(lambda level, text: control.send(LogLine(level, text)))
        try:
            close_the_way_back()
            users = trusted_users()
            redact = None if given.redaction is None else _redactor(given.redaction)  # while its modules are there
            found = opened(given, parent)
            settle()
            StoreProcess(given, rules, control, found, counted, caution, users, redact=redact).run()
            status = 0
        except Exception as error:
            log.log.critical("the store has failed: %s: %s", type(error).__name__, error)
            log.log.debug("%s", traceback.format_exc())
    finally:
        os._exit(status)


class StoreProcess:
    """Serves the supervisor at the other end of *control*, and those whom it attaches.

    :param users: the users who may give orders.
    :param redact: returns an alert as it is to be stored.
    """

    def __init__(
        self,
        given: StoreGiven,
        rules: Rules,
        control: Channel[messages.FromSupervisor],
        found: Opened,
        counted: int | None,
        caution: Caution,
        users: Collection[int],
        loop: Loop | None = None,
        redact: Redact | None = None,
    ) -> None:
        self._loop = loop or Loop()
        store = self._store = found.store
        self._desk = Desk(self._loop, store, users)
        self._control = control
        self._intake = Intake(
            self._loop,
            store,
            given.maker,
            rules.admissions(given.maker.hostname),
            AnswerAdmission(given.takers),
            self._stored,
            self._accuse,
            caution=caution,
            aside=found.aside,
            per_second=given.limits.per_second,
            redact=redact,
        )
        self._overseer = Overseer(self._loop.clock)
        self._maker = given.maker
        self._counts = Counts()
        self._trimming = Trimming(self._loop.clock, store.release)
        self._trimming.used()  # for what is read first
        self._files = store.begun
        self._report_at = self._look_at = 0.0
        self._told = 0
        self._usable = found.usable
        self._is_usable = False
        self._try_at = self._loop.clock.monotonic() + TRIES
        self._carry: int | None = None
        self._reported: messages.StoreReport | None = None
        self._finishing = self._drained = self._asked = False
        self._takers = given.takers.keys()
        self._for_takers: list[Internal] = []
        if store.begun:  # in place of one that was damaged when this was opened
            self._for_takers.append((DAMAGED, Priority.CRITICAL, _BEGUN_ANEW, {"last": store.last}))
        if given.carried is not None:
            take_carried(store, given.carried, lambda *alert: self._for_takers.append(alert))
        if counted is not None or given.recalls:
            store.recall()
        if counted is not None:
            self._count_again(counted, given.takers)
            store.advance(counted)  # those that the former one could not write may have been delivered
        self._tell_counts()

    def run(self) -> None:
        """Run until the supervisor says that it is the end, or is gone."""
        self._loop.watch(self._control, self._serve)
        while not (self._control.closed or self._is_over()):
            left = self._trimming.left
            longest = PAUSE if self._store.behind or self._changed() else LOOKS
            self._loop.turn(longest if left is None else min(longest, left))
            if not self._finishing:
                self._raise(self._overseer.look())
                self._tell_silences()
                self._tell_takers()
            self._look_at_file()
            self._intake.commit()
            self._report()
            self._trimming.now_and_then()
            self._loop.watch_writing(self._control, self._control.waits_to_send)
        if not self._finishing:
            self._outlive()
        self._desk.close()
        self._intake.commit(last=True)
        if self._carry is not None:
            carry_over(self._store, self._carry)
        self._store.close()
        self._report(last=True)
        while self._control.waits_to_send and not self._control.closed:
            self._loop.turn()

    def _outlive(self) -> None:
        """Tell that the supervisor has ended unasked, and wait for a moment until that is delivered."""
        end_after(LONGEST_LAST)
        self._loop.forget(self._control)
        self._raise(self._overseer.is_gone())
        until = self._loop.clock.monotonic() + LAST
        while (left := until - self._loop.clock.monotonic()) > 0:
            self._intake.commit()
            if self._intake.silent and (not self._intake.delivering or self._is_delivered()):
                return
            self._loop.turn(left)

    def _is_delivered(self) -> bool:
        return all(mark >= self._store.last for mark in self._store.marks.values())

    def _tell_takers(self) -> None:
        """Raise alerts of the beginning when all subscribers are there: a new one starts behind what there is."""
        if self._for_takers and self._takers <= self._store.marks.keys():
            for alert in self._for_takers:
                self._intake.take_internal(*alert)
            self._for_takers.clear()

    def _tell_silences(self) -> None:
        """Raise an alert about each silence that has begun or ended, and about what limits have held back for long."""
        if not self._store.noise:
            return
        for silence, what in self._store.noise.look():
            self._intake.take_internal(RULE, Priority.NOTICE, *told(silence, what))
        for rule, count, since in self._store.noise.held_back():
            text = f"{count} alerts of the rule '{rule}' were held back by falcohost.limits since {rfc3339(since)}"
            fields = {"rule": rule, "count": count, "since": since}
            self._intake.take_internal(HELD_BACK, Priority.NOTICE, text, fields)

    def _look_at_file(self) -> None:
        """Look once a second whether the database is what and where it was, and tell of what has come of it."""
        now = self._loop.clock.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + PAUSE
        if not (self._store.kept or self._is_usable) and now >= self._try_at:
            self._try_at = now + TRIES
            self._is_usable = self._usable()
        if self._store.tend():
            text = "somebody has deleted or replaced the database of the state; it was written again, as it was"
            log.log.critical("%s", text)
            self._intake.take_internal(DELETED, Priority.CRITICAL, text, {})
        if self._store.begun != self._files:
            self._files = self._store.begun
            self._intake.take_internal(DAMAGED, Priority.CRITICAL, _BEGUN_ANEW, {"last": self._store.last})

    def _raise(self, notice: Notice | None) -> None:
        if notice is not None:
            self._intake.take_internal(notice.rule, notice.priority, notice.text, {})

    def _is_over(self) -> bool:
        if not self._finishing or not self._intake.silent:
            return False
        if not self._drained:
            self._drained = True
            self._control.send(messages.Drained())
        return not self._intake.delivering

    def _serve(self) -> None:
        self._control.send_rest()
        for message in self._control.read():
            self._overseer.hears()
            if isinstance(message, messages.Attach):
                self._intake.attach(message.source, self._control.take_socket())
            elif isinstance(message, messages.AttachOutputs):
                self._intake.attach_outputs(self._control.take_socket())
            elif isinstance(message, messages.AttachClient):
                self._desk.attach(self._control.take_socket())
            elif isinstance(message, messages.GoOver):
                self._intake.go_over(message.number, _facts(self._control.attached.popleft()))
            elif isinstance(message, messages.Switched):
                self._intake.switched(message.source, message.number)
            elif isinstance(message, messages.Hurry):
                self._intake.hurry()
            elif isinstance(message, messages.Carry):
                self._carry = self._control.attached.popleft()
            elif isinstance(message, messages.Tell):
                self._asked = True
            else:
                self._finishing = True
        if self._control.refused is not None:
            raise self._control.refused

    def _stored(self, alerts: Sequence[Known]) -> None:
        """Count what was stored, before the outputs have it: a store after this one gives none of its numbers again."""
        self._count(alerts)
        if (self._store.behind or not self._store.kept) and self._store.last > self._told:
            self._tell_counts()  # at once: nobody else knows the numbers of what is only in memory

    def _count(self, alerts: Sequence[Known]) -> None:
        if alerts:
            self._trimming.used()
        self._counts.add([alert for alert in alerts if alert.source != INTERNAL])

    def _count_again(self, after: int, takers: Container[str]) -> None:
        """Count what a former store process has stored and not told of."""
        while found := self._store.read(after, MOST_TAKEN):
            self._count([alert for _, alert in found if alert.source not in takers])
            after = found[-1][0]

    def _accuse(self, source: str, error: str) -> None:
        self._control.send(messages.Accused(source, error))

    def _changed(self) -> bool:
        return bool(self._counts) or self._numbers() != self._reported

    def _numbers(self) -> messages.StoreReport:
        numbers = from_attributes(self._store, StoreNumbers)
        return messages.StoreReport(
            self._store.kept, numbers, self._store.marks, self._store.behind_by, self._is_usable
        )

    def _report(self, *, last: bool = False) -> None:
        """Report what has changed, at intervals."""
        now = self._loop.clock.monotonic()
        if now < self._report_at and not (last or self._asked):
            return
        numbers = self._numbers()
        if numbers != self._reported or self._asked:
            self._asked = False
            self._control.send(numbers)
            self._reported = numbers
            self._report_at = now + PAUSE
        if self._counts:
            self._tell_counts()
            self._report_at = now + PAUSE

    def _tell_counts(self) -> None:
        counts, self._told = self._counts, self._store.last
        self._control.send(messages.Counted(dict(counts.rules), dict(counts.priorities), self._told))
        counts.clear()


def _redactor(redaction: Redaction) -> Redact:
    from falcohost.outputs.redaction import Redactor  # RE2 and what it reads take memory

    return Redactor(redaction)


def seal_facts(facts: Mapping[str, FactsByRule]) -> int:
    """Return the descriptor of a sealed memfd with *facts*, for :class:`~falcohost.host.storing.messages.GoOver`."""
    return sealed("falcohost facts", _encode(facts))


def _facts(descriptor: int) -> dict[str, dict[str, RuleFacts]]:
    try:
        return _decode(read_sealed(descriptor))
    finally:
        os.close(descriptor)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, dict[str, RuleFacts]]).decode
