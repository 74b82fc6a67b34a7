"""The process that watches, as the worker starts it, and questions to it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import msgspec

from falcohost.port import SocketPort
from falcohost.readable import readable
from falcohost.testing.waiting import PATIENCE, SLOWNESS, wait_until
from falcohost_k8smeta.config import Config
from falcohost_k8smeta.rows import Answer, Question, Row

SERVE = """
import json, socket, sys
from falcohost_k8smeta.helper import serve
serve(socket.socket(fileno=int(sys.argv[1])), json.loads(sys.argv[2]))
"""


class Watcher:
    """The process."""

    def __init__(self, config: Config) -> None:
        here, there = socket.socketpair()
        settings = json.dumps(msgspec.to_builtins(config))
        command = [sys.executable, "-c", SERVE, str(there.fileno()), settings]
        self.process = subprocess.Popen(command, pass_fds=[there.fileno()])
        there.close()
        self._port: SocketPort[Question, Answer] = SocketPort(here, Answer)

    def ask(self, uid: str = "", *, all: bool = True) -> Answer:
        """Return the answer to a question."""
        assert self._port.ask(Question(uid, all))
        assert readable([self._port.fileno()], PATIENCE * SLOWNESS)
        found: list[Answer] = []
        wait_until(lambda: found.extend(self._port.answers()) or found)
        return found[0]

    def row(self, uid: str) -> Row:
        """Return the row of a pod, once it is known."""
        found: list[Row] = []

        def look() -> bool:
            row = self.ask(uid).row
            found.extend([] if row is None else [row])
            return bool(found)

        wait_until(look, lambda: self.ask().problem)
        return found[0]

    def wait_for_problem(self, text: str) -> None:
        """Wait until a problem with this text is told; an empty one: until there is none."""

        def told() -> bool:
            problem = self.ask().problem
            return text in problem if text else not problem

        wait_until(told, lambda: self.ask().problem)

    def close(self) -> None:
        """End the process."""
        self._port.close()
        self.process.wait(PATIENCE * SLOWNESS)
