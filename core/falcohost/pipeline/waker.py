"""Wakes the pipeline when a lookup has an answer, while the source waits for events.

Each source waits in its own way, some of them in a call that returns only with an event. So a thread of its own waits
for the lookups' descriptors, and then decides the pending events. There is no thread unless a lookup has a descriptor.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

from falcohost.pipeline.pipeline import Pipeline


class Waker:
    """Shares *pipeline* with its user, who uses it only inside :meth:`held`; use the waker as a context manager."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._epoll: select.epoll | None = None
        self._end = -1
        self._thread = threading.Thread(target=self._run, name="lookups", daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._epoll is not None:
            os.eventfd_write(self._end, 1)
            self._thread.join()
            self._epoll.close()
            os.close(self._end)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the pipeline for the caller alone.

        :raises BaseException: an error that the waker's thread has met in the meantime.
        """
        with self._lock:
            if self._error is not None:
                raise self._error
            yield

    def watch(self) -> None:
        """Wait for the descriptors of all open lookups; called again and again, since lookups open and reconnect."""
        for lookup in self._pipeline.pending.lookups:
            if (descriptor := lookup.descriptor()) is not None:
                try:
                    self._wait_for(descriptor)
                except (OSError, TypeError, ValueError) as error:
                    lookup.fails(error)

    def _wait_for(self, descriptor: int) -> None:
        if self._epoll is None:
            self._epoll = select.epoll()
            self._end = os.eventfd(0, os.EFD_CLOEXEC)
            self._epoll.register(self._end, select.EPOLLIN)
            self._thread.start()
        with suppress(FileExistsError):
            # Edge-triggered: a lookup that does not read its descriptor must not keep this thread busy.
            self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLET)

    def _run(self) -> None:
        assert self._epoll is not None
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are to interrupt the source
        try:
            while all(descriptor != self._end for descriptor, _ in self._epoll.poll()):
                with self._lock:
                    self._pipeline.answered()
        except BaseException as error:
            self._error = error
