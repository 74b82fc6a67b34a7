"""Programs that tests start: daemons of runtimes, and commands that talk to them."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from falcohost.testing import skip_or_fail
from falcohost.testing.images import is_static
from falcohost.testing.waiting import PATIENCE, wait_until


def need(what: str, *programs: str) -> None:
    """Skip where a program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing or not is_static():
        skip_or_fail(what, f"{', '.join(missing) or 'a static busybox'} missing: apt-get install {what} busybox-static")


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command; return what it wrote."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=os.environ | (env or {}),
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stderr}"
    return done.stdout.strip()


@contextmanager
def process(*command: str, until: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """Run a program while its socket *until* is needed."""
    started = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ | (env or {})
    )
    try:
        wait_until(lambda: until.exists() or started.poll() is not None)
        assert started.poll() is None
        yield
    finally:
        started.terminate()
        started.wait(PATIENCE)
