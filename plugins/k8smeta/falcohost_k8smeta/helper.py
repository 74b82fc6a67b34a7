"""The process that watches the API server: it has the service account's token, and nothing of what the source reads."""

from __future__ import annotations

import os
import socket
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct, structs

from falcohost.by_name import called_by_name
from falcohost.helpers import prepare_threads
from falcohost.needs import CONNECT, THREADS
from falcohost.port import serve_late
from falcohost_k8smeta.cluster import Cluster
from falcohost_k8smeta.config import Config
from falcohost_k8smeta.objects import Pod, Service, Some
from falcohost_k8smeta.owners import Owners
from falcohost_k8smeta.rows import Answer, Question, Row
from falcohost_k8smeta.watching import Collection, Health

#: Seconds for which a pod, or what it belongs to, is waited for; between two looks.
PATIENCE: Final = 3.0
LOOK: Final = 0.02

#: Seconds after which a pod is not waited for that comes while the server is not reached.
AWAY: Final = 5.0

_Tell: TypeAlias = Callable[[Answer], None]


@called_by_name("serve", capabilities=frozenset({"CAP_DAC_READ_SEARCH"}), calls=frozenset({CONNECT, THREADS}))
def serve(link: socket.socket, settings: Mapping[str, Any]) -> None:
    """Answer the source's questions until it ends."""
    prepare_threads()
    watching = Watching(msgspec.convert(settings, Config))
    watching.start()
    serve_late(link, Question, watching.ask)


def _to_the_end(run: Callable[[], None]) -> None:
    """Run until the process ends; what is not expected ends it, and with it the worker, so that both begin anew."""
    try:
        run()
    except BaseException:
        traceback.print_exc()
        os._exit(1)


class _Waiting(Struct):
    """A question that waits until *until*."""

    question: Question
    until: float
    tell: _Tell


class Watching:
    """Watches, and answers when all of a pod is known."""

    def __init__(self, config: Config) -> None:
        self.cluster = Cluster(config.node)
        self._config = config
        self._began = time.monotonic()
        here = self.cluster
        self.pods = Collection(config, "/api/v1/pods", Pod, here.pods, selector=f"spec.nodeName%3D{config.node}")
        self.services = Collection(config, "/api/v1/services", Service, here.services)
        self.namespaces = Collection(config, "/api/v1/namespaces", Some, here.namespaces, partial=True)
        self.owners = Owners(config, here)
        self._questions = threading.Condition()
        self._waiting: list[_Waiting] = []

    def start(self) -> None:
        """Start the threads; without a server or a node there is nothing to watch."""
        runs: dict[str, Callable[[], None]] = {"answers": self.answer}
        if self._config.host and self._config.node:
            runs |= {"pods": self.pods.run, "services": self.services.run}
            runs |= {"namespaces": self.namespaces.run, "owners": self.owners.run}
        for name, run in runs.items():
            threading.Thread(target=_to_the_end, args=(run,), name=name, daemon=True).start()

    def ask(self, question: Question, tell: _Tell) -> None:
        """Call *tell* with the answer, at once or later in another thread."""
        row = self._row(question.uid) if question.uid else None
        if not question.uid or (row is not None and (row.is_whole or not question.all)):
            tell(self._answer(question.uid, row))
            return
        with self._questions:
            self._waiting.append(_Waiting(question, time.monotonic() + PATIENCE, tell))
            self._questions.notify()

    def answer(self) -> None:
        """Answer questions that wait until the process ends."""
        while True:
            with self._questions:
                self._questions.wait_for(lambda: self._waiting)
            self.look()
            time.sleep(LOOK)

    def look(self) -> None:
        """Answer the questions of whose pods enough is known, or will not be known soon."""
        now, away = time.monotonic(), self._away()
        with self._questions:
            waiting, self._waiting = self._waiting, []
        left = []
        for one in waiting:
            row, is_over = self._row(one.question.uid), now >= one.until
            if row is not None and one.question.all and (is_over or row.missing <= away):
                row = structs.replace(row, given_up=not row.is_whole)
            elif (row is None or one.question.all) and not (is_over or (row is None and "Pod" in away)):
                left.append(one)
                continue
            one.tell(self._answer(one.question.uid, row))
        with self._questions:
            self._waiting += left

    def _away(self) -> frozenset[str]:
        """Return what cannot be known soon, since it has not been reached for a while."""
        healths = {
            "Pod": self.pods.health,
            "Service": self.services.health,
            "Namespace": self.namespaces.health,
            "Node": self.owners.health,
            "owners": self.owners.health,
        }
        return frozenset(what for what, health in healths.items() if health.problem()[0] > AWAY)

    def _row(self, uid: str) -> Row | None:
        return self.cluster.row(uid, has_services=self.services.health.reached)

    def _answer(self, uid: str, row: Row | None) -> Answer:
        seconds, problem = self._problem()
        odd = sum(one.health.odd for one in (self.pods, self.services, self.namespaces))
        return Answer(uid, row, len(self.cluster.pods.by_uid), problem, int(seconds), self.cluster.left_out, odd)

    def _problem(self) -> tuple[float, str]:
        """Return what is not reached for the longest time, and for how many seconds."""
        if not self._config.host or not self._config.node:
            lacks = "nodeName" if self._config.host else "apiServer"
            return max(time.monotonic() - self._began, 1.0), f"{lacks} is neither configured nor in the environment"
        healths: list[Health] = [one.health for one in (self.pods, self.services, self.namespaces, self.owners)]
        seconds, problem = max(one.problem() for one in healths)
        return (seconds, f"the API server at {self._config.address}: {problem}") if problem else (0.0, "")
