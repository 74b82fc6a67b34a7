"""Does something in a short-lived process of its own, which may fail, hang or keep secrets in its memory."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Set
from typing import NoReturn

from falcohost import log
from falcohost.errors import FalcohostError
from falcohost.host.forked import fork_held, reaped, take_over

#: Most bytes of an error; they fit into a pipe, so that writing them never waits.
LONGEST = 4096


class Errand:
    """Runs *do* in a fork of this process, in which only the descriptors *keep* stay open.

    :ivar finished: becomes readable when it has ended.
    :raises OSError: there can be no process.
    """

    def __init__(self, do: Callable[[], object], keep: Set[int]) -> None:
        self._answer, answer = os.pipe2(os.O_CLOEXEC)
        parent = os.getpid()
        try:
            self._pid, self.finished = fork_held(lambda: _run(do, {answer, *keep}, answer, parent))
        except OSError:
            os.close(self._answer)
            raise
        finally:
            os.close(answer)

    def kill(self) -> None:
        """Kill it."""
        os.kill(self._pid, signal.SIGKILL)

    def error(self) -> str | None:
        """Return why it failed, once it has ended; None if it has not failed."""
        os.close(self.finished)
        status = reaped(self._pid)
        with os.fdopen(self._answer, "rb") as answer:
            text = answer.read(LONGEST).decode(errors="replace")
        if status == 0:
            return None
        return text or "its process was killed"


def _run(do: Callable[[], object], keep: Set[int], answer: int, parent: int) -> NoReturn:
    status = 1
    try:
        take_over(keep, parent)
        log.mute()
        do()
        status = 0
    except FalcohostError as error:
        os.write(answer, str(error).encode()[:LONGEST])
    except Exception as error:
        os.write(answer, f"{type(error).__name__}: {error}".encode()[:LONGEST])
    finally:
        os._exit(status)
