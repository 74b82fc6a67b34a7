"""Processes to act on, and the process that acts, without the agent around it."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from falcohost.host.config.response import ProtectedConfig
from falcohost.host.response.protection import Protection
from falcohost.host.response.state import open_marks
from falcohost.testing.acting import SLEEPER, Actor


@pytest.fixture
def marks(tmp_path):
    """Return the descriptors of files of marks."""
    descriptors = open_marks(tmp_path)
    yield descriptors
    for one in descriptors:
        os.close(one)


@pytest.fixture
def run():
    """Return a function that runs a program of Python, which says when it is ready; all are killed in the end."""
    running = []

    def run(text, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-c", text, *arguments], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
        )
        running.append(process)
        process.said = process.stdout.readline().split()
        return process

    yield run
    for process in running:
        process.kill()
        process.wait()
        for pid in getattr(process, "said", ()):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def sleeper(run):
    """Return a process that waits for its end."""
    process = run(SLEEPER)
    process.said = ()
    return process


@pytest.fixture
def agent(run):
    """Return a process that is taken for the supervisor."""
    process = run(SLEEPER)
    process.said = ()
    return process.pid


@pytest.fixture
def actor(agent, marks):
    """Return a function that returns what acts, with changed data."""
    return lambda **changes: Actor(agent, marks, **changes)


@pytest.fixture
def protection(agent):
    """Return a function that returns a protection."""
    return lambda **changes: Protection(
        ProtectedConfig(**{"programs": (), **changes}), agent, Path("/proc/self/ns/pid").stat().st_ino
    )
