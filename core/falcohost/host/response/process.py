"""The process that acts on alerts: has the right to send signals and no other, hears workers, and asks the supervisor.

It is forked by the supervisor, and never returns into the code that forked it; it ends with ``os._exit``.
"""

from __future__ import annotations

import functools
import os
import resource
import signal
import socket
from typing import Final, NoReturn

from falcohost import log
from falcohost.host.channel import Channel
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine, import_lazy
from falcohost.host.forked import say_why, take_over
from falcohost.host.memory import settle
from falcohost.host.response import messages
from falcohost.host.response.acting import Acting
from falcohost.host.response.data import unseal_actions
from falcohost.host.response.given import ACTIONS, KEPT, ActionsGiven
from falcohost.host.response.link import Heard, SupervisorLink
from falcohost.host.response.marks import Marks
from falcohost.host.response.request import MOST, unpack
from falcohost.host.supervision.loop import Loop
from falcohost.host.wire import LogLine
from falcohost.store.outline import UNDECODABLE

#: Most requests of one source that are taken before others are heard.
AT_ONCE: Final = 64


def run_actions(given: ActionsGiven, parent: int, link: socket.socket) -> NoReturn:
    """Run the process."""
    status = 1
    try:
        take_over({link.fileno(), given.data, *given.marks}, parent, ACTIONS)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the supervisor says when to end
        channel: Channel[messages.FromSupervisor] = Channel(link, messages.FromSupervisor, attached=True)
        log.forward(lambda level, text: channel.send(LogLine(level, text)))
        _run(given, channel, parent)
        status = 0
    except (SystemExit, Exception):
        say_why(parent)
    finally:
        os._exit(status)


def _run(given: ActionsGiven, channel: Channel[messages.FromSupervisor], parent: int) -> None:
    close_the_way_back()
    import_lazy()
    data = unseal_actions(given.data)
    os.close(given.data)
    namespace = os.stat("/proc/self/ns/pid").st_ino  # noqa: PTH116
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # one for each process of a large cgroup
    confine(Confinement(user=given.user, capabilities=KEPT, needs=given.needs, only_log=given.only_log), parent)
    settle()
    loop, link = Loop(), SupervisorLink(channel)
    acting = Acting(data, link, Marks(given.marks), loop, parent, namespace)
    channel.send(messages.Working())
    ActionsProcess(loop, link, acting).run()


class ActionsProcess:
    """Takes the requests of workers to *acting*."""

    def __init__(self, loop: Loop, link: SupervisorLink, acting: Acting) -> None:
        self._loop = loop
        self._link = link
        self._acting = acting

    def run(self) -> None:
        """Run until the supervisor is gone."""
        channel = self._link.channel
        self._loop.watch(channel, channel.send_rest)
        while not channel.closed:
            wait = self._acting.telling.wait
            self._loop.watch_writing(channel, channel.waits_to_send)
            self._loop.turn(60.0 if wait is None else wait)
            for heard in self._link.heard():
                self._obey(heard)
            self._acting.telling.tell_rest()

    def _obey(self, heard: Heard) -> None:
        message = heard.message
        if isinstance(message, messages.Attach):
            self._attach(message.source, socket.socket(fileno=heard.descriptor))
        elif isinstance(message, messages.NewData):
            self._acting.renew(unseal_actions(heard.descriptor))
            os.close(heard.descriptor)
        elif isinstance(message, messages.Stopped):
            self._acting.stopped = message.on
        elif isinstance(message, messages.Tell):
            self._link.send(messages.Working())

    def _attach(self, source: str, link: socket.socket) -> None:
        link.setblocking(False)
        self._loop.watch(link, functools.partial(self._serve, source, link))

    def _serve(self, source: str, link: socket.socket) -> None:
        """Take the requests that have arrived from *source*."""
        try:
            for _ in range(AT_ONCE):
                if not (packet := link.recv(MOST + 1)):
                    raise ConnectionError
                self._acting.take(source, unpack(packet))
        except BlockingIOError:
            return
        except UNDECODABLE as error:
            self._link.send(messages.Accused(source, str(error)[: messages.MOST_TEXT]))
            self._leave(link)
        except OSError:
            self._leave(link)  # the worker has ended

    def _leave(self, link: socket.socket) -> None:
        self._loop.forget(link)
        link.close()
