"""The connections of a listener: how many each sender may have, and which is closed when there is no room.

Whoever can reach the port can open connections. A new connection is therefore never refused: the oldest one of the
address that has the most, and that has not shown the secret, is closed instead. Room for senders that have shown it is
reserved.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass

from falcohost.jsonlog.refusals import Refusals
from falcohost.log import log
from falcohost.web.limits import WebLimits

#: Seconds between two messages about closed connections.
_SELDOM = 60.0

#: The part of an IPv6 address that one sender usually has for itself.
_PREFIX = 64

#: The causes under which closed connections are counted.
NO_ROOM = "connections closed to make room"
NO_MEMORY = "requests closed to make room for others"
TOO_SLOW = "connections that took too long"
BAD_HANDSHAKE = "failed TLS handshakes"


@dataclass(eq=False, slots=True)
class Connection:
    """One connection.

    :ivar peer: the address whose connections are counted together.
    :ivar end: closes it.
    :ivar since: when it was accepted, or last answered with success; the oldest is closed first.
    :ivar active: when it was accepted or last answered.
    :ivar proven: it has shown the secret.
    :ivar waits: its request is complete, and waits to be stored.
    :ivar drop: discards the body that is arriving; None: none is.
    """

    peer: str
    end: Callable[[], None]
    since: float
    active: float
    proven: bool = False
    waits: bool = False
    drop: Callable[[], None] | None = None


class Connections:
    """The open connections of a listener. Used by one thread.

    :param reserves: some senders can show a secret, so that room is reserved for them.
    :param clock: seconds that only rise.
    :ivar before: called before a connection is chosen to be closed: takes note of answers that are not noted yet.
    """

    def __init__(
        self,
        plugin: str,
        limits: WebLimits,
        refusals: Refusals,
        *,
        reserves: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._plugin = plugin
        self._limits = limits
        self._refusals = refusals
        self._clock = clock
        self._unproven_at_most = limits.connections - (limits.connections // 8 if reserves else 0)
        self._peers: dict[str, dict[Connection, None]] = {}
        self._unproven = 0
        self._proven: dict[Connection, None] = {}
        self._by_stream: dict[object, Connection] = {}
        self._closed = 0
        self._next_message = 0.0
        self.before: Callable[[], None] = lambda: None

    def __len__(self) -> int:
        """Return how many are open."""
        return self._unproven + len(self._proven)

    def arrive(self, host: str, end: Callable[[], None]) -> Connection:
        """Return a new connection from the address *host*, for which others may have been closed."""
        self.before()
        now = self._clock()
        one = Connection(peer_of(host), end, now, now)
        own = self._peers.get(one.peer, {})
        while len(own) >= self._limits.peer_connections:
            self._close(_oldest(own))
        while self._unproven and (self._unproven >= self._unproven_at_most or len(self) >= self._limits.connections):
            self._close(_oldest(self._largest()))
        while len(self) >= self._limits.connections:
            self._close(_oldest(self._proven))
        self._peers.setdefault(one.peer, {})[one] = None
        self._unproven += 1
        return one

    def attach(self, one: Connection, stream: object) -> None:
        """Record that *one* is served through *stream*."""
        self._by_stream[stream] = one

    def of(self, stream: object) -> Connection | None:
        """Return the connection that is served through *stream*, or None if it has ended."""
        return self._by_stream.get(stream)

    def detach(self, stream: object) -> None:
        """Forget the connection that was served through *stream*."""
        if (one := self._by_stream.pop(stream, None)) is not None:
            self.leave(one)

    def prove(self, one: Connection) -> None:
        """Record that *one* has shown the secret."""
        if not one.proven and self._forget(one):
            one.proven = True
            self._proven[one] = None

    def answered(self, one: Connection, *, good: bool) -> None:
        """Record that a request was answered; one that was answered with success counts as new."""
        one.waits = False
        one.active = self._clock()
        if good and self._forget(one):
            one.since = one.active
            if one.proven:
                self._proven[one] = None
            else:
                self._peers.setdefault(one.peer, {})[one] = None
                self._unproven += 1

    def leave(self, one: Connection) -> None:
        """Record that *one* has ended."""
        self._forget(one)

    def free_memory(self, asking: Connection | None) -> bool:
        """Close the oldest other request whose body is arriving without the secret; return whether there was one."""
        self.before()
        arriving = [one for own in self._peers.values() for one in own if one.drop is not None and one is not asking]
        if not arriving:
            return False
        one = min(arriving, key=lambda one: one.active)
        if one.drop is not None:
            one.drop()
        self._close(one, NO_MEMORY)
        return True

    def sweep(self) -> None:
        """Close connections on which nothing was answered for longer than a request may take in all."""
        self.before()
        limits = self._limits
        longest = limits.header_time + limits.body_time + 2 * limits.store_time
        before = self._clock() - longest
        for one in [one for own in (*self._peers.values(), self._proven) for one in own if one.active < before]:
            self._close(one, TOO_SLOW)
        self._say()

    def close(self) -> None:
        """Close all."""
        for one in [one for own in (*self._peers.values(), self._proven) for one in own]:
            self._forget(one)
            one.end()

    def _largest(self) -> dict[Connection, None]:
        """Return the connections of the address that has the most; of several, the one with the oldest connection."""
        return max(self._peers.values(), key=lambda own: (len(own), -next(iter(own)).since))

    def _forget(self, one: Connection) -> bool:
        """Remove *one*; return whether it was there."""
        if one.proven:
            return self._proven.pop(one, self) is not self
        own = self._peers.get(one.peer, {})
        if one not in own:
            return False
        del own[one]
        self._unproven -= 1
        if not own:
            del self._peers[one.peer]
        return True

    def _close(self, one: Connection, cause: str = NO_ROOM) -> None:
        self._forget(one)
        one.end()
        self._refusals.turn_away(cause)
        self._closed += 1
        self._say()

    def _say(self) -> None:
        """Log how many were closed, once a minute at most."""
        now = self._clock()
        if not self._closed or now < self._next_message:
            return
        closed, self._closed = self._closed, 0
        self._next_message = now + _SELDOM
        most = self._largest() if self._peers else {}
        holder = f"; {next(iter(most)).peer} has {len(most)} of them" if most else ""
        log.warning(
            "%s: closed %d connections, to make room or because they took too long; %d are open, %d of them have not "
            "shown a secret%s", self._plugin, closed, len(self), self._unproven, holder,
        )  # fmt: skip


def _oldest(own: dict[Connection, None]) -> Connection:
    """Return the oldest whose request does not wait to be stored, or else the oldest."""
    return next((one for one in own if not one.waits), next(iter(own)))


def peer_of(host: str) -> str:
    """Return the address by which the connections of *host* are counted: for IPv6, its network."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address) if address.is_loopback else str(ipaddress.ip_network((address, _PREFIX), strict=False))
