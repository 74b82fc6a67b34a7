"""The processes that act on alerts: starts them, connects workers with them, shows them what only root sees.

One has the right to send signals, and decides; the other has no rights, and takes the actions that are no signals. What
the first wants of the second goes through here, so that each knows only this process.
"""

from __future__ import annotations

import functools
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from falcohost.agent import Job
from falcohost.alert import Priority
from falcohost.clock import SYSTEM
from falcohost.host import wire
from falcohost.host.checked import Limit
from falcohost.host.jobs import job_of
from falcohost.host.numbers import ActionNumbers
from falcohost.host.response import messages
from falcohost.host.response.given import ActionsGiven, ResponsesGiven, start_actions, start_responses
from falcohost.host.response.state import Switch
from falcohost.host.shortage import no_process
from falcohost.host.snapshot import ActionSnapshot, ActionState
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.images import image_of, open_freezer
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.process import ForkedProcess, start_fork
from falcohost.host.supervision.service import Service
from falcohost.host.supervision.watchdog import RaiseAlert
from falcohost.log import log

#: The rule of alerts about actions.
ACTION: Final = "Falcohost internal: action"

#: Alerts about actions a second, in the long run and at once; an intact process tells fewer.
RATE: Final = 200.0
AT_ONCE: Final = 1000.0

#: Most actions that wait for the other process.
MOST_WAITING: Final = 64

_PRIORITIES: Final = {
    "done": Priority.WARNING,
    "observed": Priority.NOTICE,
    "refused": Priority.NOTICE,
    "capped": Priority.NOTICE,
    "failed": Priority.ERROR,
}


class ResponseGiven(Struct, frozen=True, kw_only=True):
    """What the processes are given, and what is known of actions.

    :ivar responses: None: no action needs that process.
    :ivar names: the names of all actions.
    """

    actions: ActionsGiven
    responses: ResponsesGiven | None
    names: Sequence[str]
    switch: Switch


