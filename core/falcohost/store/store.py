"""The store: writes alerts with their source's cursor, and a subscriber's answer, each in one transaction.

While the disk is full or gone, data is kept in memory and written as soon as possible; until then no cursor is
acknowledged.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

from falcohost.alert import Alert, RuleMetadata
from falcohost.clock import SYSTEM, Clock
from falcohost.errors import StateError
from falcohost.log import log
from falcohost.store import carried
from falcohost.store.age import stored_age
from falcohost.store.arrival import Answer, Arrival, Refusal, Stored, SubscriberPosition, Waiting
from falcohost.store.backlog import Backlogs, Behind, Wants
from falcohost.store.body import Kind, decode, encode, key_in, kind_of
from falcohost.store.disk import Disk
from falcohost.store.ids import key_of, keys_of
from falcohost.store.latest import Kept, Latest
from falcohost.store.limits import Limits
from falcohost.store.metadata import NO_KEY, StoredMetadata, by_key
from falcohost.store.noise import Noise
from falcohost.store.outline import Known, whole
from falcohost.store.packs import check, delivered, fleeting, some
from falcohost.store.parked import Parked
from falcohost.store.recent import MOST_RECENT, Recent, StoredIds
from falcohost.store.row import Row
from falcohost.store.surplus import Surplus

T = TypeVar("T")

#: So many alerts that were there when a subscriber came are looked at in a turn.
COUNTED = 5000

_LAST = "SELECT max(coalesce((SELECT max(last) FROM packs), 0), coalesce((SELECT max(mark) FROM subscribers), 0))"


class Store:
    """The state of one agent. Every method may be called from any thread.

    :param path: the file; None for a store in memory.
    :param claimed: the descriptor that locks the directory, closed with the store.
    :param shown: how messages call the file, if not by *path*.
    :param wants: by output, which alerts it gets; others get all.
    :ivar kept: the state is on disk.
    :ivar last: number of the last alert; the first is 1, and numbers are never reused.
    :ivar noise: decides what is delivered.
    :ivar lost: number of alerts that were deleted before all who get them had them, because of the limits.
    """

    def __init__(
        self,
        path: Path | None,
        limits: Limits,
        claimed: int | None = None,
        clock: Clock = SYSTEM,
        shown: Path | None = None,
        wants: Mapping[str, Wants] = {},
    ) -> None:
        self.kept = path is not None
        self.lost = 0
        self._claimed = claimed
        self._shown = shown or path
        self._clock = clock
        self._lock = threading.Lock()
        self._disk = Disk(path, clock, self._shown, limits.megabytes)
        self.last: int = self._disk.query(_LAST)[0][0]
        self._waiting = Waiting()
        self._positions: dict[str, SubscriberPosition] = {}
        self._backlogs = Backlogs(wants)
        self._latest = Latest()
        self._cursors: dict[str, str] = dict(self._disk.query("SELECT source, cursor FROM cursors"))
        self._to_acknowledge: dict[str, str] = {}
        self._seen: set[bytes] = set()
        self._recent = Recent()
        self._ids = StoredIds(self._disk.query)
        self._files = self._disk.begun
        self._age = self._disk.read(lambda connection: stored_age(connection, clock))
        self.noise = Noise(limits.rates, self._age, clock)
        self._disk.change(self.noise.load)
        self._surplus = Surplus(limits, self._age, clock)
        self._metadata = StoredMetadata(self._disk.query, lenient=True)

    def append(self, arrivals: Iterable[Arrival], answers: Iterable[Answer] = ()) -> Stored:
        """Store *arrivals* and subscribers' *answers* in one transaction.

        An alert that is already stored is not stored again.

        :return: the arrivals' new alerts, and what is written.
        """
        with self._lock:
            alerts = self._take(arrivals)
            for answer in answers:
                self._reply(answer)
            self._settle()
            written, self._to_acknowledge = self._to_acknowledge, {}
            return Stored(alerts, written)

    def recall(self) -> None:
        """Take over from a store that has ended: know what it has stored, since that may come again."""
        with self._lock, contextlib.suppress(StateError):
            self._recent = Recent(self._disk.read(lambda connection: fleeting(connection, self.last - MOST_RECENT)))
            self._disk.release()

    def release(self) -> None:
        """Free the pages of the file that were kept in memory: up to 2 MB, once so much was read or written."""
        with self._lock:
            self._disk.release()

    def cursor(self, source: str) -> str | None:
        """Return the stored cursor of *source*."""
        return self._cursors.get(source)

    @property
    def behind(self) -> bool:
        """Return whether :meth:`append` has something to do even without new arrivals."""
        return bool(self._waiting or self._to_acknowledge or self.noise.waiting or self._disk.begun != self._files)

    @property
    def age(self) -> int:
        """Return the seconds of the clock by which alerts age (:mod:`falcohost.store.age`)."""
        return self._age.now()

    @property
    def held(self) -> int:
        """Return the number of alerts that were stored and held back."""
        return self.noise.held

    @property
    def overflowed(self) -> int:
        """Return the number of alerts that limits have let through since they remembered too much."""
        return self.noise.overflowed

    @property
    def unwritten(self) -> int:
        """Return the number of alerts in memory that wait for the disk."""
        return len(self._waiting.rows)

    def subscribe(self, name: str) -> SubscriberPosition:
        """Return the position of the subscriber *name*; a new one starts after the last alert."""
        with self._lock:
            rows = self._disk.query("SELECT mark, state FROM subscribers WHERE name = ?", (name,))
            if rows:
                self._positions[name] = SubscriberPosition(*rows[0])
                self._count_behind(name)
            else:
                self._move(name, self.last, None)
                self._backlogs.begin(name, self.last, self.last)
                self._settle()
            return self._positions[name]

    def answer(
        self,
        name: str,
        mark: int,
        alerts: Sequence[Alert] = (),
        state: bytes | None = None,
        refused: Sequence[Refusal] = (),
    ) -> None:
        """Store the answer of the subscriber *name* in one transaction.

        :param mark: it has taken all alerts up to this number.
        :param alerts: its own alerts; one that is already stored is not stored again.
        :param state: its new state; None: unchanged.
        :param refused: alerts up to *mark* that it will never accept.
        """
        with self._lock:
            self._reply(Answer(name, mark, alerts, state, refused=refused))
            self._settle()

    def advance(self, last: int) -> None:
        """Give no later alert a number up to *last*, since a subscriber may have had another with it."""
        with self._lock:
            if last > self.last:
                self.last = last
                self._latest.clear()  # which has no gaps

    @property
    def marks(self) -> dict[str, int]:
        """Return the mark of each subscriber."""
        return {name: position.mark for name, position in self._positions.items()}

    @property
    def behind_by(self) -> dict[str, Behind]:
        """Return what waits for each subscriber, of what it gets."""
        with self._lock:
            return self._backlogs.behind()

    def recent(self, after: int) -> list[Kept] | None:
        """Return all alerts after number *after* that are to be delivered; None if they are not all in memory."""
        with self._lock:
            rows = self._latest.after(after)
            return None if rows is None else [row for row in rows if not row.held]

    def bodies(self, after: int, most: int) -> list[tuple[int, bytes]]:
        """Return up to *most* alerts after number *after* that are to be delivered as bytes, each with its number.

        :raises StateError: the file cannot be read.
        """
        with self._lock:
            return self._bodies(after, most)

    def metadata(self, bodies: Iterable[bytes]) -> list[RuleMetadata]:
        """Return the metadata that alerts in bytes need.

        :raises StateError: the file cannot be read.
        """
        with self._lock:
            keys = dict.fromkeys(map(key_in, bodies))
            return [self._waiting.metadata.get(key) or self._metadata[key] for key in keys if key != NO_KEY]

    def read(self, after: int, most: int) -> list[tuple[int, Alert]]:
        """Return up to *most* alerts after number *after*, each with its number, also those that are held back.

        :raises StateError: the file cannot be read.
        """
        with self._lock:
            if (rows := self._latest.after(after, most)) is not None:
                return [(row.seq, row.alert) for row in rows]
            known = ChainMap(self._waiting.metadata, self._metadata)
            return [(seq, decode(body, known)) for seq, body in self._bodies(after, most, held=True)]

    def change(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Write what waits; then run *work* in a transaction of its own, and return what it returns.

        :raises StateError: *work* raises it, or the file cannot be written; then nothing has changed.
        """
        with self._lock:
            self._settle()
            done = self._disk.transact(work)
            self._disk.change(self.noise.load)
            return done

    @property
    def begun(self) -> int:
        """Return the number of new files that have taken the place of one that was damaged."""
        return self._disk.begun

    def tend(self) -> bool:
        """Look after the file; return whether somebody had deleted or replaced it, and it was written again."""
        with self._lock:
            self._count()
            return self._disk.tend()

    def carry(self) -> tuple[bytes, ...]:
        """Return what is only in memory, in parts, for the store of the next run; empty: nothing is.

        :raises sqlite3.Error: there is not enough memory for that.
        """
        with self._lock:
            self._write()
            if not self.kept:
                data = self._disk.serialized()
            elif self._waiting:
                self._waiting.positions |= self._positions
                data = carried.of_waiting(self._waiting, self._age.now())
                self._waiting.clear()
            else:
                return ()
            return data, carried.digest(data)

    def take_carried(self, data: bytes) -> int:
        """Store what :meth:`carry` of another store has returned, joined, before anything else; return how many alerts.

        :raises StateError: it cannot be read, or the file cannot be written.
        """
        with self._lock:
            before = self.last
            self.last = self._disk.transact(lambda to: carried.take(to, data, before, self._age.now()))
            self._cursors = dict(self._disk.query("SELECT source, cursor FROM cursors"))
            self._ids.renew()
            self._disk.change(self.noise.load)
            return self.last - before

    def close(self) -> None:
        """Write what is left and release the file."""
        with self._lock:
            self._write()
            if self._waiting.rows:
                text = "%d alerts could not be stored in %s, and are not delivered in the next run"
                log.error(text, len(self._waiting.rows), self._shown)
            self._disk.close()
            if self._claimed is not None:
                os.close(self._claimed)

    def _bodies(self, after: int, most: int, *, held: bool = False) -> list[tuple[int, bytes]]:
        read = some if held else delivered

        def checked(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            found = read(connection, after, None, most)
            check(found)
            return found

        found = self._disk.read(checked)
        if len(found) < most and self._waiting.rows:
            rest = (row for row in self._waiting.rows if row.seq > after and (held or not row.held))
            found += [(row.seq, row.body) for row in islice(rest, most - len(found))]
        return found

    def _count_behind(self, name: str) -> None:
        """Begin to count what waits for a subscriber: at once what is in memory, and some of what is on the disk."""
        rows = self._waiting.rows
        mark, last = self._positions[name].mark, rows[0].seq - 1 if rows else self.last
        self._backlogs.begin(name, min(mark, last), last)
        self._backlogs.add_for(name, (row for row in rows if row.seq > mark))
        self._count()

    def _count(self) -> None:
        with contextlib.suppress(StateError):  # it is counted later
            self._backlogs.count(self._kinds, COUNTED)

    def _kinds(self, after: int, until: int, most: int) -> list[tuple[int, Kind | None]]:
        found = self._disk.read(lambda connection: delivered(connection, after, until, most))
        return [(seq, kind_of(body)) for seq, body in found]

    def _reply(self, answer: Answer) -> None:
        if answer.alerts:
            arrival = Arrival(answer.name, answer.alerts, rewinds=True, bodies=answer.bodies, metadata=answer.metadata)
            self._take([arrival])
        for one in answer.refused:
            self._park(answer.name, one)
        self._move(answer.name, answer.mark, answer.state)

    def _park(self, output: str, refusal: Refusal) -> None:
        """Keep an alert that *output* has refused."""
        try:
            found = dict(self._bodies(refusal.seq - 1, 1))
            alert = decode(found[refusal.seq], ChainMap(self._waiting.metadata, self._metadata))
            self._waiting.parked.append(Parked(output, refusal.seq, refusal.reason, alert))
        except (ValueError, KeyError, StateError) as error:
            why = "it is not in the store any more" if isinstance(error, KeyError) else error
            log.error("an alert that output '%s' has refused cannot be kept: %s", output, why)

    def _take(self, arrivals: Iterable[Arrival]) -> list[Known]:
        taken: list[Known] = []
        rows, latest, noise, judges = self._waiting.rows, self._latest, self.noise, bool(self.noise)
        there = len(rows)
        for arrival in arrivals:
            rewinds = arrival.rewinds
            new = self._new(arrival, arrival.bodies or [encode(whole(alert, b"")) for alert in arrival.alerts])
            added = [
                Row(seq, rewinds, alert, body, "", key) for seq, (alert, body, key) in enumerate(new, self.last + 1)
            ]
            if judges:
                added = [noise.row(row) for row in added]
            self.last += len(added)
            rows += added
            taken += [alert for alert, _, _ in new]
            latest.extend(added)
            if added:  # the metadata of alerts that are there already are there too
                self._waiting.metadata |= arrival.metadata or by_key(alert.metadata for alert in arrival.alerts)
            size = sum([len(row.body) for row in added])
            self._waiting.size += size
            latest.bound(size)
            if arrival.number and arrival.cursor is None:
                self._recent.add(arrival.source, [alert.id for alert, _, _ in new])
            if arrival.cursor is not None:
                self._waiting.cursors[arrival.source] = arrival.cursor
            if arrival.ended:
                self._waiting.ended.add(arrival.source)
        self._backlogs.add(islice(rows, there, None))
        return taken

    def _new(self, arrival: Arrival, bodies: Sequence[bytes]) -> list[tuple[Known, bytes, bytes]]:
        """Return those alerts that have not come before, each with its bytes, and by what its id is found."""
        alerts, rewinds = arrival.alerts, arrival.rewinds
        keys = _keys(alerts) if rewinds else [b""] * len(alerts)
        arrived = [*zip(alerts, bodies, keys, strict=True)]
        if not (rewinds or arrival.again):
            return arrived
        seen, recent = self._seen, self._recent.known
        known = self._ids.find(keys) if rewinds else ()
        fresh = rewinds and not known and len({*keys}) == len(keys) and seen.isdisjoint(keys)
        if fresh and recent.keys().isdisjoint([(alert.source, alert.id) for alert in alerts]):  # as it nearly always is
            seen.update(keys)
            return arrived
        new = []
        for one in arrived:
            alert, _, key = one
            if key in known or key in seen or (alert.source, alert.id) in recent:
                continue
            if rewinds:
                seen.add(key)
            new.append(one)
        return new

    def _move(self, name: str, mark: int, state: bytes | None) -> None:
        before = self._positions.get(name)
        self._positions[name] = SubscriberPosition(mark, before.state if before and state is None else state)
        self._waiting.move(name, mark, state)
        self._backlogs.move(name, mark)
        self._latest.forget(min(position.mark for position in self._positions.values()))

    def _settle(self) -> None:
        if not self._disk.worth_trying:
            self._bound()
        else:
            self._write()
            self._look_for_surplus(self.last)

    def _write(self) -> None:
        """Write everything that waits in one transaction."""
        if self._disk.begun != self._files:
            self._begin_anew()
        waiting = self._waiting
        if self._ids.unsure and not self._drop_known():
            self._bound()
            return
        waiting.more = [self.noise.writing()] if self.noise.waiting else []
        if not waiting:
            return
        now = self._age.now()
        while waiting.size > self._disk.at_once:
            first = waiting.first(self._disk.at_once)
            if not self._disk.change(lambda connection: first.write(connection, now)):  # noqa: B023 # it is called here
                self._bound()
                return
            self._note_written(first)
            waiting.wrote(first)
            self._look_for_surplus(first.rows[-1].seq)
        if not self._disk.change(lambda connection: waiting.write(connection, now)):
            self._bound()
            return
        if waiting.cursors:
            self._disk.waited()
        self._note_written(waiting)
        self._to_acknowledge |= waiting.cursors
        self._cursors |= waiting.cursors
        for source in waiting.ended:
            self._cursors.pop(source, None)
        self._seen.clear()
        self.noise.written()
        waiting.clear()

    def _note_written(self, waiting: Waiting) -> None:
        self._ids.wrote([row.key for row in waiting.rows if row.rewinds])
        self._surplus.wrote(waiting.size)

    def _look_for_surplus(self, last: int) -> None:
        """Delete what exceeds the limits, if it is time for that; *last*: the number of the last alert in the file."""
        if not self._disk.failing and self._surplus.due(last):
            if not self._disk.change(lambda connection: self._delete_surplus(connection, last)):
                self._surplus.renew()
            self._waiting.written.clear()

    def _drop_known(self) -> bool:
        """Drop what waits and is in the file, which could not be read when it came; return whether it could be now."""
        self._ids.unsure = False
        comes_again = {row.seq: row.key for row in self._waiting.rows if row.rewinds}
        if known := self._ids.find(comes_again.values()):
            self._waiting.drop({seq for seq, key in comes_again.items() if key in known})
        return not self._ids.unsure

    def _begin_anew(self) -> None:
        """Have in a new file what can be read of a damaged one, and what is known of it."""
        behind, waiting, self._files = self._behind, self._waiting, self._disk.begun
        there = self._disk.salvage(behind) + len(waiting.rows)
        self._lose(self.last - behind - there, "its file was damaged")
        waiting.positions |= self._positions
        waiting.cursors = self._cursors | waiting.cursors
        waiting.written.clear()
        self._surplus.renew()
        self._disk.change(self.noise.load)
        for name in self._positions:
            self._count_behind(name)

    def _bound(self) -> None:
        """Give up alerts that wait for the disk, if there are too many."""
        gone = self._waiting.give_up()
        self._seen.difference_update(row.key for row in gone)
        self._lose(self._backlogs.lose(row.seq for row in gone))  # some may still be read from memory

    def _delete_surplus(self, connection: sqlite3.Connection, last: int) -> None:
        deleted = self._surplus.delete(connection, last, self._behind)
        self._latest.forget(deleted.until)
        self._lose(self._backlogs.lose(deleted.gone))

    @property
    def _behind(self) -> int:
        """Return the number of the last alert that every subscriber has."""
        return min((position.mark for position in self._positions.values()), default=self.last)

    def _lose(self, count: int, why: str = "the store has reached its limits") -> None:
        if count > 0:
            self.lost += count
            log.error("deleted %d alerts that an output has not taken: %s", count, why)


def _keys(alerts: Sequence[Known]) -> list[bytes]:
    """Return by what the ids of *alerts* are found."""
    if len(sources := {alert.source for alert in alerts}) == 1:  # as they are, from workers
        return keys_of(sources.pop(), [alert.id for alert in alerts])
    return [key_of(alert.source, alert.id) for alert in alerts]
