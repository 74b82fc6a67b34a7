"""What the store process is given."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct

from falcohost.engine.alerts import AlertMaker
from falcohost.outputs.redaction_settings import Redaction
from falcohost.store.limits import Limits
from falcohost.subscribers.selection import Selection


class StoreGiven(Struct, frozen=True, kw_only=True):
    """What the store process is given.

    :ivar directory: the state directory, which is claimed; None: the state is in memory.
    :ivar lock: the descriptor that locks it.
    :ivar user: the user of the process; None: it stays.
    :ivar only_log: forbidden system calls are only logged.
    :ivar takers: the names of outputs and subscribers, and whether each may answer with alerts.
    :ivar selections: which alerts outputs get, by their names; others get all.
    :ivar recalls: sources may tell of what an earlier agent has stored.
    :ivar redaction: what is replaced in alerts before they are stored; None: nothing is.
    :ivar carried: the memfd with what the run before had only in memory; None: nothing.
    """

    directory: Path | None
    lock: int | None
    limits: Limits
    user: int | None
    takers: Mapping[str, bool]
    selections: Mapping[str, Selection] = MappingProxyType({})
    only_log: bool = False
    recalls: bool = False
    maker: AlertMaker
    redaction: Redaction | None = None
    carried: int | None = None
