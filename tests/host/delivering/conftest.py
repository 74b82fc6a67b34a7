"""A store in a process of its own as the outputs process sees it, over real sockets."""

import socket
import threading

import msgspec
import pytest

from falcohost.engine.alerts import AlertMaker
from falcohost.host.delivering.remote import RemoteStore
from falcohost.host.storing.intake import Intake
from falcohost.host.supervision.loop import Loop
from falcohost.store.answers import AnswerAdmission
from falcohost.store.arrival import Arrival
from falcohost.store.limits import Limits
from falcohost.store.store import Store
from falcohost.testing.outputs import alert
from falcohost.testing.waiting import wait_until

#: Outputs and subscribers, and whether they raise alerts.
TAKERS = {"a": True, "b": False, "pairs": True, "out": False}


class Served:
    """A store in *path* with its intake, in a loop of its own thread.

    :ivar accused: what others were accused of.
    """

    def __init__(self, path=None):
        self.store = Store(path, Limits())
        self.accused = []
        self._loop = Loop()
        self._todo = []
        self._over = False
        maker = AlertMaker("host")
        self._intake = Intake(
            self._loop,
            self.store,
            maker,
            {},
            AnswerAdmission(TAKERS),
            lambda _: None,
            lambda *one: self._accuse(one),
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _accuse(self, told):
        self.accused.append(told)

    def _run(self):
        while not self._over:
            self._loop.turn(0.005)
            while self._todo:
                self._todo.pop(0)()
            self._intake.commit()
        self._intake.commit()
        self._intake.close()
        self.store.close()

    def socket(self):
        """Return a socket for an outputs process."""
        here, there = socket.socketpair()
        self._todo.append(lambda: self._intake.attach_outputs(here))
        return there

    def put(self, *names, source="test"):
        """Have alerts with these ids stored, and return when they are."""
        new = [msgspec.structs.replace(alert(name), id=name) for name in names]
        last = self.store.last + len(new)
        self._todo.append(lambda: self._intake.take(Arrival(source, new)))
        wait_until(lambda: self.store.last >= last)

    def end(self):
        """End it; what was stored stays, if it is in a file."""
        self._over = True
        self._thread.join()


class Seen:
    """The store as an outputs process sees it; a thread reads what the store says, as in that process."""

    def __init__(self, served):
        self.served = served
        self.view = RemoteStore(served.socket(), lambda: self.served.socket())
        self.notified = threading.Event()
        self.notify = self.notified.set
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def begin(self):
        """Begin to read, once all subscribers are there."""
        self._thread.start()
        return self.view

    def _run(self):
        while not self._over:
            if self.view.pump():
                self.notify()
            if self.view.fileno() is None and self.served is not None:
                self.view.renew(self.served.socket())
            threading.Event().wait(0.001)

    def lose(self):
        """End the store; who sees it has none until the test sets another one."""
        former, self.served = self.served, None
        former.end()
        wait_until(lambda: self.view.fileno() is None)

    def end(self):
        """End."""
        self._over = True
        if self._thread.is_alive():
            self._thread.join()


@pytest.fixture
def served(tmp_path):
    """Return a function that returns a store in a file, the same file each time."""
    all_served = []

    def served():
        all_served.append(Served(tmp_path / "state.db"))
        return all_served[-1]

    yield served
    for one in all_served:
        one.end()


@pytest.fixture
def seen(served):
    """Return a store as an outputs process sees it."""
    seen = Seen(served())
    yield seen
    seen.end()
