"""The process that takes actions that are no signals: programs, posts, and plugins' actions, each in a thread.

It has no rights; it only gets alerts that the process that acts has decided about. It is forked by the supervisor, and
never returns into the code that forked it; it ends with ``os._exit``.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from falcohost import log
from falcohost.action import Action, ActionSpec
from falcohost.alert import Alert
from falcohost.engine.alerts import JsonOptions
from falcohost.environment import without_base
from falcohost.errors import FalcohostError, OutputLost
from falcohost.hookspecs import Output
from falcohost.host.channel import Channel
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine, import_lazy
from falcohost.host.enabled_subscribers import make_output, make_redactor
from falcohost.host.forked import say_why, take_over
from falcohost.host.memory import settle
from falcohost.host.plugins import load_data
from falcohost.host.response import messages
from falcohost.host.response.data import ResponderData, ResponsesData, unseal_responses
from falcohost.host.response.given import RESPONSES, ResponsesGiven
from falcohost.host.response.request import decode_alert
from falcohost.host.wire import LogLine
from falcohost.host.worker_data import as_texts
from falcohost.outputs import BUILT_IN
from falcohost.outputs.formats import make_format
from falcohost.outputs.program_run import RunFailed
from falcohost.programs import run_programs

#: Most alerts that wait for an action. What comes then is not done, which is told.
MOST_WAITING: Final = 16

_JSON: Final = JsonOptions(with_id=True, subjects=True)

#: What was done, by the type of the action.
_DONE: Final = {"program": "has run its program", "http": "has posted the alert"}


class OutputAction:
    """An output that takes one alert at a time, and tries nothing again."""

    def __init__(self, output: Output, done: str) -> None:
        self._output = output
        self._done = done

    def act(self, alert: Alert) -> str:
        """Hand *alert* to the output.

        :raises FalcohostError: it was not taken.
        """
        try:
            self._output.deliver([alert])
        except RunFailed as failed:
            if failed.status != 0:  # a program need not read the alert
                raise
        return self._done

    def close(self) -> None:
        """Close the output."""
        self._output.close()


class Responder(threading.Thread):
    """The thread of one action: takes what was put into its queue, and calls *tell* with what has come of it."""

    def __init__(
        self,
        name: str,
        action: Action,
        redact: Callable[[Alert], Alert] | None,
        tell: Callable[[messages.Done], None],
    ) -> None:
        super().__init__(name=f"action {name}", daemon=True)
        self._action = action
        self._redact = redact
        self._tell = tell
        self._queue: queue.Queue[messages.Do] = queue.Queue(MOST_WAITING)

    def put(self, do: messages.Do) -> bool:
        """Have the action taken; return False if too many wait."""
        try:
            self._queue.put_nowait(do)
        except queue.Full:
            return False
        return True

    def run(self) -> None:
        """Take what was put, one after the other."""
        while True:
            do = self._queue.get()
            try:
                failed, text = False, self._taken(do)
            except OutputLost as error:
                self._tell(messages.Done(do.number, True, str(error)[: messages.MOST_TEXT]))
                os._exit(1)  # only a new process can do better
            except FalcohostError as error:
                failed, text = True, str(error)
            except Exception as error:
                failed, text = True, f"{type(error).__name__}: {error}"
            self._tell(messages.Done(do.number, failed, text[: messages.MOST_TEXT]))

    def _taken(self, do: messages.Do) -> str:
        """Take the action; return what was done."""
        alert = decode_alert(do.alert)
        return str(self._action.act(alert if self._redact is None else self._redact(alert)))


def run_responses(given: ResponsesGiven, parent: int, link: socket.socket) -> NoReturn:
    """Run the process."""
    status = 1
    try:
        take_over({link.fileno(), given.data}, parent, RESPONSES)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor says when to end
        channel: Channel[messages.ToResponses] = Channel(link, messages.ToResponses)
        telling = _Telling(channel)
        log.forward(lambda level, text: telling.say(LogLine(level, text)))
        _run(given, channel, telling, parent)
        status = 0
    except (SystemExit, Exception):
        say_why(parent)
    finally:
        os._exit(status)


class _Telling:
    """What threads say to the supervisor."""

    def __init__(self, channel: Channel[messages.ToResponses]) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self.wakes = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def say(self, message: LogLine | messages.Done | messages.Working) -> None:
        """Send *message*; what the socket does not take waits for :meth:`send_rest`."""
        with self._lock:
            self._channel.send(message)
        os.eventfd_write(self.wakes, 1)

    def send_rest(self) -> bool:
        """Send what waits; return whether something still does."""
        with self._lock:
            self._channel.send_rest()
            return self._channel.waits_to_send


def _run(given: ResponsesGiven, channel: Channel[messages.ToResponses], telling: _Telling, parent: int) -> None:
    close_the_way_back()
    import_lazy()
    if given.programs is not None:
        run_programs(given.programs)
    data = unseal_responses(given.data)
    os.close(given.data)
    responders = _responders(data, telling.say)
    confine(Confinement(user=given.user, needs=given.needs, only_log=given.only_log), parent)
    settle()
    for responder in responders.values():
        responder.start()
    telling.say(messages.Working())
    _serve(channel, telling, responders)


def _responders(data: ResponsesData, tell: Callable[[messages.Done], None]) -> dict[str, Responder]:
    """Return the threads of all actions, not yet started.

    :raises FalcohostError: an action cannot be made.
    """
    os.environ.update(without_base(as_texts(data.environment)))
    plugins = load_data(data.plugins, as_texts(data.static)) if data.plugins else None
    offered = {} if plugins is None else plugins.actions()
    redact = make_redactor(data.redaction) if any(one.redact for one in data.actions.values()) else None

    return {
        name: Responder(name, _action(name, one, offered), redact if one.redact else None, tell)
        for name, one in data.actions.items()
    }


def _action(name: str, one: ResponderData, offered: Mapping[str, ActionSpec]) -> Action:
    if one.kind in _DONE:
        block = {**one.settings, "called": f"actions.define.{name}"}
        return OutputAction(make_output(BUILT_IN[one.kind], block, make_format("json", _JSON)), _DONE[one.kind])
    return offered[one.kind].make(one.settings)


def _serve(channel: Channel[messages.ToResponses], telling: _Telling, responders: Mapping[str, Responder]) -> None:
    """Take what the supervisor says until it is gone."""
    while not channel.closed:
        poll = select.poll()
        poll.register(channel, select.POLLIN | (select.POLLOUT if telling.send_rest() else 0))
        poll.register(telling.wakes, select.POLLIN)
        poll.poll()
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(telling.wakes)
        for message in channel.read():
            if isinstance(message, messages.Tell):
                telling.say(messages.Working())
            elif message.outcome.action not in responders:
                telling.say(messages.Done(message.number, True, "there is no such action"))
            elif not responders[message.outcome.action].put(message):
                telling.say(messages.Done(message.number, True, f"{MOST_WAITING} others wait for it"))
