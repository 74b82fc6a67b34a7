"""Fields of the container (``container.*``) and of Kubernetes (``k8s.*``), as far as the kernel knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from falcohost import Arg, ArgKind, FieldType
from falcohost_syscall.events.event import SyscallEvent
from falcohost_syscall.facts import containers
from falcohost_syscall.facts.kinds import always, constant
from falcohost_syscall.fields.field import Get, SyscallField, row
from falcohost_syscall.processes.described import Described

T = FieldType


#: Returns a value, given what is told of a container and the field's argument.
Read: TypeAlias = Callable[[Described, Arg], Any]

#: Labels that Kubernetes' runtimes add, which lists of labels leave out.
_OWN_LABELS: Final = ("annotation.", "io.kubernetes.")


def _told(read: Read, outside: Any = None) -> Get:
    """Return the getter of a field that is *outside* on the host, and in containers what the source was told of them.

    No runtime is asked, so it is absent where nothing was.
    """

    def get(event: SyscallEvent, arg: Arg) -> Any:
        if (told := event.described) is not None:
            return read(told, arg)
        return outside if event.container.is_host else None

    return get


def _of(member: str) -> Read:
    return lambda told, _: getattr(told, member)


def _only_outside(value: Any) -> Get:
    """Return the getter of a field that is *value* on the host and absent in containers, as no runtime is asked."""
    return lambda event, _: value if event.container.is_host else None


def _listed(labels: Mapping[str, str] | None) -> str:
    """Return labels as Falco lists them."""
    shown = sorted((labels or {}).items())
    return ", ".join(f"{key}:{value}" if value else key for key, value in shown if not key.startswith(_OWN_LABELS))


def _label(told: Described, key: Arg) -> str | None:
    return (told.labels or {}).get(str(key))


def _pod_label(event: SyscallEvent, key: Arg) -> str | None:
    known = ((one.pod_sandbox_labels or {}) for one in (event.described_pod, event.described) if one is not None)
    return next((labels[str(key)] for labels in known if key in labels), None)


def _pod_labels(event: SyscallEvent, _: Arg) -> str | None:
    told = event.described_pod or event.described
    return None if told is None else _listed(told.pod_sandbox_labels)


def _of_pod(member: str) -> Get:
    def get(event: SyscallEvent, _: Arg) -> str | None:
        return None if (told := event.described_pod) is None else getattr(told, member)

    return get


def _by_label(name: str) -> Get:
    """Return the getter of what a label of Kubernetes' runtimes says."""
    return _told(lambda told, _: _label(told, f"io.kubernetes.{name}"))


def _of_mount(part: str) -> Read:
    """Return a part of the mount that the argument names; the source of one is found by its destination."""

    def read(told: Described, which: Arg) -> str | None:
        one = told.mount(which or 0, by_destination=part == "source")
        if one is None:
            return None
        found = getattr(one, part) if part else str(one)
        return str(found).lower() if part == "rw" else found

    return read


def _privileged(event: SyscallEvent, _: Arg) -> bool | None:
    """Return false on the host; in a container, what is known of the container's init."""
    if (told := event.described) is not None:
        return told.privileged
    return False if event.container.is_host else event.ctx.is_unconfined(event.proc)


def _start(event: SyscallEvent, _: Arg) -> int | None:
    start = event.proc.image.pidns_start
    return start + event.ctx.boot if start and not event.container.is_host else None


def _duration(event: SyscallEvent, arg: Arg) -> int | None:
    start = _start(event, arg)
    return max(event.ts - start, 0) if start else None


def _nothing(_: SyscallEvent, __: Arg) -> None:
    """Return None: the field is always absent."""


_NEVER: Final = always(constant(None))


#: Fields that only events of captures have, and those that none has unless a lookup fills them.
IN_CAPTURES: Final = frozenset({"container.cni.json", "k8s.pod.cni.json"})
NOWHERE: Final = frozenset({"k8s.deployment.name", "k8s.daemonset.name", "k8s.node.name"})

_LATER = "absent in containers, unless a lookup fills it or a capture tells it"

_SUGGESTED = frozenset({"container.name", "container.image.repository", "container.image.tag"})


def _known() -> Iterator[SyscallField]:
    for name, description, get in (
        ("id", "First 12 characters of the container's id; host outside of containers.", lambda e, _: e.container.id),
        ("full_id", "The container's id; host outside of containers.", lambda e, _: e.container.full_id),
        ("type", "The container's runtime, by its cgroup; host outside of containers.", lambda e, _: e.container.type),
    ):
        yield SyscallField(
            name=f"container.{name}",
            type=T.CHARBUF,
            description=description,
            get=get,
            fact=containers.identity,
            suggested=name == "id",
        )
    yield row(
        "container.outer",
        T.CHARBUF,
        "The container that it was started in, as type/id, or the user whose cgroups it is in, as user/uid; or empty.",
        lambda e, _: e.container.outer,
    )
    yield row(
        "container.privileged",
        T.BOOL,
        "The container's init may have every capability and has no seccomp filter, according to the kernel.",
        _privileged,
        containers.privileged,
    )
    yield row("container.start_ts", T.ABSTIME, "Start of the first process in its pid namespace.", _start)
    yield row("container.duration", T.RELTIME, "Time since container.start_ts.", _duration)


