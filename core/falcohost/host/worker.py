"""A worker: one process that runs the pipeline of one source and sends its alerts to the store.

It reads its settings and rules from a memfd (:mod:`falcohost.host.worker_data`) and loads only the plugins that it
needs, so that no other source's secrets are in its memory. It never returns into the code that forked it; it ends with
``os._exit``.
"""

from __future__ import annotations

import os
import signal
import socket
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

from falcohost import handed, log
from falcohost.agent import TamperedError
from falcohost.errors import FalcohostError
from falcohost.events import MarkedSource, Source
from falcohost.helpers import HELPERS, HelperEnded
from falcohost.host import wire
from falcohost.host.capturing.captures import captures_of
from falcohost.host.confine.capabilities import close_the_way_back
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.confine.programs import Programs
from falcohost.host.confine.users import WorkerUsers
from falcohost.host.forked import say_why, take_over
from falcohost.host.helping import Helpers
from falcohost.host.jobs import job_of
from falcohost.host.kept_counts import KeptCounts
from falcohost.host.loader import run_loader
from falcohost.host.memory import return_large_blocks, settle
from falcohost.host.response.request import Asking
from falcohost.host.shortage import shortage
from falcohost.host.stalled import Stalled, end_by_signal, end_when_asked
from falcohost.host.store_link import StoreLink
from falcohost.host.task import Task, limit_environment, make_task
from falcohost.host.uplink import Uplink
from falcohost.host.work import Work, needs_for
from falcohost.host.worker_data import peek, unseal
from falcohost.needs import CODE
from falcohost.pipeline.patterns import load_no_re2, load_re2
from falcohost.pipeline.pipeline import Pipeline
from falcohost.programs import run_programs


def run_worker(
    data: int,
    link: socket.socket,
    store: socket.socket,
    parent: int,
    kept: Mapping[str, Sequence[int]],
    held: Mapping[str, Sequence[int]],
    users: WorkerUsers,
    counts: int | None = None,
    ahead: int | None = None,
) -> NoReturn:
    """Run a source in this forked process until the source ends or SIGTERM arrives.

    Until the source is open, SIGTERM ends the process at once: there is nothing to lose yet, and opening may take long,
    in calls that only a signal ends.

    :param data: the memfd with the source's settings and rules.
    :param link: the socket to the supervisor; *store*: the socket to the store.
    :param kept: the descriptors that were kept for the source, by name.
    :param held: those that a former loader held; with some, this process takes its place.
    :param users: the users that the worker, once its source is open, and its helpers become.
    :param counts: the memory for what is only counted.
    :param ahead: the socket to a process that prepares what a loader needs.
    """
    status = 1
    try:
        keep = {data, link.fileno(), store.fileno(), *(one for one in (counts, ahead) if one is not None)}
        take_over(keep.union(*kept.values(), *held.values()), parent)
        handed.inherit(kept, held)
        status = _work(data, Uplink(link, StoreLink(store)), parent, users, counts, ahead)
    except (SystemExit, Exception):
        say_why(parent)
    finally:
        os._exit(status)


@dataclass(slots=True)
class _Stop:
    """Records that SIGTERM has arrived."""

    asked: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


def _work(data: int, uplink: Uplink, parent: int, users: WorkerUsers, counts: int | None, ahead: int | None) -> int:
    stop = _Stop()
    pipeline: Pipeline | None = None
    source: Source | None = None
    helpers: Helpers | None = None
    try:
        close_the_way_back()
        beginning = peek(data)
        if beginning.loads and (not handed.INHERITED or handed.HELD_BEFORE):
            if counts is not None:
                os.close(counts)
            run_loader(data, uplink, parent, users.loader, ahead)
        if ahead is not None:
            os.close(ahead)
        # First, while there is nothing in memory.
        helpers = Helpers(beginning.helpers, users.helpers, only_log=beginning.only_log)
        task = _task(data, parent)
        log.forward(uplink.log)
        keeper = None if counts is None else KeptCounts(counts)
        asking = None if task.actions is None else Asking(task.actions)
        if asking is not None:
            uplink.act(asking)
        maker = task.maker
        add = uplink.adding(maker)
        pipeline = Pipeline(task.rules, maker.make, uplink, task.config, keeper=keeper, act=asking, add=add)
        if task.spec.secrets is not None:
            uplink.send(wire.Secrets([str(path) for path in task.spec.secrets(task.settings)]))
        run_programs(Programs(users.helpers, users.programs))
        source = task.spec.make({**task.settings, HELPERS: helpers.running})
        source.open(task.rules.plan, uplink.begin())
        pipeline.open_lookups(task.rules, helpers.running)
        pipeline.recording = captures = captures_of(task, source, helpers.running, uplink)
        uplink.send_descriptors()
        needs = needs_for(source, task.rules)
        capabilities = task.spec.capabilities or frozenset()
        if task.rules.patterns:
            load_re2()  # which is impossible later, when a condition is first compiled
        if CODE not in needs.calls:
            load_no_re2()
        confinement = Confinement(
            user=users.worker, capabilities=capabilities, needs=needs, only_log=beginning.only_log
        )
        confine(confinement, parent)
        settle()
        if isinstance(source, MarkedSource):  # it copies its tables for the next worker, whole
            return_large_blocks()
        signal.signal(signal.SIGTERM, stop)
        end_when_asked()
        uplink.send(wire.Confined(job_of(needs)))
        uplink.send(wire.Ready())
        pipeline.begin(source if isinstance(source, MarkedSource) else None)
        Work(task, source, pipeline, uplink, needs, helpers, lambda: stop.asked, captures).run()
        source.close()
        pipeline.close()
    except Stalled:
        if pipeline is not None:
            pipeline.finish(time.monotonic())
        uplink.finish(ended=False)
        end_by_signal()
    except HelperEnded:
        text, killed = helpers.how_it_ended() if helpers is not None else ("", False)
        uplink.send(wire.Failed(text, killed=killed))
        return 1
    except Exception as error:
        if pipeline is not None:
            pipeline.finish()
            pipeline.close()
        uplink.finish(ended=False)
        foreseen = str(error) if isinstance(error, FalcohostError) else shortage(error)
        trace = "" if foreseen else traceback.format_exc()
        text = foreseen or f"{type(error).__name__}: {error}"
        _close(source)
        text, trace = wire.shortened(text, wire.MOST_TEXT), wire.shortened(trace, wire.MOST_TRACE)
        uplink.send(wire.Failed(text, trace, isinstance(error, TamperedError)))
        return 1
    uplink.send(wire.Ended(stop.asked, uplink.all_stored))
    return 0


def _task(data: int, parent: int) -> Task:
    """Make the task from the memfd *data*, and close that."""
    log.mute()  # plugins log the same as they did when the settings were read
    try:
        given = unseal(data)
        limit_environment(given)
        return make_task(given, parent)
    finally:
        os.close(data)


def _close(source: Source | None) -> None:
    try:
        if source is not None:
            source.close()
    except Exception as error:
        log.log.warning("closing the source failed too: %s", error)
