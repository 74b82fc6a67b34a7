"""The fields of pods: those of Falco's plugin ``k8smeta``, and some that it does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost.lookups import GIVEN_UP, PENDING
from falcohost_k8smeta.rows import Row, Thing

Read: TypeAlias = Callable[[Row, Arg], Any]
_Find: TypeAlias = Callable[[Row], Thing | None]

#: Owners by what fields call them, with their kind in Kubernetes and their name in descriptions.
_OWNERS: Final[Mapping[str, tuple[str, str]]] = {
    "deployment": ("Deployment", "deployment"),
    "rs": ("ReplicaSet", "replica set"),
    "rc": ("ReplicationController", "replication controller"),
}

#: Those of which Falco's plugin has nothing, and of which only name and uid are known.
_OTHERS: Final[Mapping[str, tuple[str, str]]] = {
    "ds": ("DaemonSet", "daemon set"),
    "sts": ("StatefulSet", "stateful set"),
    "job": ("Job", "job"),
    "cronjob": ("CronJob", "cron job"),
}

_OWN: Final = "Falco does not have it."


def _later(row: Row, *needs: str) -> Any:
    """Return what an absent value is: absent, or not known because one of *needs* is missing."""
    if row.missing.isdisjoint(needs):
        return None
    return GIVEN_UP if row.given_up else PENDING


def _of_pod(row: Row) -> Thing | None:
    return row.pod


def _of_namespace(row: Row) -> Thing | None:
    return row.namespace


def _of_node(row: Row) -> Thing | None:
    return row.node


def _of_owner(kind: str) -> _Find:
    return lambda row: next((one for one in row.owners if one.kind == kind), None)


def _workload(row: Row) -> Thing | None:
    """Return the last of the owners, or, of a pod that nobody owns, the pod."""
    return row.owners[-1] if row.owners else row.pod


def _text(find: _Find, part: str, *needs: str) -> Read:
    def read(row: Row, _: Arg) -> Any:
        one = find(row)
        return (getattr(one, part) if one is not None else "") or _later(row, *needs)

    return read


def _label(find: _Find, *needs: str) -> Read:
    def read(row: Row, arg: Arg) -> Any:
        one = find(row)
        value = one.labels.get(str(arg)) if one is not None and one.labels is not None else None
        if value is None and one is not None and one.is_cut:
            return GIVEN_UP
        return _later(row, *needs) if value is None else value

    return read


def _labels(find: _Find, *needs: str) -> Read:
    def read(row: Row, _: Arg) -> Any:
        one = find(row)
        return tuple(_joined((one,))) if one is not None and one.labels else _later(row, *needs)

    return read


def _joined(things: Iterable[Thing]) -> Iterator[str]:
    for one in things:
        yield from (f"{key}:{value}" for key, value in (one.labels or {}).items())


def _services(take: Callable[[Row, Arg], Iterable[str]]) -> Read:
    def read(row: Row, arg: Arg) -> Any:
        if found := tuple(take(row, arg)):
            return found
        return GIVEN_UP if row.pod.is_cut or any(one.is_cut for one in row.services) else _later(row, "Service")

    return read


def _service_label(row: Row, arg: Arg) -> Iterator[str]:
    for one in row.services:
        if (value := (one.labels or {}).get(str(arg))) is not None:
            yield value


def _chain(row: Row, _: Arg) -> Any:
    return tuple(f"{one.kind}/{one.name}" for one in row.owners) or _later(row, "owners")


def _last(part: str) -> Read:
    """Return the getter of a part of the workload, which is not known before all owners are."""
    read = _text(_workload, part)
    return lambda row, arg: _later(row, "owners") or read(row, arg)


def _field(name: str, what: str, get: Read, *, key: bool = False, is_list: bool = False) -> Field:
    kind = ArgKind.KEY if key else ArgKind.NONE
    return Field(
        name=f"k8smeta.{name}",
        type=FieldType.CHARBUF,
        description=what,
        get=get,
        arg=kind,
        arg_required=key,
        is_list=is_list,
    )


def _object(name: str, what: str, find: _Find, needs: tuple[str, ...] = (), own: str = "") -> Iterator[Field]:
    end = f" {own}" if own else ""
    yield _field(f"{name}.uid", f"Uid of the {what}.{end}", _text(find, "uid", *needs))
    yield _field(f"{name}.label", f"One label of the {what}.{end}", _label(find, *needs), key=True)
    yield _field(f"{name}.labels", f"Labels of the {what}, as key:value.{end}", _labels(find, *needs), is_list=True)


def _falcos() -> Iterator[Field]:
    yield _field("pod.name", "Name of the pod.", _text(_of_pod, "name"))
    yield from _object("pod", "pod", _of_pod)
    yield _field("pod.ip", "Address of the pod.", lambda row, _: row.ip or None)
    yield _field("ns.name", "Name of the pod's namespace.", _text(_of_namespace, "name"))
    yield from _object("ns", "pod's namespace", _of_namespace, ("Namespace",))
    for name, (kind, what) in _OWNERS.items():
        find = _of_owner(kind)
        yield _field(f"{name}.name", f"Name of the {what} that the pod belongs to.", _text(find, "name", "owners"))
        yield from _object(name, f"{what} that the pod belongs to", find, ("owners",))
    names, uids = _services(lambda row, _: _each(row, "name")), _services(lambda row, _: _each(row, "uid"))
    labels = _services(lambda row, _: _joined(row.services))
    yield _field("svc.name", "Names of the services that select the pod.", names, is_list=True)
    yield _field("svc.uid", "Uids of the services that select the pod.", uids, is_list=True)
    one = _services(_service_label)
    yield _field("svc.label", "One label of the services that select the pod.", one, key=True, is_list=True)
    yield _field("svc.labels", "Labels of the services that select the pod, as key:value.", labels, is_list=True)


def _each(row: Row, part: str) -> Iterator[str]:
    return (getattr(one, part) for one in row.services)


def _more() -> Iterator[Field]:
    yield _field("node.name", f"Name of the node. {_OWN}", _text(_of_node, "name"))
    yield from _object("node", "node", _of_node, ("Node",), _OWN)
    for name, (kind, what) in _OTHERS.items():
        for part in ("name", "uid"):
            about = f"{part.capitalize()} of the {what} that the pod belongs to. {_OWN}"
            yield _field(f"{name}.{part}", about, _text(_of_owner(kind), part, "owners"))
    for part in ("kind", "name", "uid"):
        about = f"{part.capitalize()} of the last of the pod's owners; of the pod, if it has none. {_OWN}"
        yield _field(f"workload.{part}", about, _last(part))
    about = f"The pod's owners as kind/name, the nearest first. {_OWN}"
    yield _field("owners", about, _chain, is_list=True)


#: The fields.
FIELDS: Final = (*_falcos(), *_more())

#: The fields of the source that are filled.
FILLS: Final[Mapping[str, Read]] = {
    "k8s.deployment.name": _text(_of_owner("Deployment"), "name", "owners"),
    "k8s.daemonset.name": _text(_of_owner("DaemonSet"), "name", "owners"),
    "k8s.node.name": _text(_of_node, "name"),
}
