"""A pod as the API server describes it, and the messages between the lookup and the process that watches.

Everything in a row was written by whoever may create objects in the cluster: texts are cut, lists have limits, and a
row is smaller than a message may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

#: Most characters of a name, and bytes of all labels of an object together.
MOST_NAME: Final = 512
MOST_LABELS: Final = 8192

#: Most services and owners of a pod that are told.
MOST_SERVICES: Final = 64
MOST_OWNERS: Final = 6

#: Most characters of a uid.
MOST_UID: Final = 64

_Uid: TypeAlias = Annotated[str, Meta(max_length=MOST_UID)]


class Thing(Struct, array_like=True, frozen=True, gc=False):
    """An object of the cluster.

    :ivar labels: None: they are not known, since the object itself was not read.
    :ivar is_cut: there are more of them.
    """

    kind: str
    name: str
    uid: str
    labels: dict[str, str] | None = None
    is_cut: bool = False


class Row(Struct, array_like=True, frozen=True, kw_only=True):
    """A pod and what it belongs to.

    :ivar owners: what has made the pod, what has made that, and so on.
    :ivar services: those that select the pod by its labels.
    :ivar missing: what is not known, though it may be there: ``Namespace``, ``Service``, ``Node``, ``owners``.
    :ivar given_up: that will not be known soon.
    """

    pod: Thing
    namespace: Thing
    ip: str = ""
    node: Thing | None = None
    owners: tuple[Thing, ...] = ()
    services: tuple[Thing, ...] = ()
    missing: frozenset[str] = frozenset()
    given_up: bool = False

    @property
    def is_whole(self) -> bool:
        """Return whether all of it is known."""
        return not self.missing


class Question(Struct, array_like=True, frozen=True):
    """Asks for the pod with this uid; an empty one only asks how things are.

    :ivar all: is to be answered when all of it is known, or will not be known soon.
    """

    uid: _Uid
    all: bool = False


class Answer(Struct, array_like=True, frozen=True):
    """The answer to the question about this uid; without a row, there is no such pod on this node.

    :ivar pods: how many pods are known.
    :ivar problem: what is not reached; empty: nothing.
    :ivar seconds: for how long.
    :ivar left_out: how often an object was left out since there was no room for it.
    :ivar odd: how often one was left out since it could not be read.
    """

    uid: str
    row: Row | None
    pods: int = 0
    problem: str = ""
    seconds: int = 0
    left_out: int = 0
    odd: int = 0


def texts(values: Mapping[str, str] | None) -> tuple[dict[str, str], bool]:
    """Return labels by name, and whether some had no room, of which the longest are left out."""
    pairs = sorted((values or {}).items())
    kept, left = [], MOST_LABELS
    for pair in sorted(pairs, key=_size):
        left -= _size(pair)
        if left < 0:
            break
        kept.append(pair)
    return dict(pairs if len(kept) == len(pairs) else sorted(kept)), len(kept) < len(pairs)


def _size(pair: tuple[str, str]) -> int:
    return sum(len(text.encode(errors="replace")) + 1 for text in pair)
