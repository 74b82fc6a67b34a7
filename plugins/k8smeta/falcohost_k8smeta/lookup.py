"""The lookup in the source's process: has the rows of pods, and asks for those that it does not have."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from falcohost.clock import SYSTEM, Clock
from falcohost.helpers import HelperPort, port_in
from falcohost.lookups import GIVEN_UP, PENDING, Key
from falcohost.port import Port
from falcohost_k8smeta.config import NAME
from falcohost_k8smeta.rows import Answer, Question

#: Most pods whose rows are kept, and most cgroups whose pods are remembered.
MOST: Final = 4096

#: Seconds after which a row is asked for again, and after which it is not used meanwhile.
OLD: Final = 1.0
STALE: Final = 30.0

#: Seconds for which a pod that is not known, or not all of it, is not waited for again.
NOT_KNOWN: Final = 5.0

#: Seconds between two questions how things are.
STATE: Final = 1.0

#: A pod's cgroup, as the kubelet names it with either driver; pods from files of the node have no dashes in their uid.
_POD: Final = re.compile(
    r"(?:^| )[^ =/]*=/[^ ]*?kubepods[^ ]*?"
    r"[/-]pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=[./ ]|$)"
)

#: Below the first, users name cgroups as they like, and where the container is in a user's cgroups.
_OF_USERS: Final = "=/user.slice"
_USER: Final = "user/"

#: The type of what is in no container; all processes of pods are in one.
_HOST: Final = "host"


class _Kept(Struct):
    """A row, or GIVEN_UP; when it came, and whether it is what the API server has now."""

    row: Any
    at: float
    is_new: bool


class PodLookup:
    """Finds rows by a thread's cgroups; the process that watches is at the other end of *port*."""

    def __init__(self, port: Port[Question, Answer] | None, clock: Clock = SYSTEM) -> None:
        self._port: HelperPort[Question, Answer] = HelperPort(port)
        self._clock = clock
        self._uids: OrderedDict[str, str] = OrderedDict()
        self._rows: OrderedDict[str, _Kept] = OrderedDict()
        self.dropped = 0
        self._asked: set[str] = set()
        self._state = Answer("", None)
        self._state_due = 0.0

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> PodLookup:
        """Ask the helper in *settings*; without one, nothing is known."""
        return cls(port_in(settings, NAME, Answer))

    def find(self, key: Key) -> Any:
        """Return the row of the pod in whose cgroups a thread is; None: it is in no pod."""
        cgroups, kind, outer = map(str, key)
        uid = "" if kind == _HOST or outer.startswith(_USER) else self._uid(cgroups)
        if not uid or not self._port:
            return None
        known = self._rows.get(uid)
        if known is None:
            self._ask(uid)
            return PENDING
        self._rows.move_to_end(uid)
        age = self._clock.monotonic() - known.at
        if age > (OLD if known.is_new else NOT_KNOWN):
            self._ask(uid)
        return PENDING if known.is_new and age > STALE else known.row

    def _uid(self, cgroups: str) -> str:
        uid = self._uids.get(cgroups)
        if uid is None:
            uid = self._uids[cgroups] = pod_of(cgroups)
            if len(self._uids) > MOST:
                self._uids.popitem(last=False)
        return uid

    def _ask(self, uid: str, *, all: bool = False) -> None:
        if uid not in self._asked and self._port.ask(Question(uid, all)):
            self._asked.add(uid)

    def __len__(self) -> int:
        """Return how many pods the node has."""
        return self._state.pods

    def problem(self) -> tuple[str, int]:
        """Return what is not reached, and for how many seconds; empty: all is."""
        return self._state.problem, self._state.seconds

    def counts(self) -> Mapping[str, int]:
        """Return how often an object of the API server was left out, and why; nothing where nobody watches it."""
        if not self._port:
            return {}
        return {
            "objects of the API server without room": self._state.left_out,
            "objects of the API server that cannot be read": self._state.odd,
        }

    def poll(self) -> bool:
        """Take the rows that have come."""
        answers = self._port.answers()
        for answer in answers:
            self._take(answer)
        now = self._clock.monotonic()
        if now >= self._state_due:
            self._state_due = now + STATE
            self._ask("")
        return any(answer.uid for answer in answers)

    def _take(self, answer: Answer) -> None:
        if answer.uid not in self._asked:
            return  # nobody has asked that
        self._asked.discard(answer.uid)
        self._state = answer
        if not answer.uid:
            return
        known = self._rows.get(answer.uid)
        row = (GIVEN_UP if known is None else known.row) if answer.row is None else answer.row
        is_new = answer.row is not None and not answer.row.given_up
        self._rows[answer.uid] = _Kept(row, self._clock.monotonic(), is_new)
        self._rows.move_to_end(answer.uid)
        if len(self._rows) > MOST:
            self._rows.popitem(last=False)
            self.dropped += 1
        if answer.row is not None and not answer.row.is_whole and is_new:
            self._ask(answer.uid, all=True)

    def fileno(self) -> int | None:
        """Return the descriptor of the socket to the helper."""
        return self._port.fileno()

    def close(self) -> None:
        """Close the socket: the helper ends."""
        self._port.close()


def pod_of(cgroups: str) -> str:
    """Return the uid of the pod that a thread with these cgroups is in; empty: none."""
    if _OF_USERS in cgroups:
        return ""
    found = _POD.search(cgroups)
    return found[1].replace("_", "-") if found is not None else ""
