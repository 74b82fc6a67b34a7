"""Keep what was listed and watched: the node's pods, the cluster's services and namespaces.

Each is changed by the thread of its collection. Who reads it has the lock ``changed``, which is told of every change.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, Generic, TypeVar

from msgspec import Struct

from falcohost_k8smeta.objects import Metadata, Pod, Reference, Service, Some
from falcohost_k8smeta.rows import MOST_NAME, Thing, texts

#: Most pods of the node, of them that have ended, and most other objects of a kind that are kept.
MOST_PODS: Final = 4096
MOST_ENDED: Final = 1024
MOST_OTHERS: Final = 50_000

#: Most memory of the objects of a kind, in bytes; about what each and each of its labels take beside their texts.
MOST_BYTES: Final = 64 << 20
_OBJECT: Final = 500
_LABEL: Final = 150

#: Seconds for which a pod that was deleted is kept: what it did may not have been looked at yet.
KEPT: Final = 300.0

#: Services of this type select no pods.
_EXTERNAL: Final = "ExternalName"

T = TypeVar("T")


class Changes(threading.Condition):
    """The lock of all that is kept; it tells of changes.

    :ivar number: how many there were.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number = 0

    def tell(self) -> None:
        """Tell of a change. The caller has the lock."""
        self.number += 1
        self.notify_all()

    def wait_beyond(self, number: int, seconds: float) -> None:
        """Wait until there have been more than *number* changes, but no longer than *seconds*."""
        with self:
            self.wait_for(lambda: self.number != number, seconds)


class Known(Struct, frozen=True, gc=False):
    """A pod; *static* is what the node calls it, if it comes from a file of the node."""

    thing: Thing
    namespace: str
    ip: str
    owner: Reference | None
    static: str = ""


class Chosen(Struct, frozen=True, gc=False):
    """A service, with the labels that pods need to be chosen."""

    thing: Thing
    namespace: str
    selector: Mapping[str, str]


class _Kept(Generic[T]):
    """Objects by uid, *most* at most, which take :data:`MOST_BYTES` at most.

    :ivar changed: the lock; told of changes, if it *tells* of them.
    :ivar left_out: how often there was no room for one.
    """

    tells = True

    def __init__(self, changed: Changes, most: int) -> None:
        self.changed = changed
        self.left_out = 0
        self.by_uid: OrderedDict[str, T] = OrderedDict()
        self._most = most
        self._weights: dict[str, int] = {}
        self._weight = 0

    def has(self, uid: str) -> bool:
        """Return whether the object with this uid is kept."""
        return uid in self.by_uid

    def remove(self, uid: str) -> None:
        """Forget the object with this uid."""
        with self.changed:
            if (one := self.by_uid.pop(uid, None)) is not None:
                self._weight -= self._weights.pop(uid)
                self._removed(uid, one)

    def only(self, uids: frozenset[str]) -> None:
        """Forget all but these."""
        for uid in [one for one in self.by_uid if one not in uids]:
            self.remove(uid)

    def _keep(self, uid: str, one: T, weight: int) -> None:
        self.remove(uid)
        with self.changed:
            if len(self.by_uid) >= self._most or self._weight + weight > MOST_BYTES:
                self.left_out += 1
                return
            self.by_uid[uid], self._weights[uid] = one, weight
            self._weight += weight
            self._added(uid, one)
            if self.tells:
                self.changed.tell()

    def _added(self, uid: str, one: T) -> None:
        """Take note of an object."""

    def _removed(self, uid: str, one: T) -> None:
        """Take note that it is gone, or another takes its place."""


