"""Tells the service manager how the agent is: sd_notify(3), without its library.

Only the supervisor tells, and systemd hears only the main process of the service (``NotifyAccess=main``). Without
systemd there is nobody to tell, and nothing here does anything.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping, Sequence
from typing import Final

from falcohost.clock import SYSTEM, Clock
from falcohost.engine.texts import printable
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import Loop

#: Seconds that systemd may take to make room for a message.
PATIENCE: Final = 1.0

#: Seconds between two looks at what the status says.
LOOK: Final = 1.0

#: Most characters of a status.
MOST_STATUS: Final = 300


class Notify:
    """The socket to the service manager.

    :param address: that of the socket; empty: there is none.
    :param watchdog: seconds after which the service counts as hung if it says nothing; 0: never.
    """

    def __init__(self, address: str = "", watchdog: float = 0.0) -> None:
        self.watchdog = watchdog
        self._was_ready = False
        self._link: socket.socket | None = None
        self._told = ""
        if address:
            name = f"\0{address[1:]}" if address.startswith("@") else address
            with contextlib.suppress(OSError):
                self._link = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                self._link.connect(name)
                self._link.settimeout(PATIENCE)

    @property
    def stores(self) -> bool:
        """Return whether there is somebody who may keep descriptors."""
        return self._link is not None

    def tell(self, *lines: str, descriptors: Sequence[int] = ()) -> bool:
        """Send these assignments, with duplicates of *descriptors*; return whether they were sent."""
        if self._link is None:
            return False
        data = "\n".join(lines).encode(errors="replace")
        try:
            if descriptors:
                socket.send_fds(self._link, [data], descriptors)
            else:
                self._link.send(data)
        except OSError:
            return False
        return True

    def ready(self) -> None:
        """Tell that the agent watches."""
        self._was_ready = True
        self.tell("READY=1")

    def reloaded(self) -> None:
        """Tell that what :meth:`reloading` has told of is over."""
        if self._was_ready:
            self.ready()

    def reloading(self) -> None:
        """Tell that something new is read."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def ending(self, *, restarts: bool) -> None:
        """Tell that the agent ends, or that it begins anew in the same process."""
        if restarts:
            self.reloading()
        else:
            self.tell("STOPPING=1")
        self.status("restarting" if restarts else "ending")

    def status(self, text: str) -> None:
        """Tell in words how the agent is, if that has changed."""
        if text != self._told:
            self._told = text
            self.tell(f"STATUS={printable(text)[:MOST_STATUS]}")

    def alive(self) -> None:
        """Tell that the agent is not hung."""
        if self.watchdog:
            self.tell("WATCHDOG=1")

    def keep_alive(self, loop: Loop) -> None:
        """Tell that from now on, as often as has to be, for as long as *loop* turns."""
        if self.watchdog:
            self.alive()
            loop.after(self.watchdog / 2, lambda: self.keep_alive(loop))


def from_environment(variables: Mapping[str, str] = os.environ) -> Notify:
    """Return what is told where the service manager says (sd_watchdog_enabled(3)).

    The limit is for the process that it names: a watchdog of another process is not ours to feed.
    """
    mine = variables.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    micros = variables.get("WATCHDOG_USEC", "") if mine else ""
    watchdog = int(micros) / 1e6 if micros.isdecimal() and len(micros) < 19 else 0.0
    return Notify(variables.get("NOTIFY_SOCKET", ""), watchdog)


class Status:
    """What the status of the service says: which sources are open. Everybody may read it, so it gives no details."""

    def __init__(self, notify: Notify, children: Sequence[Child], clock: Clock = SYSTEM) -> None:
        self._notify = notify
        self._children = children
        self._clock = clock
        self._due = 0.0

    def look(self) -> None:
        """Tell the status if it has changed, unless the last look was less than :data:`LOOK` seconds ago."""
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + LOOK
            self.tell()

    def tell(self) -> None:
        """Tell the status if it has changed."""
        self._notify.status("; ".join(f"{child.name} {_state(child)}" for child in self._children))


def _state(child: Child) -> str:
    if child.ended:
        return "has ended"
    if child.stalled:
        return "is stalled"
    return "is open" if child.ready else "is not open"
