"""A worker: one process that runs the pipeline of one source and sends its alerts to the store.

It reads its settings and rules from a memfd (:mod:`falcohost.host.worker_data`) and loads only the plugins that it
needs, so that no other source's secrets are in its memory. It never returns into the code that forked it; it ends with
``os._exit``.
"""

from __future__ import annotations

import itertools
import os
import signal
import socket
import traceback
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from falcohost import handed, log
from falcohost.errors import FalcohostError
from falcohost.events import Source
from falcohost.host import wire
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.memory import settle
from falcohost.host.store_link import StoreLink
from falcohost.host.task import Task, make_task
from falcohost.host.uplink import Uplink
from falcohost.host.work import Work, needs_for
from falcohost.host.worker_data import unseal
from falcohost.libc import die_with_parent
from falcohost.pipeline.pipeline import Pipeline

#: Signals that the supervisor and its workers handle.
HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


def run_worker(
    data: int,
    link: socket.socket,
    store: socket.socket,
    parent: int,
    kept: Mapping[str, Sequence[int]],
    user: int | None = None,
) -> NoReturn:
    """Run a source in this forked process until the source ends or SIGTERM arrives.

    Until the source is open, SIGTERM ends the process at once: there is nothing to lose yet, and opening may take long,
    in calls that only a signal ends.

    :param data: the memfd with the source's settings and rules.
    :param link: the socket to the supervisor; *store*: the socket to the store.
    :param kept: the descriptors that were kept for the source, by name.
    :param user: the user that the worker becomes once its source is open.
    """
    status = 1
    try:
        take_over({data, link.fileno(), store.fileno(), *itertools.chain(*kept.values())}, parent)
        handed.inherit(kept)
        status = _work(data, Uplink(link, StoreLink(store)), parent, user)
    except SystemExit:
        pass  # the supervisor is gone
    finally:
        os._exit(status)


@dataclass(slots=True)
class _Stop:
    """Records that SIGTERM has arrived."""

    asked: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def take_over(descriptors: Set[int], parent: int) -> None:
    """Separate this fork from its *parent*: signals, and all descriptors but these."""
    die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HANDLED)
    _let_go_of_descriptors(descriptors)


def _let_go_of_descriptors(keep: Set[int]) -> None:
    """Redirect every inherited descriptor to /dev/null, except those to *keep* and stderr; stdout becomes stderr.

    The numbers stay in use, so that an inherited object that closes its descriptor never closes one of the source's.
    """
    null = os.open(os.devnull, os.O_RDWR)
    inherited = [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    for number in inherited:
        if number not in {1, 2, null, *keep}:
            os.dup2(null, number, inheritable=number == 0)
    os.dup2(2, 1)


def _work(data: int, uplink: Uplink, parent: int, user: int | None) -> int:
    stop = _Stop()
    pipeline: Pipeline | None = None
    source: Source | None = None
    try:
        close_the_way_back()
        task = _task(data, parent)
        log.forward(uplink.log)
        pipeline = Pipeline(task.rules, task.make, uplink, task.config)
        if task.spec.secrets is not None:
            uplink.send(wire.Secrets([str(path) for path in task.spec.secrets(task.settings)]))
        source = task.spec.make(task.settings)
        source.open(task.rules.plan, uplink.begin())
        pipeline.open_lookups(task.rules)
        uplink.send_descriptors()
        needs = needs_for(source, task.rules)
        capabilities = task.spec.capabilities or frozenset()
        confine(Confinement(user=user, capabilities=capabilities, needs=needs), parent)
        settle()
        signal.signal(signal.SIGTERM, stop)
        uplink.send(wire.Ready())
        Work(task, source, pipeline, uplink, needs, lambda: stop.asked).run()
        source.close()
        pipeline.close()
    except Exception as error:
        if pipeline is not None:
            pipeline.finish()
            pipeline.close()
        uplink.finish(ended=False)
        foreseen = isinstance(error, FalcohostError)
        trace = "" if foreseen else traceback.format_exc()
        text = str(error) if foreseen else f"{type(error).__name__}: {error}"
        _close(source)
        uplink.send(wire.Failed(text, trace))
        return 1
    uplink.send(wire.Ended(stop.asked))
    return 0


def _task(data: int, parent: int) -> Task:
    """Make the task from the memfd *data*, and close that."""
    log.mute()  # plugins log the same as they did when the settings were read
    try:
        return make_task(unseal(data), parent)
    finally:
        os.close(data)


def _close(source: Source | None) -> None:
    try:
        if source is not None:
            source.close()
    except Exception as error:
        log.log.warning("closing the source failed too: %s", error)
