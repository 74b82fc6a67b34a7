"""Fields of the container (``container.*``) and of Kubernetes (``k8s.*``), as far as the kernel tells them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from falcohost import Arg, ArgKind, Field, FieldType
from falcohost_syscall.events.event import SyscallEvent

T = FieldType
Get = Callable[[SyscallEvent, Arg], Any]


def metadata(event: SyscallEvent, _: Arg) -> str | None:
    """Return "" on the host, as Falco does, and nothing in a container: no runtime has been asked."""
    return "" if event.container.is_host else None


def called(event: SyscallEvent, _: Arg) -> str | None:
    """Return "host" on the host, and nothing in a container."""
    return "host" if event.container.is_host else None


def privileged(event: SyscallEvent, _: Arg) -> bool | None:
    """Return false on the host, and of a container what the kernel told of its init."""
    return False if event.container.is_host else event.proc.image.privileged


def false_on_host(event: SyscallEvent, _: Arg) -> bool | None:
    """Return false on the host, and nothing in a container."""
    return False if event.container.is_host else None


def _start(event: SyscallEvent, _: Arg) -> int | None:
    start = event.proc.image.pidns_start
    return start + event.ctx.boot if start and not event.container.is_host else None


def _duration(event: SyscallEvent, arg: Arg) -> int | None:
    start = _start(event, arg)
    return max(event.ts - start, 0) if start else None


def nothing(_: SyscallEvent, __: Arg) -> None:
    """Return nothing, wherever the event is."""


_LATER = "falcohost does not ask the container runtime yet, so it is absent in containers"

_SUGGESTED = frozenset({"container.id", "container.name", "container.image.repository", "container.image.tag"})


def _known() -> Iterator[Field]:
    rows: tuple[tuple[str, FieldType, str, Get], ...] = (
        (
            "container.id",
            T.CHARBUF,
            "First 12 characters of the container's id; host outside.",
            lambda e, _: e.container.id,
        ),
        ("container.full_id", T.CHARBUF, "The container's id; host outside.", lambda e, _: e.container.full_id),
        (
            "container.type",
            T.CHARBUF,
            "The container's runtime, by its cgroup; host outside.",
            lambda e, _: e.container.type,
        ),
        (
            "container.privileged",
            T.BOOL,
            "Told by the kernel: the container's init may use every capability and has no seccomp filter.",
            privileged,
        ),
        ("container.start_ts", T.ABSTIME, "When the first process of its pid namespace began.", _start),
        ("container.duration", T.RELTIME, "Time since container.start_ts.", _duration),
    )
    for name, kind, description, get in rows:
        yield Field(name=name, type=kind, description=description, get=get, suggested=name in _SUGGESTED)


def _unknown() -> Iterator[Field]:
    for name, what, get in (
        ("name", "Name of the container", called),
        ("image", "Name of its image with the tag", metadata),
        ("image.id", "Id of its image", metadata),
        ("image.repository", "Repository of its image", metadata),
        ("image.tag", "Tag of its image", metadata),
        ("image.digest", "Digest of its image", metadata),
        ("ip", "Address of the container", metadata),
        ("cni.json", "Its network configuration", metadata),
        ("mounts", "Its mounts", metadata),
        ("labels", "Its labels", metadata),
    ):
        full = f"container.{name}"
        yield Field(name=full, type=T.CHARBUF, description=f"{what}; {_LATER}.", get=get, suggested=full in _SUGGESTED)
    for name in ("host_pid", "host_network", "host_ipc"):
        yield Field(
            name=f"container.{name}",
            type=T.BOOL,
            description=f"It shares a namespace with the host; {_LATER}.",
            get=false_on_host,
        )
    yield Field(
        name="container.label",
        type=T.CHARBUF,
        description=f"One label of the container; {_LATER}.",
        get=nothing,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
    )
    for part in ("", ".source", ".dest", ".mode", ".rdwr", ".propagation"):
        yield Field(
            name=f"container.mount{part}",
            type=T.CHARBUF,
            description=f"One mount of the container, by place or by a pattern of its path; {_LATER}.",
            get=nothing,
            arg=ArgKind.ANY,
            arg_required=True,
        )


def _kubernetes() -> Iterator[Field]:
    plain = "pod.name pod.id pod.uid pod.sandbox_id pod.full_sandbox_id pod.labels pod.ip pod.cni.json ns.name"
    # The description of the system that falcohost was made from names these too.
    more = " deployment.name daemonset.name node.name"
    for name in (plain + more).split():
        yield Field(
            name=f"k8s.{name}",
            type=T.CHARBUF,
            description=f"Kubernetes metadata; {_LATER}.",
            get=nothing,
            suggested=name in ("pod.name", "ns.name"),
        )
    yield Field(
        name="k8s.pod.label",
        type=T.CHARBUF,
        description=f"One label of the pod; {_LATER}.",
        get=nothing,
        arg=ArgKind.KEY,
        arg_required=True,
        dotted=True,
    )


def _deprecated() -> Iterator[Field]:
    gone = "Always absent: Falco gave it up, and the name stays so that old rules load."
    names = ["container.healthcheck", "container.liveness_probe", "container.readiness_probe"]
    names += [f"k8s.{kind}.{part}" for kind in ("rc", "svc", "rs") for part in ("name", "id", "labels")]
    names += ["k8s.deployment.id", "k8s.deployment.labels", "k8s.ns.id", "k8s.ns.labels"]
    for name in names:
        yield Field(name=name, type=T.CHARBUF, description=gone, get=nothing, deprecated=True)
    for kind in ("rc", "svc", "rs", "deployment", "ns"):
        yield Field(
            name=f"k8s.{kind}.label",
            type=T.CHARBUF,
            description=gone,
            get=nothing,
            arg=ArgKind.KEY,
            arg_required=True,
            dotted=True,
            deprecated=True,
        )
    for name in ("healthcheck", "liveness_probe", "readiness_probe"):
        yield Field(name=f"proc.is_container_{name}", type=T.BOOL, description=gone, get=nothing, deprecated=True)


FIELDS: tuple[Field, ...] = (*_known(), *_unknown(), *_kubernetes(), *_deprecated())
