"""A loader: the process that prepares in the kernel what its source's worker reads, and keeps it as the rules ask.

It is a worker's process whose source has :attr:`~falcohost.hookspecs.SourceSpec.load`, when nothing is prepared yet. It
keeps the rights that preparing takes; it gets no event, and of the rules only what they ask for, as plain data. The
worker, which parses what strangers do, gets descriptors.
"""

from __future__ import annotations

import os
import socket
import time

from falcohost import log
from falcohost.agent import KnowsAgent
from falcohost.events import EarlyLoader, SourceLoader
from falcohost.host import wire
from falcohost.host.confine.confinement import Confinement, confine
from falcohost.host.jobs import job_of
from falcohost.host.memory import release, settle, share_arena
from falcohost.host.task import LoadTask, limit_environment, make_load_task
from falcohost.host.trimming import Trimming
from falcohost.host.uplink import Uplink
from falcohost.host.worker_data import unseal, unseal_for_loader
from falcohost.kept import LoadAgain
from falcohost.needs import needs_of
from falcohost.pipeline.patterns import lacks_re2, load_no_re2, load_re2

#: Seconds between two looks at what may change by itself.
PAUSE = 0.5

#: Seconds after which it says again that it works.
WORKS = 5.0


def run_loader(data: int, uplink: Uplink, parent: int, user: int | None, ahead: int | None = None) -> None:
    """Prepare what the rules ask for; then follow the supervisor's messages until it is gone.

    :param data: the memfd with what the worker gets.
    :param ahead: the socket to a process that prepares ahead (:mod:`falcohost.host.ahead`).
    :raises SystemExit: the supervisor is gone.
    :raises SourceError: it cannot be prepared.
    """
    uplink.leave_store()
    share_arena()
    log.mute()  # plugins log the same as they did when the settings were read
    given = unseal_for_loader(data)
    limit_environment(given)
    task = make_load_task(given, parent)
    log.forward(uplink.log)
    loader = task.load()
    if ahead is not None:
        take_prepared(loader, ahead)
    loader.open(given.asked)
    loader.hand_up()
    uplink.send_descriptors()
    needs = needs_of(loader)
    if given.patterns:
        load_re2()  # which is impossible later, when what rules ask for is worked out anew
    else:
        load_no_re2()
    confine(Confinement(user=user, capabilities=task.capabilities, needs=needs, only_log=given.only_log), parent)
    del given
    settle()
    uplink.send(wire.Confined(job_of(needs)))
    uplink.send(wire.Loaded())
    trimming = Trimming()
    last = ""
    said, hurries = 0.0, False
    while True:
        if (now := time.monotonic()) - said > WORKS:
            said = now
            uplink.send(wire.Working())
        trimming.now_and_then()
        try:
            pause = getattr(loader, "pause", PAUSE)
            hurried, hurries = hurries, pause < PAUSE
            if hurried and not hurries:  # what a start has left to do is done
                release()
            for message in uplink.wait(pause):
                data = _obey(message, loader, data, uplink)
            for found in loader.look():
                uplink.send(wire.Tampered(wire.shortened(found, wire.MOST_TEXT)))
            if loader.outdated():
                loader.update(_ask_anew(task, data))
                release()
        except LoadAgain as reason:
            if str(reason) != last:
                last = str(reason)
                uplink.send(wire.LoadAgain(last))
        uplink.send_descriptors()


def _ask_anew(task: LoadTask, data: int) -> bytes:
    """Return what the rules in the memfd *data* ask for now.

    :raises LoadAgain: new rules have patterns that take RE2, which this process can no longer load.
    """
    try:
        return task.ask(unseal(data))
    except ImportError as error:
        if lacks_re2():
            raise LoadAgain("the rules have patterns now, for which another library is needed") from error
        raise


def take_prepared(loader: SourceLoader, ahead: int) -> None:
    """Have *loader* take what another process has prepared, if it can; close the socket *ahead*."""
    with socket.socket(fileno=ahead) as link:
        if isinstance(loader, EarlyLoader):
            try:
                loader.take_prepared(link)
            except Exception as error:
                log.log.debug("what was prepared ahead is not used: %s: %s", type(error).__name__, error)


def _obey(message: wire.Down, loader: SourceLoader, data: int, uplink: Uplink) -> int:
    """Do what the supervisor says; return the memfd of the rules that count from now on."""
    if isinstance(message, wire.Measure):
        loader.measure(message.on)
    elif isinstance(message, wire.NewRules):
        return _go_over(message, loader, data, uplink)
    elif isinstance(message, wire.Processes) and isinstance(loader, KnowsAgent):
        loader.agent(message.processes)
    return data


def _go_over(message: wire.NewRules, loader: SourceLoader, data: int, uplink: Uplink) -> int:
    """Switch from the rules in the memfd *data* to the new ones; return the memfd of those that count now."""
    new = uplink.new_descriptor()
    try:
        loader.update(unseal_for_loader(new).asked)
    except LoadAgain:
        os.close(new)
        raise
    except Exception as error:
        uplink.send(wire.RulesTaken(message.number, f"{type(error).__name__}: {error}"))
        unused = new
    else:
        uplink.send(wire.RulesTaken(message.number))
        unused, data = data, new
    os.close(unused)
    release()
    return data
