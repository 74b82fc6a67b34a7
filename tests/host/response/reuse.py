"""Run in a pid namespace of its own: lets processes end and their pids be taken again, while they are to be killed.

Prints how many processes were killed that should have been, and how many newcomers were.
"""

import contextlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

from falcohost.host.response.processes import TICK, stat_of
from falcohost.host.response.target import Refusal, find
from falcohost.subject import ProcessSubject

#: Few pids, so that they are soon used again; and how many processes wait at a time.
PIDS = 400
POOL = 40


def sleeper():
    """Return the pid of a process that waits to be killed, or for the end of this one."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
        os._exit(0)
    return pid


def newcomer(pid):
    """Return a new process that has this *pid*; None: another one got it."""
    Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
    new = sleeper()
    if new == pid:
        return new
    ended(new)
    return None


def ended(pid):
    """Kill a process, and return when it is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def killer():
    """Return a process that kills what it is told to, as the agent does; and the pipes to and from it."""
    asks, ask = os.pipe()
    answer, answers = os.pipe()
    pid = os.fork()
    if pid == 0:
        with os.fdopen(asks) as lines:
            for line in iter(lines.readline, ""):
                one, start, at = map(int, line.split())
                try:
                    target = find(ProcessSubject(one, start), at)
                    sent = target.signal(signal.SIGKILL)
                    target.close()
                except Refusal:
                    sent = False
                os.write(answers, b"y" if sent else b"n")
        os._exit(0)
    return ask, answer


def main(tries):
    Path("/proc/sys/kernel/pid_max").write_text(str(PIDS))
    ask, answer = killer()
    hit = killed = refused = same = 0
    while tries > 0:
        fresh = random.random() < 0.8  # so its event is in the tick of its start, in which its pid is taken again
        pool = [stat_of(sleeper()) for _ in range(1 if fresh else min(POOL, tries))]
        if not fresh:
            time.sleep(0.03)
        for one in pool:
            tries -= 1
            request = f"{one.pid} {one.start * TICK} {time.time_ns()}\n".encode()
            stays = random.random() < 0.05
            early = random.random() < 0.5
            if early:
                os.write(ask, request)
            if stays:
                new = None
            else:
                ended(one.pid)
                new = newcomer(one.pid)
                same += new is not None
            if not early:
                os.write(ask, request)
            sent = os.read(answer, 1) == b"y"
            refused += not sent
            if stays:
                ended_by_us = os.waitpid(one.pid, os.WNOHANG)[0] if not sent else os.waitpid(one.pid, 0)[0]
                killed += sent and ended_by_us == one.pid
                if not sent:
                    ended(one.pid)
            elif new is not None:
                time.sleep(0.005 if sent else 0)
                if os.waitpid(new, os.WNOHANG)[0] == new:
                    hit += 1
                else:
                    ended(new)
    print(json.dumps({"newcomers": same, "hit": hit, "killed": killed, "refused": refused}))


main(int(sys.argv[1]))