class Pods(_Kept[Known]):
    """Keeps pods."""

    def __init__(self, changed: Changes, most: int = MOST_PODS) -> None:
        super().__init__(changed, most)
        self._static: dict[str, str] = {}
        self._ended: OrderedDict[str, tuple[float, Known]] = OrderedDict()

    def find(self, uid: str) -> Known | None:
        """Return the pod that the node calls *uid*, also if it has ended a moment ago."""
        uid = self._static.get(uid, uid)
        ended = self._ended.get(uid)
        return self.by_uid.get(uid) or (ended and ended[1])

    def put(self, one: Pod) -> None:
        """Take a pod."""
        metadata = one.metadata
        static = metadata.annotations.static if metadata.annotations is not None else ""
        place, ip = _name(metadata.namespace), _name(one.status.ip or "")
        known = Known(thing("Pod", metadata), place, ip, owner_of(metadata), _name(static))
        self._keep(metadata.uid, known, weight_of(known.thing))

    def forget(self) -> None:
        """Forget those that have ended long ago."""
        until = time.monotonic() - KEPT
        with self.changed:
            while self._ended and (len(self._ended) > MOST_ENDED or next(iter(self._ended.values()))[0] < until):
                uid, (_, known) = self._ended.popitem(last=False)
                if self._static.get(known.static) == uid and uid not in self.by_uid:
                    del self._static[known.static]

    def _added(self, uid: str, one: Known) -> None:
        self._ended.pop(uid, None)
        if one.static:
            self._static[one.static] = uid

    def _removed(self, uid: str, one: Known) -> None:
        self._ended[uid] = time.monotonic(), one
        self.forget()


class Services(_Kept[Chosen]):
    """Keeps services that select pods. Nobody waits for a single one of them."""

    tells = False

    def __init__(self, changed: Changes, most: int = MOST_OTHERS) -> None:
        super().__init__(changed, most)
        self._by_namespace: dict[str, dict[str, Chosen]] = {}

    def within(self, namespace: str) -> Iterable[Chosen]:
        """Return the services of a namespace."""
        return self._by_namespace.get(namespace, {}).values()

    def put(self, one: Service) -> None:
        """Take a service."""
        metadata, (selector, is_cut) = one.metadata, texts(one.spec.selector)
        if not selector or is_cut or one.spec.type == _EXTERNAL:
            self.remove(metadata.uid)
            return
        chosen = Chosen(thing("Service", metadata), _name(metadata.namespace), selector)
        self._keep(metadata.uid, chosen, weight_of(chosen.thing, selector))

    def _added(self, uid: str, one: Chosen) -> None:
        self._by_namespace.setdefault(one.namespace, {})[uid] = one

    def _removed(self, uid: str, one: Chosen) -> None:
        there = self._by_namespace[one.namespace]
        del there[uid]
        if not there:
            del self._by_namespace[one.namespace]


class Namespaces(_Kept[Thing]):
    """Keeps namespaces."""

    def __init__(self, changed: Changes, most: int = MOST_OTHERS) -> None:
        super().__init__(changed, most)
        self._by_name: dict[str, Thing] = {}

    def find(self, name: str) -> Thing | None:
        """Return the namespace of this name."""
        return self._by_name.get(name)

    def put(self, one: Some) -> None:
        """Take a namespace."""
        found = thing("Namespace", one.metadata)
        self._keep(one.metadata.uid, found, weight_of(found))

    def _added(self, uid: str, one: Thing) -> None:
        self._by_name[one.name] = one

    def _removed(self, uid: str, one: Thing) -> None:
        if self._by_name.get(one.name) is one:
            del self._by_name[one.name]


def thing(kind: str, metadata: Metadata) -> Thing:
    """Return what is kept of an object."""
    return Thing(kind, _name(metadata.name), _name(metadata.uid), *texts(metadata.labels))


def weight_of(found: Thing, more: Mapping[str, str] | None = None) -> int:
    """Return about the bytes that an object takes, with *more* texts by name."""
    labels = [*(found.labels or {}).items(), *(more or {}).items()]
    return _OBJECT + sum(_LABEL + len(key) + len(value) for key, value in labels)


def owner_of(metadata: Metadata) -> Reference | None:
    """Return what controls an object, or else the first that owns it."""
    references = metadata.owner_references or ()
    found = next((one for one in references if one.controller), None) or next(iter(references), None)
    if found is None:
        return None
    return Reference(_name(found.api_version), _name(found.kind), _name(found.name), _name(found.uid))


def _name(text: str) -> str:
    return text[:MOST_NAME]
