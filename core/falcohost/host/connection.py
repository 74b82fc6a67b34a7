"""The client's end of the control socket, over which other commands ask a running agent for its numbers.

The socket is in the state directory, and both belong to the agent's user, so nobody else can connect. Requests and
answers are lines of JSON. The agent's end is :mod:`falcohost.host.control`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from falcohost.errors import StateError
from falcohost.host.snapshot import Snapshot, decode
from falcohost.store.orders import Done, Order

NAME = "agent.sock"

#: What the store process says first to a client; most bytes of an order.
GREETING: Final = b"store\n"
LONGEST_ORDER: Final = 1 << 16

#: Seconds to wait for an answer.
PATIENCE = 5.0

#: Seconds to wait for the check of an upgrade.
UPGRADING = 330.0
_SILENT = f"falcohost does not answer within {PATIENCE:.0f} s"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request for a :class:`Snapshot`, or for an upgrade.

    :ivar measure: also measure what events cost, until the connection ends.
    :ivar upgrade: go over to the installed version; the answer is :class:`Upgrade`.
    :ivar actions: stop or resume all actions; the answer is :class:`Upgrade`.
    :ivar store: hand the connection over to the store process, which sends :data:`GREETING` and takes one order.
    """

    measure: bool = False
    upgrade: bool = False
    store: bool = False
    actions: Literal["", "stop", "resume"] = ""


class Upgrade(msgspec.Struct, frozen=True):
    """What comes of an upgrade, or of a command about actions. *problem*: why it is not done; empty: it is."""

    problem: str


class NotRunning(StateError):
    """There is no agent."""


class NoStore(StateError):
    """The agent has no store process just now; nothing was done."""


class Connection:
    """A connection to the agent that uses the state directory *directory*."""

    def __init__(self, directory: Path) -> None:
        """Connect.

        :raises NotRunning: no agent runs there.
        :raises StateError: it belongs to another user.
        """
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.settimeout(PATIENCE)
        try:
            with reachable(directory) as path:
                self._link.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            running = f"no falcohost is running with the state directory {directory}"
            problem = f"{running}; start one, or name its directory with --state-dir"
            raise NotRunning(problem) from error
        except PermissionError as error:
            problem = f"the falcohost that uses {directory} belongs to another user; run this command with sudo"
            raise StateError(problem) from error
        except (BlockingIOError, TimeoutError) as error:
            raise StateError(_SILENT) from error
        except OSError as error:
            raise StateError(f"{directory}/{NAME}: {error.strerror}") from error
        self._answers = self._link.makefile("rb")

    def ask(self, *, measure: bool = False) -> Snapshot:
        """Return the agent's numbers.

        :raises StateError: the agent has ended, or does not answer.
        """
        try:
            self._link.sendall(msgspec.json.encode(Request(measure)) + b"\n")
            line = self._answers.readline()
        except TimeoutError as error:
            raise StateError(_SILENT) from error
        except OSError as error:
            raise StateError("falcohost has ended") from error
        if not line.endswith(b"\n"):
            raise StateError("falcohost has ended")
        try:
            return decode(line)
        except msgspec.DecodeError as error:
            raise StateError("the running falcohost has a different version from this command; restart it") from error

    def upgrade(self) -> str:
        """Have the agent go over to the installed version; return why it does not, or an empty text.

        :raises StateError: the agent has ended, or does not answer.
        """
        self._link.settimeout(UPGRADING)
        try:
            self._link.sendall(msgspec.json.encode(Request(upgrade=True)) + b"\n")
            line = self._answers.readline()
        except TimeoutError as error:
            raise StateError(f"falcohost does not answer within {UPGRADING:.0f} s") from error
        except OSError as error:
            raise StateError("falcohost has ended") from error
        if not line.endswith(b"\n"):
            raise StateError("falcohost has ended, or is of a version that cannot be upgraded like this; restart it")
        try:
            return msgspec.json.decode(line, type=Upgrade).problem
        except msgspec.DecodeError as error:
            raise StateError("the running falcohost has a different version from this command; restart it") from error

    def turn_actions(self, *, stopped: bool) -> str:
        """Stop or resume all actions; return what is wrong with that, or an empty text.

        :raises StateError: the agent has ended, does not answer, or is of an earlier version.
        """
        try:
            request = Request(actions="stop" if stopped else "resume")
            self._link.sendall(msgspec.json.encode(request) + b"\n")
            return msgspec.json.decode(self._answers.readline(), type=Upgrade).problem
        except TimeoutError as error:
            raise StateError(_SILENT) from error
        except (OSError, msgspec.DecodeError) as error:
            raise StateError("falcohost has ended, or is of a version without actions") from error

    def order(self, order: Order) -> Done:
        """Have the store process carry out *order*; return what has come of it.

        :raises NoStore: nobody takes it.
        :raises StateError: the agent has ended, or does not answer.
        """
        try:
            self._link.sendall(msgspec.json.encode(Request(store=True)) + b"\n")
            if self._answers.readline() != GREETING:
                raise NoStore(
                    "falcohost does not take this command: its store is being replaced, it is ending, or it is of an "
                    "earlier version"
                )
            self._link.sendall(msgspec.json.encode(order) + b"\n")
            return msgspec.json.decode(self._answers.readline(), type=Done)
        except TimeoutError as error:
            raise StateError(_SILENT) from error
        except (OSError, msgspec.MsgspecError) as error:
            raise StateError("falcohost's store has ended before it has answered; look whether it is done") from error

    def wait_for_end(self, seconds: float) -> None:
        """Wait until the agent has closed the connection, at most so many *seconds*."""
        self._link.settimeout(seconds)
        with contextlib.suppress(OSError):
            while self._answers.read(1):
                pass

    @property
    def supervisor(self) -> int:
        """Return the process id of the agent (unix(7), SO_PEERCRED)."""
        pid, _, _ = struct.unpack("3i", self._link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)

    def close(self) -> None:
        """Close the connection; the agent stops measuring for us."""
        self._answers.close()
        self._link.close()


@contextlib.contextmanager
def reachable(directory: Path) -> Iterator[str]:
    """Yield a short path to the socket, through a descriptor: a socket address holds at most 107 bytes (unix(7))."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
