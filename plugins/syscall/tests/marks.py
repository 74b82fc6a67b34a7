"""Files that are made one after the other, each by one system call, while something happens to an agent."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Self


class Marks:
    """Makes the files PREFIX0, PREFIX1 … in a thread, with a pause of some *seconds* after each, until it ends.

    :ivar made: how many there are.
    """

    def __init__(self, prefix: str | Path, seconds: float) -> None:
        self.made = 0
        self._prefix = prefix
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(seconds,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Make no more."""
        self._end.set()
        self._thread.join()

    def name(self, number: int) -> str:
        """Return the path of a mark."""
        return f"{self._prefix}{number}"

    def _run(self, seconds: float) -> None:
        while not self._end.is_set():
            os.close(os.open(self.name(self.made), os.O_WRONLY | os.O_CREAT))
            self.made += 1
            time.sleep(seconds)
