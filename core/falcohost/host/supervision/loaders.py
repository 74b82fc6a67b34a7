"""Watches the loaders of sources, and replaces one that has ended.

What a loader has prepared goes on without it, since the supervisor holds its descriptors. The next loader prepares
everything anew; then the worker is told to end, which it does when it has read what was collected before. If it is
killed meanwhile, another one does so. Then the next worker reads what the next loader has prepared.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from falcohost.host import wire
from falcohost.host.supervision.child import Child
from falcohost.host.supervision.loop import Loop
from falcohost.host.supervision.preparation import Preparation
from falcohost.host.supervision.process import Process
from falcohost.host.supervision.unstarted import Unstarted
from falcohost.log import log

#: Most seconds for which the next loader waits for a worker that reads what the former has collected; for which it
#: waits until all of that is stored, since the store may be stopped again and again; and between two looks.
WAITS: Final = 10.0
LONGEST_WAIT: Final = 600.0
LOOKS: Final = 0.05


class Of(Struct, frozen=True):
    """What loaders need of the workers.

    :ivar attach: returns a new socket to the store for the source with this name.
    :ivar start: starts the worker of a source.
    :ivar send: sends a message to the worker of a source, with a descriptor.
    :ivar hear: handles a message.
    :ivar died: called when a loader has ended unasked, with what it was and the cause.
    :ivar unread: called when what a loader's probe has collected is given up.
    """

    attach: Callable[[str], socket.socket]
    start: Callable[[Child], None]
    send: Callable[[Child, wire.Down, int], None]
    hear: Callable[[Child, wire.Up], None]
    died: Callable[[Child, str, str], None]
    unread: Callable[[Child], None]


class Loaders:
    """The loaders of all sources that have one.

    :ivar measuring: whether costs are measured.
    """

    def __init__(self, loop: Loop, of: Of, unstarted: Unstarted) -> None:
        self.measuring = False
        self._loop = loop
        self._of = of
        self._unstarted = unstarted

    def begin(self, child: Child, process: Process) -> None:
        """Take over *process*, which began as the worker of *child* and has prepared everything; start the worker."""
        loader = child.prepared(process)
        self._watch(child, loader)
        self._is_prepared(child, loader)
        self._of.start(child)
        self._hear(child, loader)

    def send(self, child: Child, message: wire.Down, descriptor: int | None = None) -> bool:
        """Send a message to the loader of *child*; return whether it has one."""
        loader = child.preparation
        if loader is None or loader.process is None or loader.link.closed:
            return False
        loader.link.send(message, descriptor)
        self._loop.watch_writing(loader.link, loader.link.waits_to_send)
        return True

    def outdate(self, child: Child, number: int) -> None:
        """Take note that a loader that is preparing will need the rules with this *number*."""
        if child.next_preparation is not None:
            child.next_preparation.outdated = number

    def load_anew(self, child: Child) -> bool:
        """Have everything prepared anew that the worker of *child* reads; return whether there is a loader for that."""
        loader = child.preparation
        if loader is None:
            return False
        if loader.process is None:
            self._load_again(child)
        else:
            loader.error = "what it has prepared was changed, and everything is prepared anew"
            loader.signal(signal.SIGKILL)
        return True

    def signal(self, child: Child, number: signal.Signals) -> None:
        """Send the loaders of *child* a signal."""
        for loader in (child.preparation, child.next_preparation):
            if loader is not None:
                loader.signal(number)

    def _watch(self, child: Child, loader: Preparation) -> None:
        assert loader.process is not None
        self._loop.watch(loader.process.ended, lambda: self._ended(child, loader))
        if not loader.link.closed:
            self._loop.watch(loader.link, lambda: self._serve(child, loader))

    def _is_prepared(self, child: Child, loader: Preparation) -> None:
        if self.measuring:
            self.send(child, wire.Measure(True))
        if loader.outdated:
            self.send(child, wire.NewRules(loader.outdated), child.data)

    def _serve(self, child: Child, loader: Preparation) -> None:
        if loader.process is None:  # it has ended in the same turn
            return
        if loader.link.waits_to_send:
            loader.link.send_rest()
            self._loop.watch_writing(loader.link, loader.link.waits_to_send)
        self._hear(child, loader)

    def _hear(self, child: Child, loader: Preparation) -> None:
        was_closed = loader.link.closed
        messages = loader.read()
        if loader.link.closed and not was_closed:
            self._loop.forget(loader.link)
        for message in messages:
            if isinstance(message, wire.RulesTaken) and not message.error and child.speech.expects(message.number):
                self._of.send(child, wire.NewRules(message.number), child.data)
            elif isinstance(message, wire.RulesTaken | wire.LogLine | wire.Tampered):
                self._of.hear(child, message)
            elif isinstance(message, wire.LoadAgain) and child.next_preparation is None:
                log.info("Event source '%s': another loader prepares everything anew: %s", child.name, message.reason)
                self._load_again(child)
            elif isinstance(message, wire.Loaded) and child.next_preparation is loader:
                now = self._loop.clock.monotonic()
                loader.waits_until = now + WAITS
                self._look_whether_read(child, loader, now + LONGEST_WAIT)

    def _look_whether_read(self, child: Child, loader: Preparation, until: float) -> None:
        """Tell the worker to end, as soon as there is one; with all read that is left, :meth:`go_over` is called.

        If none comes for long, or at the time *until*, go over all the same: no worker may come, if that is why all is
        prepared anew.
        """
        if child.next_preparation is not loader or loader.waits_until is None or self._loop.outcome is not None:
            return
        now = self._loop.clock.monotonic()
        if now >= min(loader.waits_until, until):
            log.error("event source '%s': not all was read that the former loader's probe has collected", child.name)
            self._of.unread(child)
            self._go_over(child, loader)
            child.renew()
            return
        if child.ready:
            loader.waits_until = now + WAITS
            if not child.renewing:
                child.renew()
        self._loop.after(LOOKS, lambda: self._look_whether_read(child, loader, until))

    def go_over(self, child: Child) -> None:
        """Go over to what the next loader has prepared, if the worker has ended with all read that is left."""
        loader = child.next_preparation
        if loader is not None and loader.waits_until is not None and child.told_all:
            self._go_over(child, loader)

    def _go_over(self, child: Child, loader: Preparation) -> None:
        former = child.preparation
        child.go_over_to_next()
        loader.waits_until = None
        if former is not None:
            former.signal(signal.SIGKILL)
        self._is_prepared(child, loader)

    def _ended(self, child: Child, loader: Preparation) -> None:
        assert loader.process is not None
        self._loop.forget(loader.process.ended)
        if not loader.link.closed:
            self._loop.forget(loader.link)
        cause = loader.bury()
        if self._loop.outcome is not None or loader not in (child.preparation, child.next_preparation):
            return  # another one has taken its place
        if child.next_preparation is loader:
            child.forget_next()
            delay = child.backoff.next()
        else:
            self._of.died(child, "loader", cause)
            delay = child.backoff.at_once()
        again = f"another one is started in {delay:.1f} s" if delay else "another one is started"
        log.error("event source '%s': its loader has ended: %s; %s", child.name, cause.rstrip("."), again)
        self._loop.after(delay, lambda: self._load_again(child))

    def _load_again(self, child: Child) -> None:
        if self._loop.outcome is not None or child.next_preparation is not None:
            return
        try:
            with self._of.attach(child.name) as store:
                loader = child.start_loader(store)
        except OSError as error:
            delay = self._unstarted.tell(f"the loader of event source '{child.name}'", error)
            self._loop.after(delay, lambda: self._load_again(child))
            return
        self._unstarted.started(f"the loader of event source '{child.name}'")
        self._watch(child, loader)
