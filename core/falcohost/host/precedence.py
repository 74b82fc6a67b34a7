"""Has the agent go before other programs where processors are short, so that a flood does not make its alerts late.

A user who floods with many processes has most of the processors; an agent with an equal share reads what they do for
seconds. With precedence it still uses no more than it needs.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

from falcohost.log import log

# The kernel may share out processors by session first (sched(7), "The autogroup feature").
_SESSION: Final = Path("/proc/self/autogroup")


def take_precedence(nice: int) -> None:
    """Give this process, and those that it starts later, the value *nice* (setpriority(2)), unless its value is not 0.

    With it the processes' session, if this process leads it.
    """
    if nice == 0 or os.getpriority(os.PRIO_PROCESS, 0) != 0:
        return
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except OSError as error:
        log.info("falcohost.nice: processes keep their precedence, which takes CAP_SYS_NICE: %s", error.strerror)
        return
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):  # there are no such groups
            _SESSION.write_text(str(nice))


def give_up_precedence() -> None:
    """Take the ordinary place again, for a program that is not the agent's."""
    if os.getpriority(os.PRIO_PROCESS, 0) < 0:
        os.setpriority(os.PRIO_PROCESS, 0, 0)