class Response:
    """The processes, if the configuration needs them: *given* is None if it does not.

    :param children: returns the workers that there are.
    :param send: sends a message with a descriptor to a worker.
    :param accuse: called with a source that has sent what is not valid.
    """

    def __init__(
        self,
        loop: Loop,
        given: ResponseGiven | None,
        children: Callable[[], Sequence[Child]],
        send: Callable[[Child, wire.Down, int], None],
        accuse: Callable[[str, str], None],
        raise_alert: RaiseAlert,
    ) -> None:
        self._loop = loop
        self._given = given
        self._children = children
        self._send = send
        self._accuse = accuse
        self._raise_alert = raise_alert
        self._numbers = {name: ActionNumbers() for name in (given.names if given is not None else ())}
        self._alerts = Limit(RATE, AT_ONCE, SYSTEM)
        self._waiting: dict[int, messages.Do] = {}
        self._actions: Service[messages.ToSupervisor] = Service(
            "actions", loop, self._fork_actions, messages.ToSupervisor, messages.Tell(), self._hear, self._begun,
            raise_alert,
        )  # fmt: skip
        self._responses: Service[messages.FromResponses] = Service(
            "responses", loop, self._fork_responses, messages.FromResponses, messages.Tell(), self._hear_responses,
            self._responses_begun, raise_alert,
        )  # fmt: skip

    def start(self) -> None:
        """Start the processes, if there are to be any."""
        if self._given is not None:
            self._actions.start()
            if self._given.responses is not None:
                self._responses.start()

    def look(self) -> None:
        """Replace a process that is stopped, or does not answer."""
        for service in self._services():
            service.check()

    def replace_stopped(self) -> None:
        """Replace at once a process that a signal has stopped."""
        for service in self._services():
            service.replace_stopped()

    def attach(self, child: Child) -> None:
        """Connect the worker of *child* with the process that acts."""
        if self._given is None or not self._actions.alive:
            return
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with here, there:
            self._actions.send(messages.Attach(child.name), here.fileno())
            self._send(child, wire.NewActions(), there.fileno())

    def go_over(self, data: int | None) -> None:
        """Let the process that acts have the memfd *data* in place of the former one: rules were read again."""
        if data is None:
            return
        if self._given is None:
            os.close(data)
            return
        os.close(self._given.actions.data)
        self._given = replace(self._given, actions=replace(self._given.actions, data=data))
        self._actions.send(messages.NewData(), data)

    def turn(self, *, stopped: bool) -> str:
        """Stop or resume all actions; return why that is not done or does not last, or an empty text."""
        if self._given is None:
            return "this agent takes no actions: actions.enabled is not set, or no rule that it uses has one"
        problem = self._given.switch.turn(stopped=stopped)
        self._actions.send(messages.Stopped(stopped))
        log.warning("All actions are %s", "stopped" if stopped else "resumed")
        text = f"all actions are {'stopped' if stopped else 'resumed'} by a command"
        self._raise_alert(ACTION, Priority.WARNING, text, {"stopped": stopped})
        return f"this lasts only until the agent ends: {problem}" if problem else ""

    @property
    def stopped(self) -> bool:
        """Return whether all actions are stopped."""
        return self._given is not None and self._given.switch.stopped

    def end(self) -> None:
        """End the processes: the agent ends."""
        for service in (self._actions, self._responses):
            service.end()

    @property
    def over(self) -> bool:
        """Return whether there is no process any more."""
        return self._actions.over and self._responses.over

    def restarts(self, name: str) -> int:
        """Return how often the process *name* was started again."""
        return max((self._actions if name == self._actions.name else self._responses).restarts, 0)

    def running(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the pid of each process that there is."""
        yield from ((one.name, one.pid) for one in self._services() if one.alive)

    def job(self, name: str) -> Job | None:
        """Return the job of the process *name*; None: it still prepares it."""
        if self._given is None:
            return None
        if name == self._actions.name:
            return job_of(self._given.actions.needs) if self._actions.answers else None
        known = self._given.responses is not None and self._responses.answers
        return job_of(self._given.responses.needs) if known and self._given.responses is not None else None

    def numbers(self) -> list[ActionSnapshot]:
        """Return what has come of each action."""
        return [ActionSnapshot(ActionState(name, self.stopped), one) for name, one in self._numbers.items()]

    def _services(self) -> Iterator[Service[messages.ToSupervisor] | Service[messages.FromResponses]]:
        if self._given is not None:
            yield self._actions
            if self._given.responses is not None:
                yield self._responses

    def _fork_actions(self) -> ForkedProcess:
        assert self._given is not None
        return start_fork(functools.partial(start_actions, self._given.actions, os.getpid()))

    def _fork_responses(self) -> ForkedProcess:
        assert self._given is not None and self._given.responses is not None
        return start_fork(functools.partial(start_responses, self._given.responses, os.getpid()))

    def _begun(self) -> None:
        self._actions.send(messages.Stopped(self.stopped))
        for child in self._children():
            if child.alive:
                self.attach(child)

    def _responses_begun(self) -> None:
        """Tell that what the former process was doing has come to nothing that is known."""
        waiting, self._waiting = self._waiting, {}
        for do in waiting.values():
            self._tell(
                replace(do.outcome, result="failed", text="its process has ended before it had said what came of it")
            )

    def _hear(self, message: messages.ToSupervisor) -> None:
        if isinstance(message, messages.Look):
            self._actions.send(messages.Seen(message.number, [image_of(pid) for pid in message.pids]))
        elif isinstance(message, messages.OpenFreezer):
            self._open_freezer(message)
        elif isinstance(message, messages.Outcome):
            self._tell(message)
        elif isinstance(message, messages.Do):
            self._pass_on(message)
        elif isinstance(message, messages.Accused):
            self._accuse(message.source, message.error)

    def _open_freezer(self, asked: messages.OpenFreezer) -> None:
        try:
            descriptor = open_freezer(asked.path, asked.cgroup)
        except (OSError, ValueError) as error:
            text = str(error) if not isinstance(error, OSError) else error.strerror or str(error)
            self._actions.send(messages.Freezer(asked.number, text))
            return
        try:
            self._actions.send(messages.Freezer(asked.number), descriptor)
        except OSError as error:  # no second descriptor is free
            self._actions.send(messages.Freezer(asked.number, no_process(error)))
        finally:
            os.close(descriptor)

    def _pass_on(self, do: messages.Do) -> None:
        if not self._responses.alive:
            self._tell(
                replace(do.outcome, result="failed", text="the process that would take it is being started again")
            )
        elif len(self._waiting) >= MOST_WAITING:
            self._tell(replace(do.outcome, result="failed", text=f"{MOST_WAITING} others wait"))
        elif do.number not in self._waiting:
            self._waiting[do.number] = do
            self._responses.send(do)

    def _hear_responses(self, message: messages.FromResponses) -> None:
        if isinstance(message, messages.Done) and (do := self._waiting.pop(message.number, None)) is not None:
            self._tell(replace(do.outcome, result="failed" if message.failed else "done", text=message.text))

    def _tell(self, found: messages.Outcome) -> None:
        """Count *found*, and raise an alert about it."""
        if found.action not in self._numbers:
            return
        self._numbers[found.action] = _plus(self._numbers[found.action], found)
        if not self._alerts.passes():
            return
        times = f" ({found.count} times)" if found.count > 1 else ""
        what = "" if found.result in ("done", "observed") else f"{found.result}: "
        text = f"action '{found.action}' on an alert of the rule '{found.rule}': {what}{found.text}{times}"
        fields = {
            "action": found.action,
            "result": found.result,
            "alert.id": found.alert,
            "alert.rule": found.rule,
            "alert.source": found.source,
            "proc.pid": found.pid,
            "count": found.count,
        }
        self._raise_alert(ACTION, _PRIORITIES[found.result], text, fields)


def _plus(numbers: ActionNumbers, found: messages.Outcome) -> ActionNumbers:
    return replace(numbers, **{found.result: getattr(numbers, found.result) + found.count})
