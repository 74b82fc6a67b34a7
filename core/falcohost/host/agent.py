"""The agent: has everything read, runs the sources under the supervisor, and prints the summary."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import select
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Final

from falcohost.code_memory import know_programs
from falcohost.engine.alerts import AlertMaker
from falcohost.errors import ConfigError, FalcohostError
from falcohost.host.agent_options import AgentOptions
from falcohost.host.assignment import Assignment
from falcohost.host.claiming import Claiming
from falcohost.host.confine.users import Users
from falcohost.host.drops import DropMonitor
from falcohost.host.immortal import freeze_immortal, make_immortal
from falcohost.host.memory import fill_holes, settle
from falcohost.host.precedence import take_precedence
from falcohost.host.preload import preload, preload_own
from falcohost.host.reader_link import Early
from falcohost.host.restart import restart, taken_along
from falcohost.host.running_code import keep_moved_code, move_running_code
from falcohost.host.storing.given import StoreGiven
from falcohost.host.summary import MOST_FAULTS
from falcohost.host.supervision.ahead import Ahead
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.keeping import left
from falcohost.host.supervision.loop import Outcome
from falcohost.host.supervision.notify import from_environment
from falcohost.host.supervision.orphans import inherit_orphans
from falcohost.host.supervision.reader import Load, Reader
from falcohost.host.supervisor import Supervisor
from falcohost.host.versions import give_versions
from falcohost.host.wiring import wired
from falcohost.log import log
from falcohost.outputs.lines import ShortWrite, write_all

#: What does not depend on the configuration, and so is done while that is read.
_WHATEVER_IS_CONFIGURED: Final = (preload_own, functools.partial(move_running_code, ()), freeze_immortal)


class PidfileError(ConfigError):
    """The pidfile cannot be written; Falco has its own exit status for this."""

    exit_status = 255


def run_agent(reader: Reader, again: Callable[[int], Load], options: AgentOptions) -> None:
    """Run until all sources have ended or a signal arrives; then print the summary.

    :param reader: reads configuration and rules.
    :param again: returns what reads them for a reload, and compares them with those in a memfd.
    :raises FalcohostError: it cannot start, or failed.
    """
    with contextlib.closing(Ahead()) as ahead:
        _run_agent(reader, again, options, ahead)


def _run_agent(reader: Reader, again: Callable[[int], Load], options: AgentOptions, ahead: Ahead) -> None:
    notify = from_environment()
    inherit_orphans()
    found = left(notify)
    handed = reader.wait(notify.alive, functools.partial(_begin, ahead, found), ahead.tell, _WHATEVER_IS_CONFIGURED)
    assignment = handed.assignment
    take_precedence(assignment.nice)
    maker = AlertMaker(assignment.hostname, iso8601=assignment.iso8601, off=frozenset(assignment.off))
    users = Users(range(assignment.uids[0], assignment.uids[1] + 1), assignment.state_directory)
    claiming = Claiming(assignment, users)
    store = _given(assignment, claiming, maker, recalls=bool(found))
    if options.pidfile is not None:
        _write_pidfile(options.pidfile)
    modules = [module for source in assignment.sources for module in source.modules]
    preload(modules)
    move_running_code(modules)
    supervisor = wired(handed, options, again, maker, store, users, notify, found, claiming, ahead)
    give_versions()
    make_immortal()
    settle()
    keep_moved_code()
    know_programs()
    fill_holes()
    gc.enable()
    outcome = supervisor.run()
    supervisor.progress.erase()
    if outcome is not Outcome.FAILED or any(child.totals.received for child in supervisor.workers.children):
        _report_sources(supervisor, verbose=options.verbose)
    faults = _faults(supervisor.workers.children)
    if outcome is not Outcome.FAILED or supervisor.summary.has_alerts or faults:
        form = supervisor.summary.json if options.json_summary else supervisor.summary.text
        _summarize(form(faults), options.summary, patience=assignment.output_timeout)
    if outcome is Outcome.FAILED:
        raise FalcohostError(supervisor.loop.error)
    if outcome is Outcome.RESTART:
        restart(supervisor.keeping.for_execution(supervisor.workers.children), supervisor.services.carried)


def _begin(ahead: Ahead, found: Collection[str], early: Early, data: int) -> None:
    """Have prepared what the loader of a source needs, unless what an earlier one has prepared was *found*."""
    if early.source not in found:
        take_precedence(early.nice)
        preload(early.modules)
        ahead.begin(early.source, data)
        move_running_code(early.modules)


def _given(assignment: Assignment, claiming: Claiming, maker: AlertMaker, *, recalls: bool) -> StoreGiven:
    """Lock the state directory, and return what the store process is given; if it cannot be used, warn."""
    lock = claiming.first()
    return StoreGiven(
        directory=None if lock is None else claiming.directory,
        lock=lock,
        carried=taken_along(),
        limits=assignment.limits,
        redaction=assignment.redaction,
        user=claiming.user,
        takers=assignment.takers,
        selections=assignment.selections,
        maker=maker,
        only_log=assignment.only_log,
        recalls=recalls,
    )


def _write_pidfile(path: str) -> None:
    try:
        # A FIFO that nobody reads is an error, and not waited for.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "w") as file:
            file.write(str(os.getpid()))
    except OSError as error:
        raise PidfileError(f"Could not write pid to pidfile {path}: {error.strerror}") from error


def _report_sources(supervisor: Supervisor, *, verbose: bool) -> None:
    """Print the statistics of the sources that Falco prints at the end. stderr may be closed."""
    with contextlib.suppress(BrokenPipeError):
        for child in supervisor.workers.children:
            _report_source(child, supervisor.losses.drops.get(child.name), verbose=verbose)
        sys.stderr.flush()


def _faults(children: Iterable[Child]) -> Counter[str]:
    """Return how often rules could not be evaluated, and log it: nobody may read the summary."""
    faults: Counter[str] = Counter()
    for child in children:
        faults.update(child.totals.faults)
    for name, count in faults.most_common(MOST_FAULTS):
        log.error("rule %s could not be evaluated on %d events in all", name, count)
    return faults


def _summarize(summary: str, descriptor: int, *, patience: float) -> None:
    """Write *summary* to *descriptor*, which may be closed or blocked."""
    with contextlib.suppress(ShortWrite):
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        if poll.poll(1000 * patience):
            write_all(descriptor, summary.encode("utf-8", "replace"))
        else:
            log.error("the summary is not printed: nobody reads the output")


def _report_source(child: Child, drops: DropMonitor | None, *, verbose: bool) -> None:
    totals = child.totals
    lines = []
    if verbose and drops is not None:
        lines += [f"Driver Events:{totals.received + totals.lost}", f"Driver Drops:{totals.lost}"]
    if verbose:
        rate = totals.passed / child.seconds if child.seconds else 0.0
        elapsed = f"Elapsed time: {child.seconds:.3f}, Captured Events: {totals.passed}, {rate:.2f} eps"
        lines.append(f"({child.name}) {elapsed}")
    if drops is not None:
        lines += [
            f"{drops.policy.what.capitalize()} monitoring:",
            f"   - event drop detected: {drops.occurrences} occurrences",
            f"   - num times actions taken: {drops.taken}",
        ]
    for line in lines:
        print(line, file=sys.stderr)