def _unknown() -> Iterator[SyscallField]:
    for name, what, outside, read in (
        ("name", "Name of the container", "host", _of("name")),
        ("image", "Name of its image with the tag", "", _of("image")),
        ("image.id", "Id of its image", "", _of("imageid")),
        ("image.repository", "Repository of its image", "", _of("imagerepo")),
        ("image.tag", "Tag of its image", "", _of("imagetag")),
        ("image.digest", "Digest of its image", "", _of("imagedigest")),
        ("ip", "Address of the container", "", _of("ip")),
        ("cni.json", "Its network configuration", "", _of("cni_json")),
        ("mounts", "Its mounts", "", lambda told, _: ",".join(map(str, told.mounts or ()))),
        ("labels", "Its labels", "", lambda told, _: _listed(told.labels)),
    ):
        yield SyscallField(
            name=f"container.{name}",
            type=T.CHARBUF,
            description=f"{what}; {_LATER}.",
            get=_told(read, outside),
            fact=containers.only_outside(outside),
            suggested=f"container.{name}" in _SUGGESTED,
        )
    for name in ("host_pid", "host_network", "host_ipc"):
        yield SyscallField(
            name=f"container.{name}",
            type=T.BOOL,
            description=f"The container shares this namespace with the host; {_LATER}.",
            get=_told(_of(name), False),
            fact=containers.only_outside(False),
        )
    for name, what in (
        ("healthcheck", "health check"),
        ("liveness_probe", "liveness probe"),
        ("readiness_probe", "readiness probe"),
    ):
        yield SyscallField(
            name=f"proc.is_container_{name}",
            type=T.BOOL,
            description=f"The process is part of the container's {what}; {_LATER}, which it does where there is none.",
            get=_only_outside(False),
            fact=containers.only_outside(False),
        )
    yield SyscallField(
        name="container.label",
        type=T.CHARBUF,
        description=f"One label of the container; {_LATER}.",
        get=_told(_label),
        fact=_NEVER,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
    )
    for part, member in (
        ("", ""),
        (".source", "source"),
        (".dest", "destination"),
        (".mode", "mode"),
        (".rdwr", "rw"),
        (".propagation", "propagation"),
    ):
        yield SyscallField(
            name=f"container.mount{part}",
            type=T.CHARBUF,
            description=f"One mount of the container, by index or by a pattern of its path; {_LATER}.",
            get=_told(_of_mount(member)),
            fact=_NEVER,
            arg=ArgKind.ANY,
            arg_required=True,
            arg_is_pattern=True,
        )


def _kubernetes() -> Iterator[SyscallField]:
    for name, get in (
        ("pod.name", _by_label("pod.name")),
        ("pod.id", _by_label("pod.uid")),
        ("pod.uid", _by_label("pod.uid")),
        ("pod.sandbox_id", _told(_of("sandbox"))),
        ("pod.full_sandbox_id", _told(_of("pod_sandbox_id"))),
        ("pod.labels", _pod_labels),
        ("pod.ip", _of_pod("ip")),
        ("pod.cni.json", _of_pod("cni_json")),
        ("ns.name", _by_label("pod.namespace")),
        # The description that falcohost was written from has these too.
        *((f"{kind}.name", _nothing) for kind in ("deployment", "daemonset", "node")),
    ):
        yield SyscallField(
            name=f"k8s.{name}",
            type=T.CHARBUF,
            description=f"Kubernetes metadata; {_LATER}.",
            get=get,
            fact=_NEVER,
            suggested=name in ("pod.name", "ns.name"),
        )
    yield SyscallField(
        name="k8s.pod.label",
        type=T.CHARBUF,
        description=f"One label of the pod; {_LATER}.",
        get=_pod_label,
        fact=_NEVER,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
    )


def _deprecated() -> Iterator[SyscallField]:
    gone = "Always absent: Falco removed the field, and its name is kept so that old rules load."
    names = ["container.healthcheck", "container.liveness_probe", "container.readiness_probe"]
    names += [f"k8s.{kind}.{part}" for kind in ("rc", "svc", "rs") for part in ("name", "id", "labels")]
    names += ["k8s.deployment.id", "k8s.deployment.labels", "k8s.ns.id", "k8s.ns.labels"]
    for name in names:
        yield SyscallField(
            name=name, type=T.CHARBUF, description=gone, get=_nothing, fact=_NEVER, absent=True, deprecated=True
        )
    for kind in ("rc", "svc", "rs", "deployment", "ns"):
        yield SyscallField(
            name=f"k8s.{kind}.label",
            type=T.CHARBUF,
            description=gone,
            get=_nothing,
            fact=_NEVER,
            absent=True,
            arg=ArgKind.KEY,
            arg_required=True,
            dotted=True,
            deprecated=True,
        )


FIELDS: tuple[SyscallField, ...] = (*_known(), *_unknown(), *_kubernetes(), *_deprecated())
