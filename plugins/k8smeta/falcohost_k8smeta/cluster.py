"""What is known of the cluster, and the rows that are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from falcohost_k8smeta.keepers import Changes, Known, Namespaces, Pods, Services
from falcohost_k8smeta.objects import Reference
from falcohost_k8smeta.rows import MOST_OWNERS, MOST_SERVICES, Row, Thing

#: The owners that are read, by group and kind, with the name of their resource.
READ: Final = {
    ("apps", "ReplicaSet"): "replicasets",
    ("apps", "Deployment"): "deployments",
    ("", "ReplicationController"): "replicationcontrollers",
    ("batch", "Job"): "jobs",
    ("", "Node"): "nodes",
}


class Owner(Struct, frozen=True):
    """Where an owner is: its namespace, empty for none, and what refers to it."""

    namespace: str
    reference: Reference

    @property
    def is_read(self) -> bool:
        """Return whether it is read, for its labels or for what owns it."""
        return (self.reference.api_version.rpartition("/")[0], self.reference.kind) in READ


class Owned(Struct, frozen=True):
    """An owner as it was read; *owner*: what owns it. Without *thing*, there is none with this name and uid."""

    thing: Thing | None
    owner: Reference | None = None


class Cluster:
    """The objects; *node* is the name of the node.

    :ivar changed: the lock, told of changes.
    :ivar owners: the owners that were read.
    """

    def __init__(self, node: str) -> None:
        self.changed = Changes()
        self.pods = Pods(self.changed)
        self.services = Services(self.changed)
        self.namespaces = Namespaces(self.changed)
        self.owners: dict[Owner, Owned] = {}
        self.node = Owner("", Reference("v1", "Node", node))

    @property
    def left_out(self) -> int:
        """Return how often there was no room for an object."""
        return self.pods.left_out + self.services.left_out + self.namespaces.left_out

    def row(self, uid: str, *, has_services: bool) -> Row | None:
        """Return the row of the pod that the node calls *uid*; None: it is not known."""
        with self.changed:
            known = self.pods.find(uid)
            return None if known is None else self._row(known, has_services)

    def wanted(self) -> set[Owner]:
        """Return the owners that are to be read."""
        with self.changed:
            found = {owner for known in self.pods.by_uid.values() for owner in self._owners_of(known)}
        return {self.node, *(owner for owner in found if owner.is_read)}

    def forget(self, wanted: Iterable[Owner]) -> None:
        """Forget owners that are not *wanted*, and pods that have ended long ago."""
        kept = frozenset(wanted)
        with self.changed:
            self.owners = {owner: one for owner, one in self.owners.items() if owner in kept}
            self.pods.forget()

    def own(self, owner: Owner, found: Owned) -> None:
        """Take an owner that was read."""
        with self.changed:
            self.owners[owner] = found
            self.changed.tell()

    def _row(self, known: Known, has_services: bool) -> Row:
        namespace, owners = self.namespaces.find(known.namespace), [*self._owners_of(known)]
        missing = {
            "Namespace": namespace is None,
            "Service": not has_services,
            "Node": self.node not in self.owners,
            "owners": any(one.is_read and one not in self.owners for one in owners),
        }
        return Row(
            pod=known.thing,
            namespace=namespace or Thing("Namespace", known.namespace, ""),
            ip=known.ip,
            node=self._thing(self.node),
            owners=tuple(map(self._thing, owners)),
            services=tuple(self._services_of(known)),
            missing=frozenset(what for what, lacks in missing.items() if lacks),
        )

    def _owners_of(self, known: Known) -> Iterator[Owner]:
        reference = known.owner
        for _ in range(MOST_OWNERS):
            if reference is None:
                return
            yield (owner := Owner(known.namespace, reference))
            read = self.owners.get(owner)
            reference = None if read is None else read.owner

    def _thing(self, owner: Owner) -> Thing:
        read, reference = self.owners.get(owner), owner.reference
        told = None if read is None else read.thing
        return told or Thing(reference.kind, reference.name, reference.uid)

    def _services_of(self, known: Known) -> Iterator[Thing]:
        labels, found = (known.thing.labels or {}).items(), 0
        for one in self.services.within(known.namespace):
            if one.selector.items() <= labels:
                yield one.thing
                found += 1
                if found == MOST_SERVICES:
                    return
