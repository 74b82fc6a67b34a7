"""Serves the endpoints and makes snapshots, in one event loop, until the supervisor is gone."""

from __future__ import annotations

import asyncio
import logging
import os

import msgspec

from falcohost.host.channel import Channel
from falcohost.host.health import messages
from falcohost.host.health.data import HealthData, unseal_health
from falcohost.host.health.endpoints import LIMITS, Desk, application
from falcohost.host.health.process import Opened
from falcohost.host.health.samples import Samples
from falcohost.host.health.told import Told
from falcohost.jsonlog.refusals import Refusals
from falcohost.log import log
from falcohost.outputs.lines import ShortWrite, write_all
from falcohost.web.connections import Connections
from falcohost.web.door import Door
from falcohost.web.pages import Pages

#: Largest body of a request: none has one.
_BODY = 1024


class Serving:
    """Serves with *data* on what was *opened*."""

    def __init__(self, data: HealthData, opened: Opened, supervisor: Channel[messages.FromSupervisor]) -> None:
        self._opened = opened
        self._supervisor = supervisor
        self._told = Told(lambda: self._say(messages.Ask()))
        self._desk = Desk(data, self._told, opened.machine)
        self._samples = Samples(data, opened.machine)
        self._writes = True

    async def run(self) -> None:
        """Run until the supervisor is gone."""
        logging.getLogger("tornado").setLevel(logging.CRITICAL)  # mistakes of clients do not belong in our log
        loop, gone = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(self._supervisor.fileno(), self._hear, gone)
        for message in self._opened.heard:
            self._take(message)
        door = self._door()
        for listening in self._opened.sockets:
            door.open(listening)
        sweeping = asyncio.create_task(door.sweep())
        await gone.wait()
        sweeping.cancel()

    def _door(self) -> Door:
        refusals = Refusals()
        connections = Connections("webserver", LIMITS, refusals, reserves=False)
        self._desk.connections = connections
        app = application(self._desk)
        pages = Pages(app, self._opened.tls, LIMITS, connections, largest_body=_BODY)
        return Door(pages, self._opened.tls, LIMITS, connections, refusals)

    def _say(self, message: msgspec.Struct) -> None:
        self._supervisor.send(message)
        self._look_whether_it_is_sent()

    def _look_whether_it_is_sent(self) -> None:
        loop, link = asyncio.get_running_loop(), self._supervisor.fileno()
        if self._supervisor.waits_to_send:
            loop.add_writer(link, self._send_rest)
        else:
            loop.remove_writer(link)

    def _send_rest(self) -> None:
        self._supervisor.send_rest()
        self._look_whether_it_is_sent()

    def _hear(self, gone: asyncio.Event) -> None:
        for message in self._supervisor.read():
            self._take(message)
        if self._supervisor.closed or self._supervisor.refused is not None:
            asyncio.get_running_loop().remove_reader(self._supervisor.fileno())
            gone.set()

    def _take(self, message: messages.FromSupervisor) -> None:
        if isinstance(message, messages.NewData):
            while len(self._supervisor.attached) > 1:
                os.close(self._supervisor.attached.popleft())  # what was sent before is out of date
            if self._supervisor.attached:
                self._renew(self._supervisor.attached.popleft())
        self._told.hears(message)
        if isinstance(message, messages.Tell):
            self._say(messages.Working())
        elif isinstance(message, messages.Numbers) and message.sample:
            self._sample()

    def _renew(self, descriptor: int) -> None:
        data = unseal_health(descriptor)
        os.close(descriptor)
        self._desk.renew(data)
        self._samples.renew(data)

    def _sample(self) -> None:
        """Write the snapshot of each source to the file, and have the supervisor raise the alerts."""
        if self._told.latest is None:
            return
        for fields in self._samples.take(self._told.latest, self._told.reloaded):
            if self._samples.rule:
                self._say(messages.Sample(fields))
            if self._opened.file is not None:
                self._write(self._samples.line(fields))

    def _write(self, line: bytes) -> None:
        assert self._opened.file is not None
        try:
            write_all(self._opened.file, line)
            self._writes = True
        except ShortWrite as error:
            if self._writes:
                log.error("metrics.output_file cannot be written: %s", error.error.strerror)
            self._writes = False
