"""Polls CloudWatch Logs, where EKS writes its audit log.

Events arrive there late and out of order. So each query starts some seconds before the newest event, and events that
were seen recently are dropped. Now and then, and after a crash, a query starts as far back as an event may be late.
Events that are read again after a crash are recognized by their content, so their alerts are stored once.
"""

from __future__ import annotations

import re
import time
from typing import Any

import msgspec

from falcohost.aws import AwsError, AwsSession, asked, clock
from falcohost.clock import SYSTEM, Clock
from falcohost.jsonlog import Input, Limits, Origin, Refusals
from falcohost.needs import Needs
from falcohost.poll import BackOff, Page, PollInput
from falcohost_k8saudit.log_group import Group

#: Seconds before the newest event at which a normal query starts.
_NEAR = 10

#: Number of deep queries in the time by which an event may be late.
_DEEP = 5

#: Largest number of events that are remembered; beyond it the oldest are forgotten, and may be read again.
_MOST_SEEN = 300_000

CUT_OFF = "event truncated by CloudWatch Logs"
_TRUNCATED = "[Truncated...]"
_AUDIT_ID = re.compile(r'"auditID":\s*"([^"]*)"')


class Cursor(msgspec.Struct):
    """The position: all events before *since*, in ms since the epoch, were read."""

    since: int


def cloudwatch_input(group: Group, limits: Limits, plugin: str, own: Clock = SYSTEM) -> Input:
    """Return the input that polls *group*, waiting by the clock *own*."""
    origin = Origin(f"cloudwatch://{group.name}", "cloudwatch", by_content=True)
    events, back_off = LogEvents(group, plugin, own), BackOff(longest=60)
    return PollInput(events, limits, plugin=plugin, origin=origin, back_off=back_off, clock=own)


class LogEvents:
    """Fetches the events of *group* for *plugin*.

    :ivar needs: what it does once it is open.
    """

    def __init__(self, group: Group, plugin: str, own: Clock = SYSTEM) -> None:
        self._own = own
        self._group = group
        self._plugin = plugin
        self._token: str | None = None
        self._start = 0
        self._newest = 0
        self._seen: dict[str, int] = {}
        self._deep_at = 0.0
        self._is_deep = False
        self.needs = Needs()

    def open(self, refusals: Refusals) -> None:
        """Read the credentials.

        :raises SourceError: there are none, or the region is not known.
        """
        self._refusals = refusals
        session = AwsSession(self._plugin, self._group.aws)
        self._client = session.client("logs")
        self.needs = session.needs

    def fetch(self, cursor: str | None) -> Page:
        """Return the new events.

        :raises AwsError: CloudWatch Logs did not answer, or refused.
        """
        at = _read(cursor)
        if at is None:
            answer = self._ask(startTime=int(time.time() * 1000), limit=1)
            return Page([], _text(int((clock(answer) - self._group.shift) * 1000)), 0)
        answer = self._look(at.since)
        events = [event for event in answer.get("events", []) if self._is_new(event)]
        late = self._group.late * 1000
        for event in events:
            self._newest = max(self._newest, min(event["timestamp"], int(clock(answer) * 1000)))
        since = max(at.since, self._newest - late - late // _DEEP)
        self._forget(since)
        messages = [event["message"] for event in events if not self._is_cut_off(event["message"])]
        text = "\n".join(messages).encode(errors="replace")
        return Page([text] if text else [], _text(since), 0 if self._token else self._group.every)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _look(self, since: int) -> Any:
        """Return the next page of the current query, or the first page of a new one."""
        if self._token is None:
            self._newest = max(self._newest, since)
            self._is_deep = self._own.monotonic() >= self._deep_at
            self._start = since if self._is_deep else max(since, self._newest - _NEAR * 1000)
        try:
            more = {} if self._token is None else {"nextToken": self._token}
            answer = self._ask(startTime=self._start, **more)
        except AwsError:
            self._token, self._deep_at = None, 0.0
            raise
        self._token = answer.get("nextToken")
        if self._token is None and self._is_deep:
            self._deep_at = self._own.monotonic() + self._group.late / _DEEP
        return answer

    def _ask(self, **what: Any) -> Any:
        where = {"logGroupName": self._group.name, "logStreamNamePrefix": self._group.streams, "interleaved": True}
        return asked(f"cloudwatch://{self._group.name}", lambda: self._client.filter_log_events(**where, **what))

    def _is_new(self, event: Any) -> bool:
        ident = event["eventId"]
        if ident in self._seen:
            return False
        self._seen[ident] = event["timestamp"]
        return True

    def _forget(self, since: int) -> None:
        """Forget events that cannot be returned again, once there are enough of them."""
        if len(self._seen) > _MOST_SEEN or self._token is None:
            self._seen = {ident: at for ident, at in self._seen.items() if at >= since}
        while len(self._seen) > _MOST_SEEN:
            del self._seen[next(iter(self._seen))]

    def _is_cut_off(self, message: str) -> bool:
        if not message.endswith(_TRUNCATED):
            return False
        found = _AUDIT_ID.search(message)
        self._refusals.add(CUT_OFF, f"cloudwatch://{self._group.name}, auditID {found[1] if found else 'unknown'}")
        return True


def _read(text: str | None) -> Cursor | None:
    try:
        return None if text is None else msgspec.json.decode(text, type=Cursor)
    except msgspec.DecodeError:
        return None


def _text(since: int) -> str:
    return msgspec.json.encode(Cursor(since)).decode()
