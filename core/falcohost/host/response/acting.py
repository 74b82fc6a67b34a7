"""Acts on alerts: decides whether an action is taken, has it taken once, and has it told what has come of it."""

from __future__ import annotations

import time
from typing import Final

from msgspec.structs import replace

from falcohost.alert import Alert
from falcohost.host.config.response import KILL, STOP
from falcohost.host.response import messages
from falcohost.host.response.caps import Caps
from falcohost.host.response.case import Case
from falcohost.host.response.cgroups import mount
from falcohost.host.response.data import ActionData, ActionsData
from falcohost.host.response.freezing import Freezing
from falcohost.host.response.link import SupervisorLink
from falcohost.host.response.marks import Marks
from falcohost.host.response.processes import ancestors
from falcohost.host.response.protection import Protection
from falcohost.host.response.request import Request, encode_alert
from falcohost.host.response.signalling import Signalling
from falcohost.host.response.target import Refusal
from falcohost.host.response.telling import Telling, outcome
from falcohost.host.supervision.loop import Loop
from falcohost.store.outline import MOST_ID
from falcohost.subject import MOST_SUBJECTS

#: Nanoseconds after which an alert is too old to act on, and by which it may be newer than now.
OLDEST: Final = 10_000_000_000
NEWEST: Final = 1_000_000_000


class Acting:
    """Acts on requests. What takes time is left to *loop*.

    :param agent: the pid of the supervisor; *namespace*: its pid namespace.
    :ivar stopped: no action is taken.
    """

    def __init__(
        self, data: ActionsData, link: SupervisorLink, marks: Marks, loop: Loop, agent: int, namespace: int
    ) -> None:
        self.stopped = False
        self.telling = Telling(link.send, loop.clock)
        self._data = data
        self._link = link
        self._marks = marks
        self._agent = agent
        protection, place = Protection(data.protected, agent, namespace), mount()
        self._signalling = Signalling(link, protection, loop, place)
        self._freezing = Freezing(link, protection, loop, place, namespace)
        self._caps = Caps(data.per_minute, {name: one.per_minute for name, one in data.actions.items()}, loop.clock)
        self._number = 0

    def renew(self, data: ActionsData) -> None:
        """Act by other *data*: actions are bound to other rules."""
        self._data = data

    def take(self, source: str, request: Request) -> None:
        """Act as *source* asks, as far as actions are bound to the rule.

        :raises ValueError: no intact worker asks for that.
        """
        alert = request.alert
        if alert.source != source or alert.hostname != self._data.hostname or alert.depth:
            raise ValueError("a request about an alert of another source or host")
        if not (0 < len(alert.id) <= MOST_ID and alert.id.isascii() and alert.id.isalnum()):
            raise ValueError("a request about an alert with an id that none has")
        if len(alert.subjects) > MOST_SUBJECTS:
            raise ValueError("a request about an alert with too many subjects")
        names = self._data.bound.get(source, {}).get(alert.rule, ())
        if request.lost and names:
            lost = outcome(names[0], "capped", "there were too many requests at once", alert)
            self.telling.add(replace(lost, count=request.lost))
        for name in names:
            self._act(name, alert)

    def _act(self, name: str, alert: Alert) -> None:
        case = Case(name, alert, self._marks, self.telling, acts=self._data.acts)
        if case.was_begun:
            return
        try:
            self._check(alert)
            if (cap := self._caps.claim(alert.source, name)) is not None:
                case.tell("capped", cap)
                return
            self._do(case, self._data.actions[name])
        except Refusal as refusal:
            case.tell("refused", str(refusal))
        except OSError as error:
            case.tell("failed", error.strerror or str(error))

    def _check(self, alert: Alert) -> None:
        """Check that actions are taken at all, and that *alert* is new.

        :raises Refusal: they are not, or it is not.
        """
        if self.stopped:
            raise Refusal("all actions are stopped, until falcohost actions resume")
        age = time.time_ns() - alert.time
        if age > OLDEST:
            raise Refusal(f"the alert is older than {OLDEST / 1e9:.0f} s")
        if age < -NEWEST:
            raise Refusal("the alert is of the future")

    def _do(self, case: Case, action: ActionData) -> None:
        if action.kind == KILL:
            self._signalling.kill(case, action.settings)
        elif action.kind == STOP:
            self._freezing.stop(case)
        else:
            self._pass_on(case, action.kind)

    def _pass_on(self, case: Case, kind: str) -> None:
        """Have another process take an action that is no signal; not about what the agent itself does."""
        if case.pid and self._agent in (case.pid, *ancestors(case.pid)):
            raise Refusal(f"process {case.pid} is the agent's, perhaps that of an action")
        body = encode_alert(case.alert)
        if case.begins(f"take the action, of type {kind}"):
            self._number += 1
            self._link.send(messages.Do(self._number, case.outcome("done", ""), body))
