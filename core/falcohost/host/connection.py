"""The socket in the state directory by which other commands ask a running agent for its numbers: their end.

Only who may enter the directory can connect: it is the agent's user's, and so is the socket. A request is a line of
JSON, and so is each answer. The agent's end is :mod:`falcohost.host.control`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import msgspec

from falcohost.errors import StateError
from falcohost.host.snapshot import Snapshot, decode

NAME = "agent.sock"

#: Seconds that an answer is waited for.
PATIENCE = 5.0
_SILENT = f"falcohost does not answer within {PATIENCE:.0f} s"


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for a :class:`Snapshot`. *measure*: until the connection ends, measure what events cost."""

    measure: bool = False


class Connection:
    """A connection to the agent whose state is in *directory*."""

    def __init__(self, directory: Path) -> None:
        """Connect.

        :raises StateError: no agent runs there, or it is not ours to ask.
        """
        self._link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._link.settimeout(PATIENCE)
        try:
            with reachable(directory) as path:
                self._link.connect(path)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            problem = f"no falcohost runs with its state in {directory}; start one, or name another with --state-dir"
            raise StateError(problem) from error
        except PermissionError as error:
            raise StateError(f"the falcohost in {directory} is another user's; run this with sudo") from error
        except (BlockingIOError, TimeoutError) as error:
            raise StateError(_SILENT) from error
        except OSError as error:
            raise StateError(f"{directory}/{NAME}: {error.strerror}") from error
        self._answers = self._link.makefile("rb")

    def ask(self, *, measure: bool = False) -> Snapshot:
        """Return the agent's numbers.

        :raises StateError: it has ended, or does not answer.
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
            raise StateError("the running falcohost is of another version than this one; restart it") from error

    @property
    def supervisor(self) -> int:
        """Return the process id of the agent (unix(7), SO_PEERCRED)."""
        pid, _, _ = struct.unpack("3i", self._link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)

    def close(self) -> None:
        """Leave; the agent measures no more for us."""
        self._answers.close()
        self._link.close()


@contextlib.contextmanager
def reachable(directory: Path) -> Iterator[str]:
    """Give the socket's path by way of a descriptor: the address of a socket holds no more than 107 bytes (unix(7))."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)
