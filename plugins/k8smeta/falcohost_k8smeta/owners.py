"""Reads the owners of the node's pods one by one, since watching all of a cluster from each node would be too much.

They are read when a pod comes that has them, and again some minutes later.
"""

from __future__ import annotations

import re
import time
from typing import Final
from urllib.parse import quote

import msgspec

from falcohost_k8smeta.cluster import READ, Cluster, Owned, Owner
from falcohost_k8smeta.config import Config
from falcohost_k8smeta.http import Connection, Failed
from falcohost_k8smeta.keepers import owner_of, thing
from falcohost_k8smeta.objects import Some
from falcohost_k8smeta.watching import METADATA, Health, Refused, get, pause

#: Seconds after which an owner is read again.
AGAIN: Final = 300.0

#: Most bytes of an owner's metadata.
_MOST_BYTES: Final = 4 << 20

_NOT_FOUND: Final = 404
_VERSION: Final = re.compile(r"(?:([a-z0-9.-]{1,253})/)?(v[0-9a-z]{1,30})")


class Owners:
    """Reads what *cluster* wants."""

    def __init__(self, config: Config, cluster: Cluster) -> None:
        self.health = Health("owners of pods")
        self._cluster = cluster
        self._connection = Connection(config)
        self._due: dict[Owner, float] = {}
        self._fails: dict[Owner, int] = {}

    def run(self) -> None:
        """Read until the process ends."""
        while True:
            number = self._cluster.changed.number
            self._cluster.changed.wait_beyond(number, self.turn())

    def turn(self) -> float:
        """Read what is due; return for how many seconds nothing is, unless something changes."""
        wanted = self._cluster.wanted()
        self._due = {owner: due for owner, due in self._due.items() if owner in wanted}
        self._fails = {owner: count for owner, count in self._fails.items() if owner in wanted}
        self._cluster.forget(wanted)
        due = [owner for owner in wanted if self._due.get(owner, 0.0) <= time.monotonic()]
        for owner in due:
            self._due[owner] = time.monotonic() + self._attempt(owner)
        if not self._fails:
            self.health.good()
        return max(min(self._due.values(), default=AGAIN) - time.monotonic(), 0.01)

    def _attempt(self, owner: Owner) -> float:
        """Read an owner; return after how many seconds to do that again."""
        try:
            self._cluster.own(owner, self._read(owner))
        except Failed as failed:
            self._fails[owner] = fails = self._fails.get(owner, 0) + 1
            self.health.bad(f"{owner.reference.kind} {owner.reference.name}: {failed}")
            return pause(fails, failed)
        self._fails.pop(owner, None)
        return AGAIN

    def _read(self, owner: Owner) -> Owned:
        reference = owner.reference
        try:
            pieces = get(self._connection, path_of(owner), METADATA)
        except Refused as refused:
            if refused.code == _NOT_FOUND:
                return self._cluster.owners.get(owner, Owned(None))  # what it was before it was deleted
            raise
        body = bytearray()
        for piece in pieces:
            body += piece
            if len(body) > _MOST_BYTES:
                raise Failed("it is too large")
        try:
            metadata = msgspec.json.decode(body, type=Some).metadata
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise Failed("it is no object") from error
        if reference.uid not in ("", metadata.uid):
            return self._cluster.owners.get(owner, Owned(None))  # there is another of its name
        return Owned(thing(reference.kind, metadata), owner_of(metadata))


def path_of(owner: Owner) -> str:
    """Return where an owner is read.

    :raises Failed: it cannot be read.
    """
    reference = owner.reference
    found = _VERSION.fullmatch(reference.api_version)
    if found is None or not reference.name or reference.name in (".", ".."):
        raise Failed("it has no valid name")
    group = found[1] or ""
    root = f"/apis/{group}/{found[2]}" if group else f"/api/{found[2]}"
    place = f"/namespaces/{quote(owner.namespace, safe='')}" if owner.namespace else ""
    return f"{root}{place}/{READ[group, reference.kind]}/{quote(reference.name, safe='')}"
