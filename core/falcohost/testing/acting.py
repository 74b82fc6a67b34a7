"""What acts on alerts, without the agent around it, and processes to act on: for tests of actions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from falcohost.alert import Alert, Priority
from falcohost.host.config.response import ProtectedConfig
from falcohost.host.response.acting import Acting
from falcohost.host.response.data import ActionData, ActionsData
from falcohost.host.response.marks import Marks
from falcohost.host.response.processes import TICK, stat_of
from falcohost.host.response.protection import Image
from falcohost.host.response.request import Request
from falcohost.host.supervision.images import image_of, open_freezer
from falcohost.host.supervision.loop import Loop
from falcohost.lang.default_source import DEFAULT_SOURCE
from falcohost.subject import ProcessSubject
from falcohost.testing.waiting import PATIENCE

#: Waits for its end.
SLEEPER: Final = "import time; print(1, flush=True); time.sleep(1000)"


class Link:
    """A supervisor that answers at once, in this process; what it was told is in *told*."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def send(self, message: Any) -> None:
        """Take a message."""
        self.told.append(message)

    def look(self, pids: Sequence[int]) -> list[Image | None]:
        """Return what these processes run."""
        return [image_of(pid) for pid in pids]

    def open_freezer(self, path: str, cgroup: int) -> int:
        """Return what freezes a cgroup."""
        return open_freezer(path, cgroup)


class Actor:
    """What acts on alerts, and what has come of that."""

    def __init__(self, agent: int, marks: Sequence[int], **changes: Any) -> None:
        self.loop, self.link = Loop(), Link()
        data: dict[str, Any] = {
            "hostname": "host",
            "acts": True,
            "per_minute": 60,
            "protected": ProtectedConfig((), (), ()),
            "actions": {"zap": kill()},
            "bound": {DEFAULT_SOURCE: {"Shell": ("zap",)}},
        }
        namespace = Path("/proc/self/ns/pid").stat().st_ino
        link: Any = self.link
        self.acting = Acting(ActionsData(**data | changes), link, Marks(marks), self.loop, agent, namespace)

    def take(self, *alerts: Alert, source: str = DEFAULT_SOURCE) -> None:
        """Act on *alerts*."""
        for alert in alerts:
            self.acting.take(source, Request(alert))

    def outcomes(self, count: int) -> list[Any]:
        """Return what has come of so many actions."""
        end = time.monotonic() + PATIENCE
        while len(self.link.told) < count:
            assert time.monotonic() < end, self.link.told
            self.loop.turn(0.05)
            self.acting.telling.tell_rest()
        return self.link.told[:count]

    def outcome(self) -> Any:
        """Return what has come of one action, and forget it."""
        (found,) = self.outcomes(1)
        self.link.told.clear()
        return found


def kill(signal: str = "SIGKILL", scope: str = "process", per_minute: int = 6000) -> ActionData:
    """Return an action of the type ``kill``."""
    return ActionData("kill", f'{{"signal": "{signal}", "scope": "{scope}"}}'.encode(), per_minute)


def about(pid: int, number: int = 1, *, at: int | None = None, rule: str = "Shell", **changes: Any) -> Alert:
    """Return an alert about the process *pid*, which is as old as it is."""
    stat = stat_of(pid)
    assert stat is not None
    subject = ProcessSubject(pid, stat.start * TICK, Path(f"/proc/{pid}/ns/pid").stat().st_ino, None)
    given: dict[str, Any] = {
        "id": f"{number:024x}",
        "rule": rule,
        "priority": Priority.NOTICE,
        "source": DEFAULT_SOURCE,
        "time": time.time_ns() if at is None else at,
        "message": "x",
        "output": "x",
        "fields": {},
        "hostname": "host",
        "subjects": (subject,),
    }
    return Alert(**given | changes)


def gone(pid: int) -> bool:
    """Wait until process *pid* has ended; its parent may not know it yet."""
    end = time.monotonic() + PATIENCE
    while (stat := stat_of(pid)) is not None and not stat.ended:
        assert time.monotonic() < end
        time.sleep(0.01)
    return True


def alive(pid: int) -> bool:
    """Return whether process *pid* lives."""
    stat = stat_of(pid)
    return stat is not None and not stat.ended


def state(pid: int) -> str:
    """Return the letter of the state of process *pid*."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
