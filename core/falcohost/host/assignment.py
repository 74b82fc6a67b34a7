"""What the reader tells the supervisor, as plain data: which sources to open, what to watch. It holds no secrets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from falcohost.engine.facts import FactsByRule, RuleFacts
from falcohost.host.sealed import read_sealed
from falcohost.host.stamps import Stamp, Stamps
from falcohost.outputs.redaction_settings import Redaction
from falcohost.rotation import Rotation
from falcohost.specs import DropPolicy
from falcohost.store.limits import Limits
from falcohost.subscribers.selection import Selection


class Drops(msgspec.Struct, frozen=True):
    """A source's :class:`~falcohost.DropPolicy` without its fields, which the worker computes."""

    what: str
    events: str
    threshold: float
    actions: tuple[str, ...]
    key: str
    rate: float
    burst: float
    simulate: bool

    @classmethod
    def of(cls, policy: DropPolicy) -> Drops:
        """Return those of *policy*."""
        return cls(*(getattr(policy, name) for name in cls.__struct_fields__))


class SourceAssignment(msgspec.Struct, frozen=True):
    """A source to open.

    :ivar rules: the facts of the rules that are enabled for it, which its alerts have to repeat.
    :ivar modules: the modules that its processes need (``SourceSpec.modules``).
    :ivar loads: it has a loader.
    :ivar sentinel: what causes its sentinel events (``SourceSpec.sentinel``).
    """

    name: str
    rules: Mapping[str, RuleFacts]
    drops: Drops | None
    modules: tuple[str, ...] = ()
    sentinel: str = ""
    loads: bool = False


class HealthAssignment(msgspec.Struct, frozen=True):
    """What the supervisor has to know of the health process.

    :ivar interval: seconds between two snapshots; 0: there are none.
    :ivar alerts: they are alerts.
    :ivar serves: the process listens on a port; *tls*: with TLS.
    """

    interval: float
    alerts: bool
    serves: bool
    tls: bool


class ResponseAssignment(msgspec.Struct, frozen=True):
    """What the supervisor has to know of the processes that act on alerts.

    :ivar names: the names of all actions.
    :ivar responds: there are actions that are no signals; *programs*: programs among them; *posts*: what connects;
        *plugins*: those of plugins.
    :ivar connects: the addresses to which these connect.
    """

    names: list[str]
    responds: bool
    programs: bool = False
    posts: bool = False
    plugins: bool = False
    connects: list[str] = []


class Assignment(msgspec.Struct, frozen=True):
    """The agent's sources, and all that the supervisor needs of the configuration.

    :ivar rules: the names of all rules, in order of definition.
    :ivar read: all files, as they were when they were read.
    :ivar watches: a change of one is a reload.
    :ivar awaited: paths without which a helper is of no use; when one appears, that is a reload too.
    :ivar state: the configured state directory.
    :ivar nice: the precedence that the agent takes (nice(1)).
    :ivar uids: the first and the last user that processes may get.
    :ivar watch_interval: seconds between two checks of files that may change.
    :ivar source_timeout: seconds after which a source that does not come back is reported; 0: never.
    :ivar output_timeout: seconds after which a blocked output is reported.
    :ivar hostname: the name of this host in alerts.
    :ivar iso8601: write times in alerts as ISO 8601.
    :ivar outputs: the names of the enabled outputs; *subscribers*: those of subscribers that may raise alerts.
    :ivar files: the files that outputs write to, which the supervisor opens.
    :ivar connects: the addresses to which outputs connect.
    :ivar rotations: how the supervisor rotates some of *files*.
    :ivar runs_programs: an output runs a program.
    :ivar version: falcohost's version.
    :ivar only_log: forbidden system calls of store, outputs and health are only logged.
    :ivar off: the rules of alerts about falcohost itself that are not raised.
    :ivar heartbeat: seconds between two heartbeats; 0: there are none.
    :ivar health: the health process; None: there is none.
    :ivar response: the processes that act on alerts; None: there are none.
    """

    sources: list[SourceAssignment]
    rules: list[str]
    read: list[tuple[bytes, Stamp | None]]
    state: bytes
    limits: Limits
    nice: int
    uids: tuple[int, int]
    source_timeout: float
    output_timeout: float
    hostname: str
    iso8601: bool
    watch_interval: float = 1.0
    watches: bool = True
    awaited: list[bytes] = []
    outputs: list[str] = []
    selections: dict[str, Selection] = {}
    subscribers: list[str] = []
    files: list[bytes] = []
    connects: list[str] = []
    rotations: list[tuple[bytes, Rotation]] = []
    runs_programs: bool = False
    only_log: bool = False
    version: str = ""
    health: HealthAssignment | None = None
    response: ResponseAssignment | None = None
    off: list[str] = []
    heartbeat: float = 0.0
    redaction: Redaction | None = None

    @property
    def takers(self) -> dict[str, bool]:
        """Return the names of outputs and subscribers, and whether each may raise alerts."""
        return dict.fromkeys(self.outputs, False) | dict.fromkeys(self.subscribers, True)

    @property
    def facts(self) -> dict[str, FactsByRule]:
        """Return the facts of each source's rules."""
        return {source.name: source.rules for source in self.sources}

    @property
    def watched(self) -> Stamps:
        """Return the files to watch."""
        return self.files_read if self.watches else {}

    @property
    def files_read(self) -> Stamps:
        """Return all files that were read."""
        return {os.fsdecode(path): stamp for path, stamp in self.read}

    @property
    def state_directory(self) -> str:
        """Return the configured state directory."""
        return os.fsdecode(self.state)

    def count(self, sources: Sequence[str]) -> int:
        """Return how many rules are enabled for *sources*."""
        return sum(len(source.rules) for source in self.sources if source.name in sources)


def encoded(assignment: Assignment) -> bytes:
    """Return the bytes that :func:`read_assignment` reads."""
    return _encode(assignment)


def read_assignment(descriptor: int) -> Assignment:
    """Return the assignment in a memfd.

    :raises ValueError: it is something else.
    """
    return _decoder.decode(read_sealed(descriptor))


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Assignment)
